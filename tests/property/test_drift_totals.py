"""Nothing is lost or counted twice between documents, windows and sets."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.drift.hashset import HashSet, IdSet
from streams.drift.vocabulary import Vocabulary
from streams.stages.drift import DriftOptions, DriftStage
from tests.support.streams_of_documents import START, enriched, item

OPTIONS = DriftOptions(
    window_ms=10_000,
    lateness_ms=20_000,
    reference_documents=30,
    false_alarms_per_ms=1e-6,
    scales=(20, 40),
    calibration_streams=4,
    calibration_documents=200,
    partition_idle_ms=0,
)
FLOATS = st.floats(width=32)  # NaN and infinities too
WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta")
DOCUMENT = st.tuples(
    st.integers(-40_000, 90_000),  # event time
    st.integers(0, 60_000),  # arrival
    st.integers(0, 60),  # identity
    st.lists(st.sampled_from(WORDS), unique=True),
    st.lists(FLOATS, min_size=2, max_size=2),
    st.floats(),
)


@settings(deadline=None, max_examples=60)
@given(drawn=st.lists(DOCUMENT, min_size=1, max_size=120))
def test_windows_add_up(drawn: list[tuple[int, int, int, list[str], list[float], float]]) -> None:
    """Documents in windows, too late and repeated are all there are; no statistic is NaN."""
    stage = DriftStage(OPTIONS)
    batch = [
        item(
            enriched(
                offset,
                doc_id=f"d{identity}",
                published_at=START + time,
                received_at=START + arrival,
                terms=tuple(terms),
                embedding=np.array(vector, "<f4").tobytes(),
                confidence=confidence,
            ),
        )
        for offset, (time, arrival, identity, terms, vector, confidence) in enumerate(drawn)
    ]
    output = stage.process(batch)
    last = {record.window_start: record for record in (*output.stats, *stage.flush_open())}
    documents = sum(record.documents for record in last.values())
    assert len(drawn) == documents + stage.too_late + stage.repeated
    for record in last.values():
        assert record.documents == sum(record.labels.values())
        assert record.new_tokens <= record.unique_tokens <= 7
        assert record.late_documents <= record.documents
        numbers = [record.tokens_mean, record.tokens_deviation, record.confidence_mean]
        numbers += [n for n in (record.drift_score, record.drift_threshold) if n is not None]
        assert bool(np.isfinite(numbers).all())
    used = {term for *_, terms, _, _ in drawn for term in terms}
    assert sum(record.new_tokens for record in last.values()) <= len(used)
    if not stage.too_late and not stage.repeated:
        assert len(used) == sum(record.new_tokens for record in last.values())


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 2**32), st.integers(1, 9000)), max_size=6))
def test_hash_sets_are_sets(portions: list[tuple[int, int]]) -> None:
    """In any portions, over several merges, the same elements as a plain set."""
    ours, plain = HashSet(np.empty(0, np.uint64)), set[int]()
    for first, count in portions:
        values = np.arange(first, first + count, dtype=np.uint64) * np.uint64(7)
        assert [v in plain for v in values.tolist()] == ours.contains(values).tolist()
        ours.add(values)  # sorted, as they are made
        plain.update(values.tolist())
    assert len(plain) == len(ours)
    runs = np.concatenate([ours.recent, *ours.runs])
    assert Counter(plain) == Counter(runs.tolist())


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, 9000), max_size=300), st.integers(0, 9000))
def test_id_sets_tell_the_first_time(values: list[int], frozen: int) -> None:
    """Every id is new exactly once, before and after the portions are frozen."""
    ours = IdSet()
    first = [ours.add(value) for value in range(frozen)]
    assert all(first)
    again = [ours.add(value) for value in values]
    seen = set(range(frozen))
    expected = [not (value in seen or seen.add(value)) for value in values]  # type: ignore[func-returns-value]
    assert expected == again
    assert len(seen) == len(ours)


def test_a_word_is_forgotten_only_after_a_generation() -> None:
    """Words in use stay known for ever; memory is bounded by two generations."""
    words = Vocabulary()
    rng = np.random.default_rng(30)
    often = np.sort(rng.integers(0, 2**63, 1000, dtype=np.uint64))
    words.add(often)
    for _ in range(40):
        words.add(np.unique(rng.integers(0, 2**63, 5000, dtype=np.uint64)))
        assert not words.add(often).any()
        words.turn()
    assert words.generation >= 2
    assert len(words.young) + len(words.old) < 2 * (65_536 + 6000)
    assert words.add(np.unique(rng.integers(0, 2**63, 5000, dtype=np.uint64))).mean() > 0.999
