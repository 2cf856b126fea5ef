"""Which reference a segment is compared with: settled, fixed, rolling, chosen; and by label."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

import numpy as np
import pytest

from schemas.messages import Enriched, Origin, WindowStats
from streams.drift.control import Control, Learn, Rebaseline
from streams.errors import Misconfigured
from streams.stages.drift import DriftOptions, DriftOutput, DriftStage
from tests.support.streams_of_documents import Item, Law, stream

OPTIONS = DriftOptions(
    window_ms=10_000,
    lateness_ms=0,
    reference_documents=200,
    false_alarms_per_ms=1e-8,
    scales=(20, 40, 80, 160),
    calibration_streams=16,
    calibration_documents=1000,
)
LAW = Law.of(16)


def drawn(*parts: tuple[int, float], seed: int = 10) -> list[Item]:
    """Documents by parts of so many, shifted by so much."""
    rng = np.random.default_rng(seed)
    return stream(np.concatenate([LAW.draw(rng, n, shift) for n, shift in parts]), rng)


def run(
    items: list[Item] | list[tuple[Origin, Enriched | Control]], options: DriftOptions = OPTIONS
) -> DriftOutput:
    stage = DriftStage(options)
    outputs = [stage.process(items[start : start + 64]) for start in range(0, len(items), 64)]
    stats = [*chain.from_iterable(output.stats for output in outputs), *stage.flush_open()]
    return DriftOutput(tuple(stats), tuple(chain.from_iterable(o.alerts for o in outputs)))


def test_a_fixed_reference_is_never_replaced() -> None:
    """The alert stays open for as long as the stream stays changed, and closes when it returns."""
    fixed = replace(OPTIONS, settles=False)
    output = run(drawn((500, 0.0), (900, 0.8), (500, 0.0)), fixed)
    states = [alert.state for alert in output.alerts]
    assert (states[0], states[-1], states.count("open")) == ("open", "closed", 1)
    assert output.alerts[-1].reason == "returned"
    assert {record.reference_id for record in output.stats} == {"1"}


def test_a_rolling_reference_follows_the_stream() -> None:
    """What is compared is the newest reference; the seams say why it was taken."""
    rolling = replace(OPTIONS, renew_documents=400)
    output = run(drawn((1_500, 0.0)), rolling)
    seams = {record.reference_id: record.reference_reason for record in output.stats}
    assert seams == {"1": "first", "2": "rolling", "3": "rolling", "4": "rolling"}
    assert output.alerts == ()
    assert run(drawn((1_500, 0.0), (200, 1.0)), rolling).alerts[0].state == "open"


def test_a_change_does_not_roll_into_the_reference() -> None:
    """What was collected when the alarm came is left out of the next reference."""
    rolling = replace(OPTIONS, renew_documents=400, settles=False)
    output = run(drawn((550, 0.0), (100, 1.0), (800, 0.0)), rolling)
    assert [a.reason for a in output.alerts if a.state == "closed"] == ["returned"]
    again = run(drawn((550, 0.0), (100, 1.0), (800, 0.0), (100, 1.0)), rolling)
    assert sum(alert.state == "open" for alert in again.alerts) == 2


def test_a_reference_renewed_too_often_is_refused() -> None:
    """It would have to be collected before it is in force."""
    with pytest.raises(Misconfigured, match="renewed after 400 documents"):
        replace(OPTIONS, renew_documents=399)


def chosen(documents: list[Item], source: str, at: Origin) -> list[tuple[Origin, Control]]:
    """The orders that make documents the reference of a source, after a message."""
    order: list[Control] = [Rebaseline(source, "as in spring", len(documents))]
    order += [Learn(replace(document, source=source)) for _, document in documents]
    return [(replace(at, offset=at.offset + 1 + n), one) for n, one in enumerate(order)]


def test_a_chosen_reference_is_compared_with_at_once() -> None:
    """Also by a source that has no document yet: its first documents are judged."""
    spring, now = drawn((300, 0.0)), drawn((300, 1.0), seed=12)
    orders = chosen(spring, "news", Origin("tidemark.enriched", 0, -1, 0))
    moved = [(replace(origin, offset=origin.offset + 500), one) for origin, one in now]
    output = run([*orders, *moved])
    (reason,) = {record.reference_reason for record in output.stats}
    assert reason == "chosen"
    assert {record.reference_documents for record in output.stats} == {300}
    assert output.alerts[0].state == "open"
    like = [(o, one) for o, one in drawn((300, 0.0), seed=13)]
    same = [(replace(origin, offset=origin.offset + 500), one) for origin, one in like]
    assert run([*orders, *same]).alerts == ()


def test_documents_of_another_model_are_no_reference() -> None:
    """A reference that nothing can be compared with says that it is being collected."""
    spring = drawn((30, 0.0))
    other = [
        (o, replace(document, embedding_revision=str(n))) for n, (o, document) in enumerate(spring)
    ]
    orders = chosen(other, "news", Origin("tidemark.enriched", 0, -1, 0))
    now = [(replace(o, offset=o.offset + 500), one) for o, one in drawn((30, 0.0))]
    output = run([*orders, *now])
    assert {record.drift_state for record in output.stats} == {"collecting"}


def test_a_label_of_its_own_shows_what_the_source_drowns() -> None:
    """One label of six moves a little: its own segment tells it, names it, and asks for it."""
    rng = np.random.default_rng(5)
    quiet, moved = LAW.draw(rng, 1_600), LAW.draw(rng, 1_600)
    shifted = LAW.draw(rng, 1_600, shift=0.7)
    labels = rng.integers(0, 6, 3_200)
    vectors = np.concatenate([quiet, np.where(labels[1_600:, None] == 3, shifted, moved)])
    documents = [
        (origin, replace(document, label=f"topic {labels[n]}"))
        for n, (origin, document) in enumerate(stream(vectors, rng))
    ]
    by_label = run(documents, replace(OPTIONS, by_label=True))
    opened = [alert for alert in by_label.alerts if alert.state == "open"]
    assert [alert.label for alert in opened] == ["topic 3"]
    assert '"news", label "topic 3", changed' in opened[0].message
    assert "AND label = 'topic 3'" in opened[0].sql
    whole = [alert for alert in run(documents).alerts if alert.state == "open"]
    assert not whole or whole[0].detected_at > opened[0].detected_at


def _labelled(count: int) -> list[Item]:
    """Documents of a common label and of a rare one, which has a twentieth of them."""
    items = drawn((count, 0.0))
    names = ["rare" if number % 20 == 0 else "common" for number in range(count)]
    return [
        (origin, replace(document, label=name))
        for (origin, document), name in zip(items, names, strict=True)
    ]


def test_a_label_with_too_little_reference_says_so() -> None:
    """Each window tells how many documents a label has, and scores only of those it watches."""
    last = run(_labelled(1_000), replace(OPTIONS, by_label=True)).stats[-1]
    assert last.label_states == {"rare": "collecting", "common": "watching"}
    assert last.label_references == {"rare": 50, "common": 200}
    assert set(last.label_scores) == set(last.label_thresholds) == {"common"}
    assert run(_labelled(300)).stats[-1].label_states == {}


@pytest.mark.parametrize("size", [1, 7, 300])
def test_what_labels_say_depends_on_neither_batches_nor_restarts(size: int) -> None:
    """Every window has the same records, in batches of any size and from a snapshot."""
    options, items = replace(OPTIONS, by_label=True), _labelled(600)
    stage = DriftStage(options)
    found: list[WindowStats] = []
    for start in range(0, len(items), size):
        found += stage.process(items[start : start + size]).stats
        if start + size < len(items) <= start + 2 * size:
            parts = stage.snapshot()
            stage = DriftStage(options)
            stage.restore(parts)
    whole = run(items, options).stats
    assert [*found, *stage.flush_open()] == list(whole)
