"""The detector on made-up streams: change, quiet, models, and vectors that are no data."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest

from streams.drift.control import Rebaseline
from streams.errors import Misconfigured
from streams.stages.drift import DriftOptions, DriftStage
from tests.support.streams_of_documents import Item, Law, enriched, item, stream

if TYPE_CHECKING:
    from schemas.messages import DriftAlert, WindowStats

OPTIONS = DriftOptions(
    window_ms=10_000,
    lateness_ms=0,
    reference_documents=200,
    false_alarms_per_ms=1e-8,
    scales=(20, 40, 80, 160),
    calibration_streams=16,
    calibration_documents=1000,
)


def run(
    items: list[Item], options: DriftOptions = OPTIONS
) -> tuple[list[WindowStats], list[DriftAlert]]:
    stage = DriftStage(options)
    outputs = [stage.process(items[start : start + 64]) for start in range(0, len(items), 64)]
    stats = [*chain.from_iterable(output.stats for output in outputs), *stage.flush_open()]
    return stats, [alert for output in outputs for alert in output.alerts]


def opened(alerts: list[DriftAlert]) -> list[DriftAlert]:
    return [alert for alert in alerts if alert.state == "open"]


def of(vectors: npt.NDArray[np.float32], **changes: object) -> list[Item]:
    rows = vectors.astype("<f4")
    return [item(enriched(k, embedding=row.tobytes(), **changes)) for k, row in enumerate(rows)]


def changed_stream() -> list[Item]:
    law, rng = Law.of(16), np.random.default_rng(10)
    vectors = np.concatenate([law.draw(rng, 500), law.draw(rng, 300, shift=0.8)])
    return stream(vectors, rng, topic=("tensor", "gradient"), topic_from=500)


def test_a_change_that_stays_is_one_alert_and_then_the_new_normal() -> None:
    """One event, one alert; the documents after the cool-down become the next reference."""
    stats, alerts = run(changed_stream())
    states = list(dict.fromkeys((r.drift_state, r.reference_reason) for r in stats))
    assert states == [("collecting", "first"), ("watching", "first"), ("alarmed", "first")]
    assert alerts[0].score > alerts[0].threshold
    assert (alerts[0].state, alerts[0].reference_documents) == ("open", 200)
    law, rng = Law.of(16), np.random.default_rng(10)
    vectors = np.concatenate([law.draw(rng, 500), law.draw(rng, 700, shift=0.8)])
    stats, alerts = run(of(vectors))
    assert len({alert.alert_id for alert in alerts}) == 1
    assert (alerts[-1].state, alerts[-1].reason) == ("closed", "new-reference")
    opening, closing = alerts[0].as_of or 0, alerts[-1].as_of or 0
    assert (closing - opening) / 500 == OPTIONS.cooldown_documents + OPTIONS.reference_documents
    assert (stats[-1].drift_state, stats[-1].reference_reason) == ("watching", "new-reference")
    seams = dict.fromkeys(record.reference_id for record in stats)
    assert list(seams) == ["1", "2"]


def test_a_change_that_passes_is_told_from_one_that_stays() -> None:
    """After a burst the same reference watches on: the alert says so, and the next burst alarms."""
    law, rng = Law.of(16), np.random.default_rng(21)
    burst = [law.draw(rng, 60, shift=1.0), law.draw(rng, 400)]
    vectors = np.concatenate([law.draw(rng, 500), *burst, *burst])
    stats, alerts = run(of(vectors), replace(OPTIONS, reference_documents=300))
    assert [a.state for a in alerts if a.state != "update"] == ["open", "closed"] * 2
    assert {alert.reason for alert in alerts} == {"", "returned"}
    assert len({alert.alert_id for alert in alerts}) == 2
    assert {record.reference_id for record in stats} == {"1"}
    assert stats[-1].drift_state == "watching"


def test_a_rebaseline_by_hand_closes_the_alert() -> None:
    """From the next document on a new reference is collected, and the window says why."""
    stage = DriftStage(OPTIONS)
    items = changed_stream()
    before = stage.process(items[:700])
    after = stage.process([(items[700][0], Rebaseline("news", "the feed has moved")), *items[701:]])
    (closed,) = after.alerts
    assert opened(list(before.alerts))[0].alert_id == closed.alert_id
    assert (closed.state, closed.reason, closed.note) == (
        "closed",
        "by-hand",
        "the feed has moved",
    )
    last = stage.flush_open()[-1]
    assert (last.drift_state, last.reference_reason) == ("collecting", "by-hand")
    assert stage.process([(items[700][0], Rebaseline("news", "again"))]).alerts == ()
    assert stage.process([(items[799][0], Rebaseline("nobody", ""))]).alerts == ()
    assert "nobody" not in stage.sources_of(0)


def test_the_alert_explains_itself() -> None:
    """It names when, the words, the documents of both sides, and the query that shows them."""
    items = changed_stream()
    (alert,) = opened(run(items)[1])
    change = items[500][1].published_at
    assert abs((alert.changed_at or 0) - change) <= 20 * 500
    assert {"tensor", "gradient"} <= {term.term for term in alert.terms_up}
    news = {pair[1].doc_id for pair in items[500:]}
    # The window is at least 20 documents long, and the change was seen earlier.
    assert len({evidence.doc_id for evidence in alert.new_documents} & news) >= 4
    assert {evidence.doc_id for evidence in alert.old_documents}.isdisjoint(news)
    assert 5 == len(alert.new_documents) == len(alert.old_documents)
    assert pytest.approx(sum(share.after for share in alert.labels)) == 1.0
    assert '"news" changed ' in alert.message
    assert "Words that came: " in alert.message
    assert alert.changed_from is not None
    assert alert.changed_to is not None
    assert alert.changed_from <= change <= alert.changed_to
    assert f"fromUnixTimestamp64Milli({alert.window_start}, 'UTC')" in alert.sql
    assert alert.window_start <= alert.detected_at <= alert.window_end


def test_the_same_event_has_the_same_id() -> None:
    """Two runs over the same messages raise the same alert; another source another."""
    one, two = run(changed_stream())[1], run(changed_stream())[1]
    assert one == two
    other = [(o, replace(d, source="other")) for o, d in changed_stream()]
    assert one[0].alert_id != run(other)[1][0].alert_id


def test_quiet_streams_stay_quiet() -> None:
    """Twelve quiet streams one with fewer documents than dimensions: silence."""
    alarms = []
    for seed in range(12):
        law, rng = Law.of(300 if seed == 0 else 16), np.random.default_rng(100 + seed)
        alarms += run(of(law.draw(rng, 1200)))[1]
    assert alarms == []


@pytest.mark.parametrize("kinds", [1, 2, 3])
def test_constant_and_doubled_embeddings_do_not_alarm(kinds: int) -> None:
    """No variance, or a handful of distinct vectors: no crash, no alarm, finite scores."""
    rng = np.random.default_rng(11)
    distinct = Law.of(32).draw(rng, kinds)
    stats, alerts = run(of(distinct[rng.integers(kinds, size=1500)]))
    assert alerts == []
    scores = [record.drift_score for record in stats if record.drift_score is not None]
    assert scores
    assert bool(np.isfinite(scores).all())


def test_a_different_document_after_constant_ones_alarms() -> None:
    """Where nothing ever varied, another vector is a change."""
    distinct = Law.of(32).draw(np.random.default_rng(12), 2)
    vectors = distinct[[0] * 400 + [1] * 200]
    assert len(opened(run(of(vectors))[1])) == 1


def test_unusable_embeddings_are_left_out() -> None:
    """NaN, infinite, zero, empty, cut and giant vectors change nothing but a counter."""
    law, rng = Law.of(16), np.random.default_rng(13)
    items = of(law.draw(rng, 600))
    vectors = [np.full(16, value, "<f4") for value in (np.nan, np.inf, 0.0, 1e30)]
    broken = [vector.tobytes() for vector in vectors] + [b"", b"abc"]
    for place, payload in enumerate(broken * 20):
        origin, document = items[place * 4]
        items[place * 4] = (origin, replace(document, embedding=payload))
    stage = DriftStage(OPTIONS)
    output = stage.process(items)
    assert stage.unusable == 120
    assert output.alerts == ()
    assert (
        sum({r.window_start: r.documents for r in output.stats + stage.flush_open()}.values())
        == 600
    )


def test_a_new_model_starts_its_own_reference() -> None:
    """Ten documents of another revision in a row: collecting again, without an alarm."""
    law, rng = Law.of(16), np.random.default_rng(14)
    items = of(law.draw(rng, 400))
    moved = of(law.draw(rng, 400, shift=5.0), embedding_revision="new")
    items += [
        item(
            replace(
                d,
                offset=400 + k,
                doc_id=f"n{k}",
                published_at=d.published_at + 200_000,
                received_at=d.received_at + 200_000,
            )
        )
        for k, (_, d) in enumerate(moved)
    ]
    stats, alerts = run(items)
    assert alerts == []
    seen = [(record.embedding_model, record.drift_state) for record in stats]
    assert ("mini@abc", "watching") in seen
    assert ("mini@new", "collecting") in seen
    assert seen[-1] == ("mini@new", "watching")


def test_overlapping_models_do_not_reset_each_other() -> None:
    """Two revisions in turn, as in a roll-out: the first one's watch goes on."""
    law, rng = Law.of(16), np.random.default_rng(15)
    items = [
        (o, replace(d, embedding_revision="new" if o.offset % 3 == 2 else "abc"))
        for o, d in of(law.draw(rng, 900))
    ]
    stats, _ = run(items)
    assert {"mini@abc"} == {record.embedding_model for record in stats}
    assert stats[-1].drift_state == "watching"


@pytest.mark.parametrize("dimensions", [1, 3, 50])
def test_any_number_of_dimensions(dimensions: int) -> None:
    """Vectors of any length are watched."""
    rng = np.random.default_rng(16)
    vectors = (rng.normal(size=(400, dimensions)) + 2).astype(np.float32)
    assert run(of(vectors))[0][-1].drift_state == "watching"


@pytest.mark.parametrize(
    "wrong",
    [
        {"window_ms": 0},
        {"lateness_ms": -1},
        {"reference_documents": 5},
        {"false_alarms_per_ms": 0.0},
        {"scales": (25,)},
    ],
)
def test_wrong_options_are_refused(wrong: dict[str, object]) -> None:
    """Options that make no sense are refused at once."""
    with pytest.raises(Misconfigured):
        replace(OPTIONS, **wrong)  # type: ignore[arg-type]
