"""Planted changes: drawn as told, replayed through the real detector, counted honestly."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from streams.drift.evaluate.garble import garble
from streams.drift.evaluate.measure import (
    Detections,
    FalseAlarms,
    poisson_interval,
    quantile,
    wilson_interval,
)
from streams.drift.evaluate.picture import draw
from streams.drift.evaluate.planting import Change, draw_reference, plant
from streams.drift.evaluate.replay import Replay, Scores
from streams.drift.evaluate.scenarios import QUIET, changes, group_by_label, group_by_topic
from streams.drift.evaluate.study import Result, Sizes, Study
from streams.errors import Misconfigured
from streams.stages.drift import DriftOptions
from tests.support.streams_of_documents import Law, enriched

if TYPE_CHECKING:
    from schemas.messages import Enriched

CELLS = (np.arange(300), np.arange(300, 600), np.arange(600, 900))
EVEN = np.full(3, 1 / 3)
OPTIONS = DriftOptions(
    window_ms=60_000,
    lateness_ms=0,
    reference_documents=200,
    false_alarms_per_ms=1e-6,
    scales=(20, 40, 80, 160),
    calibration_streams=24,
    calibration_documents=1000,
    least_run_length=1000.0,
)


@lru_cache(maxsize=1)
def pool() -> tuple[Enriched, ...]:
    """Three classes of 300 documents whose embeddings have means of their own."""
    rng = np.random.default_rng(5)
    law = Law.of(12)
    vectors = [v for k in range(3) for v in law.draw(rng, 300, shift=1.5 * (k - 1))]
    return tuple(
        replace(enriched(n), embedding=v.astype("<f4").tobytes()) for n, v in enumerate(vectors)
    )


def test_the_reference_has_the_shares_before_the_change() -> None:
    change = Change("grows", CELLS, np.array([0.5, 0.3, 0.2]), EVEN)
    rows = draw_reference(change, np.random.default_rng(1), 100)
    counts = [int(np.isin(rows, cell).sum()) for cell in CELLS]
    assert counts == [50, 30, 20]
    assert len(set(rows.tolist())) == 100


def test_shares_change_at_the_change_and_nowhere_else() -> None:
    change = Change("grows", CELLS, np.array([0.8, 0.2, 0.0]), np.array([0.2, 0.2, 0.6]))
    planted = plant(change, np.random.default_rng(2), np.arange(50), quiet=2000, after=2000)
    before, after = planted.rows[: planted.change], planted.rows[planted.change :]
    assert planted.change == 2000
    assert not np.isin(before, CELLS[2]).any()
    assert np.isin(before, CELLS[0]).mean() == pytest.approx(0.8, abs=0.04)
    assert np.isin(after, CELLS[2]).mean() == pytest.approx(0.6, abs=0.04)


def test_a_gradual_change_goes_over_and_a_passing_one_goes_back() -> None:
    after = np.array([0.0, 0.0, 1.0])
    slow = Change("slow", CELLS, np.array([0.5, 0.5, 0.0]), after, ramp=1000)
    rows = plant(slow, np.random.default_rng(3), np.arange(9), quiet=100, after=2000).rows[100:]
    grown = np.isin(rows, CELLS[2])
    assert grown[:500].mean() == pytest.approx(0.25, abs=0.06)
    assert grown[1000:].all()
    short = replace(slow, ramp=0, lasting=50)
    rows = plant(short, np.random.default_rng(3), np.arange(9), quiet=100, after=200).rows
    assert np.isin(rows, CELLS[2]).tolist() == [False] * 100 + [True] * 50 + [False] * 150


def test_no_document_of_the_reference_is_watched_and_none_comes_twice_while_others_are_left() -> (
    None
):
    change = Change(QUIET, CELLS, EVEN, EVEN)
    rng = np.random.default_rng(4)
    reference = draw_reference(change, rng, 300)
    planted = plant(change, rng, reference, quiet=0, after=500)
    assert not np.isin(planted.rows, reference).any()
    assert len(set(planted.rows.tolist())) == 500
    assert planted.change is None


def test_a_class_without_documents_is_refused() -> None:
    change = Change("empty", (CELLS[0], np.array([], np.int64)), np.full(2, 0.5), np.full(2, 0.5))
    with pytest.raises(Misconfigured, match="too few documents"):
        draw_reference(change, np.random.default_rng(0), 10)


def test_labels_group_documents_and_small_classes_stand_together() -> None:
    labels = ["a"] * 100 + ["b"] * 200 + ["c"] * 5 + [""] * 3
    groups = group_by_label(labels, np.arange(len(labels)))
    assert groups.names == ("b", "a", "other")
    assert [len(rows) for rows in groups.rows] == [200, 100, 8]


def test_topics_are_found_where_there_are_no_labels() -> None:
    vectors = np.stack([np.frombuffer(document.embedding, "<f4") for document in pool()])
    groups = group_by_topic(vectors, np.arange(900))
    assert sum(len(rows) for rows in groups.rows) == 900
    assert len(groups.rows) > 1


def test_every_kind_of_change_is_planted_and_its_shares_add_up() -> None:
    vectors = np.stack([np.frombuffer(document.embedding, "<f4") for document in pool()])
    groups = group_by_label(["x"] * 400 + ["y"] * 300 + ["z"] * 200, np.arange(900))
    planted = changes(groups, vectors, {"gibberish": np.arange(890, 900)})
    names = " | ".join(change.name for change in planted)
    assert planted[0].quiet
    assert all(not change.quiet for change in planted[1:])
    for piece in ("x 44% to 79%", "over 500", "z is new", "a topic of x", "10% gibberish"):
        assert piece in names
    for change in planted:
        assert change.before.sum() == pytest.approx(1)
        assert change.after.sum() == pytest.approx(1)
        assert len(change.cells) == len(change.before) == len(change.after)


def test_the_stage_alarms_where_the_detectors_score_crosses_the_threshold() -> None:
    """The two ways to replay a stream agree to the document."""
    change = Change("grows", CELLS, EVEN, np.array([0.05, 0.05, 0.9]))
    rng = np.random.default_rng(6)
    reference = draw_reference(change, rng, 200)
    planted = plant(change, rng, reference, quiet=200, after=200)
    replay, scores = Replay(pool(), OPTIONS), Scores(pool(), OPTIONS)
    learned = replay.learn("news", reference)
    at, alert = replay.first_alert("news", learned, 200, planted.rows)
    detector = scores.copy("news", scores.learn("news", reference))
    above = np.flatnonzero(scores.of(detector, planted.rows) > np.log(1000))
    assert alert is not None
    assert alert.score > np.log(1000)
    assert at == above[0] + 1 > 200


def test_a_study_finds_a_large_change_and_counts_streams() -> None:
    large = Change("large", CELLS, EVEN, np.array([0.0, 0.0, 1.0]))
    sizes = Sizes(200, 100, 300, 300, 2, 1000.0)
    replay = Replay(pool(), OPTIONS)
    told: list[int] = []
    study = Study(replay, [Change(QUIET, CELLS, EVEN, EVEN), large], sizes)
    result = study.run(told.append)
    assert told == list(range(1, study.steps + 1))
    (found,) = result.detections
    assert len(found.delays) + found.early == 2
    assert found.found == len(found.delays)
    assert found.quantile(0.9) <= 100
    assert 0 < result.false_alarms.documents <= 4 * 300
    assert Study(replay, [Change(QUIET, CELLS, EVEN, EVEN), large], sizes).run(told.append) == (
        result
    )


def test_rates_have_exact_intervals() -> None:
    """Garwood's and Wilson's intervals, against published values."""
    assert poisson_interval(0) == pytest.approx((0.0, 3.689), abs=1e-3)
    assert poisson_interval(10) == pytest.approx((4.795, 18.390), abs=1e-3)
    assert wilson_interval(8, 10) == pytest.approx((0.490, 0.943), abs=1e-3)
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_false_alarms_are_counted_against_the_promise() -> None:
    alarms = FalseAlarms(6, 40_000, 1e4)
    assert alarms.per_10_000 == 1.5
    assert alarms.ratio == 1.5
    assert alarms.interval == pytest.approx((0.550, 3.265), abs=1e-3)


def test_a_missed_change_counts_as_an_endless_delay() -> None:
    found = Detections("grows", (10.0, 20.0, 30.0, inf), 1)
    assert (found.found, found.rate) == (3, 0.75)
    assert found.quantile(0.5) == 20.0
    assert found.quantile(0.9) == inf
    assert quantile([], 0.5) == inf
    assert quantile([3.0], 0.9) == 3.0


def test_garbled_text_has_words_of_the_same_length() -> None:
    text = "The tide turned at noon, again."
    broken = garble(text, np.random.default_rng(1))
    assert [len(word) for word in broken.split()] == [len(word) for word in text.split()]
    assert broken != text


def test_the_picture_is_sound_xml_and_names_every_change() -> None:
    found = (Detections("x < y & z", (10.0, inf), 0), Detections("b" * 50, (), 2))
    result = Result(FalseAlarms(1, 10_000, 1e4), found, ((), ()))
    root = ET.fromstring(draw(result, 2000, "A <picture>"))  # noqa: S314 - our own
    words = [each.text or "" for each in root.iter() if each.tag.endswith("text")]
    assert "x < y & z" in words
    assert "median 10, nine in ten never" in words
    assert any(word.startswith("False alarms in 10,000 quiet documents: 1.00") for word in words)
