"""The canaries' judgement: what is silent, what is told, and what survives."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from streams.drift.canary import ADOPT_MS
from streams.drift.canary_post import CanaryPost
from streams.stages.canary import CANARY_SET, CANARY_SOURCE, canary_id
from tests.support.streams_of_documents import Item, enriched, item

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.messages import DriftAlert

EVERY_MS = 300_000
START = 1_700_000_000_000
COUNT = 40
DIMENSIONS = 24
BASE = np.random.default_rng(5).normal(size=(COUNT, DIMENSIONS))


class Fleet:
    """Enrich workers that answer; the topic's offsets go on from run to run."""

    def __init__(self) -> None:
        self.offset = 0

    def run(
        self,
        minute: float,
        worker: str = "a:1",
        *,
        noise: float = 0.0,
        moved: float = 0.0,
        pieces: int = 0,
        flips: int = 0,
        **changes: object,
    ) -> list[Item]:
        """Return a run; ``noise`` and ``moved`` are cosine distances, roughly."""
        now = START + int(minute * 60_000)
        rng = np.random.default_rng(int(minute * 1000) % 2**31)
        other = np.random.default_rng(99).normal(size=BASE.shape)
        vectors = BASE + np.sqrt(2 * moved) * other
        vectors += np.sqrt(2 * noise) * rng.normal(size=BASE.shape)
        items = []
        for index, vector in enumerate(vectors):
            document = enriched(
                index,
                source=CANARY_SOURCE,
                doc_id=canary_id(index),
                topic="tidemark-canary",
                received_at=now,
                label="sports" if index < flips else "science",
                word_pieces=50 + (index < pieces),
                tokens=40,
                embedding=vector.astype("<f4").tobytes(),
                metadata={
                    "canary_set": CANARY_SET,
                    "canary_documents": str(COUNT),
                    "worker": worker,
                    "host": worker.split(":", maxsplit=1)[0],
                    "run": str(now),
                    "every_ms": str(EVERY_MS),
                },
            )
            document = replace(document, **changes)  # type: ignore[arg-type]
            items.append(item(document, self.offset))
            self.offset += 1
        return items


def judge(post: CanaryPost, runs: Sequence[Sequence[Item]]) -> list[DriftAlert]:
    return [alert for run in runs for one in run for alert in post.take(*one)]


def told(alerts: Sequence[DriftAlert]) -> list[tuple[str, str]]:
    return [(alert.severity, alert.state) for alert in alerts]


def blamed(post: CanaryPost) -> str:
    """Return what an alert that opens now is given to say."""
    return post.blamed(user_alert()).message.removesuffix("The stream moved.").strip()


def user_alert(state: str = "open", alert_id: str = "f00") -> DriftAlert:
    fleet = Fleet()
    runs = [fleet.run(0), fleet.run(5, "a:2", moved=2e-3)]
    (alert,) = judge(CanaryPost(0), runs)
    return replace(
        alert, alert_id=alert_id, source="news", state=state, message="The stream moved."
    )


def test_the_same_answers_are_silent() -> None:
    """Restarts, more workers and what other computers make of the same weights are no news."""
    fleet, post = Fleet(), CanaryPost(0)
    runs = [fleet.run(0), fleet.run(5), fleet.run(6, "a:2"), fleet.run(10, "b:1", noise=5e-5)]
    runs += [fleet.run(15, "a:2", flips=1)]
    assert judge(post, runs) == []
    assert blamed(post) == ""


def test_moved_embeddings_are_one_event_with_an_end() -> None:
    """An alert when answers move, an update for another worker, a closing one when they return."""
    fleet, post = Fleet(), CanaryPost(0)
    assert judge(post, [fleet.run(0)]) == []
    opened = judge(post, [fleet.run(5, "a:2", moved=2e-3, compute_type="float32")])
    assert told(opened) == [("critical", "open")]
    (alert,) = opened
    assert alert.kind == "pipeline"
    assert alert.source == CANARY_SOURCE
    assert "precision int8 on cpu became float32 on cpu" in alert.message
    assert "worker a:2" in alert.message
    assert alert.score > alert.threshold
    assert blamed(post).startswith("Probably the pipeline, not the stream: model, tokenizer or pr")
    again = judge(post, [fleet.run(10, "a:2", moved=2e-3, compute_type="float32")])
    assert again == []
    grown = judge(post, [fleet.run(11, "b:1", moved=2e-3, compute_type="float32")])
    assert told(grown) == [("critical", "update")]
    closed = judge(post, [fleet.run(40, "a:3"), fleet.run(45, "a:3")])
    assert told(closed) == [("critical", "closed")]
    assert {one.alert_id for one in (*opened, *grown, *closed)} == {alert.alert_id}
    versions = [one.version for one in (*opened, *grown, *closed)]
    assert versions == sorted(set(versions))
    assert blamed(post) == ""


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"pieces": 3}, "the tokenizer cuts otherwise"),
        ({"tokens": 41}, "words are counted otherwise"),
        ({"moved": 2e-3}, "the weights answer otherwise"),
        ({"flips": 9}, "the labels are given otherwise"),
        ({"embedding": np.ones(12, "<f4").tobytes()}, "the weights answer otherwise"),
        ({"embedding": np.full(24, np.nan, "<f4").tobytes()}, "the weights answer otherwise"),
    ],
)
def test_the_alert_says_what_moved(change: dict[str, Any], cause: str) -> None:
    """Tokenizer, words, weights and labels are told apart; broken vectors are moved ones."""
    fleet, post = Fleet(), CanaryPost(0)
    alerts = judge(post, [fleet.run(0), fleet.run(5, **change)])
    assert told(alerts) == [("critical", "open")]
    assert cause in alerts[0].message


def test_another_model_is_announced_once() -> None:
    """A rollout is one informational alert, however the workers overlap; so is the way back."""
    fleet, post = Fleet(), CanaryPost(0)
    new: dict[str, Any] = {"embedding_revision": "def", "moved": 0.5}
    runs = [
        fleet.run(0, "a:1"),
        fleet.run(0.1, "b:1"),
        fleet.run(5, "a:2", **new),
        fleet.run(6, "b:1"),
        fleet.run(7, "b:2", **new),
    ]
    alerts = judge(post, runs)
    assert told(alerts) == [("info", "closed")]
    assert alerts[0].message.startswith("Model changed from mini@abc to mini@def on worker a:2")
    assert blamed(post) == ""
    back = judge(post, [fleet.run(60, "a:2", **new), fleet.run(61, "a:3"), fleet.run(62, "b:3")])
    assert told(back) == [("info", "closed")]
    assert "from mini@def to mini@abc" in back[0].message


def test_going_back_after_an_adopted_change_is_a_change() -> None:
    """After an hour the new answers are the reference; then the old ones are the event."""
    fleet, post = Fleet(), CanaryPost(0)
    judge(post, [fleet.run(0)])
    minutes = range(5, 5 + ADOPT_MS // 60_000 + 1, 5)
    alerts = judge(post, [fleet.run(m, "a:2", moved=2e-3) for m in minutes])
    assert told(alerts) == [("critical", "open"), ("critical", "closed")]
    assert "taken for the reference" in alerts[-1].message
    assert alerts[-1].reason == "new-reference"
    later = judge(post, [fleet.run(100, "a:3")])
    assert told(later) == [("critical", "open")]
    assert later[0].alert_id != alerts[0].alert_id


def test_alerts_of_segments_blame_the_pipeline_while_it_is_changed() -> None:
    """Only what began during the change, through its updates to its end; kept in the state."""
    fleet, post = Fleet(), CanaryPost(0)
    judge(post, [fleet.run(0)])
    assert post.blamed(user_alert(alert_id="before")).message == "The stream moved."
    judge(post, [fleet.run(5, "a:2", moved=2e-3)])
    opened = post.blamed(user_alert(alert_id="during"))
    assert opened.message.endswith("The stream moved.")
    assert opened.message != "The stream moved."
    stored = {name: payload for name, payload in post.snapshot() if payload is not None}
    other = CanaryPost(0)
    other.restore(stored)
    judge(other, [fleet.run(40, "a:3"), fleet.run(41, "a:3")])
    assert other.blamed(user_alert("update", "before")).message == "The stream moved."
    assert other.blamed(user_alert("update", "during")).message == opened.message
    assert other.blamed(user_alert("closed", "during")).message == opened.message
    assert other.blamed(user_alert("update", "during")).message == "The stream moved."


def test_unfinished_and_repeated_runs_count_for_nothing() -> None:
    """A worker that dies within a run, and messages that come twice, lead to nothing."""
    fleet, post = Fleet(), CanaryPost(0)
    first = fleet.run(0)
    assert judge(post, [first, first, fleet.run(5, moved=2e-3)[:39]]) == []
    doubled = [*(one for one in fleet.run(10) for _ in range(2))]
    assert judge(post, [doubled, fleet.run(15)]) == []


def test_state_goes_on_from_any_message() -> None:
    """Restored from a snapshot between any two messages, the same alerts follow."""
    fleet = Fleet()
    runs = [fleet.run(0), fleet.run(5, "a:2", moved=2e-3), fleet.run(40, "a:3"), fleet.run(41)]
    items = [one for run in runs for one in run]
    expected = judge(CanaryPost(0), runs)
    assert [alert.state for alert in expected] == ["open", "closed"]
    for cut in (0, 17, 40, 63, 80, 119, 121):
        stored: dict[str, bytes | None] = {}
        before, after = CanaryPost(0), CanaryPost(0)
        alerts = judge(before, [items[:cut]])
        stored |= dict(before.snapshot())
        after.restore({name: payload for name, payload in stored.items() if payload is not None})
        alerts += judge(after, [items[:cut], items[cut:]])
        assert alerts == expected
        assert after.snapshot()[-1] is not None


def test_state_is_bounded() -> None:
    """However many workers and answers come, little is kept; only partition 0 speaks."""
    fleet, post = Fleet(), CanaryPost(1)
    runs = [fleet.run(60 * n, f"w{n}:1", moved=0.01 * n) for n in range(1, 30)]
    assert judge(post, runs) == []
    size = sum(len(payload or b"") for _, payload in post.snapshot())
    assert size < 12 * COUNT * DIMENSIONS * 2 + 30_000
