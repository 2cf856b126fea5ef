"""Sketches merge: any cut into batches, windows and workers adds up to the same, bit for bit."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.drift.sketches.difference import difference
from streams.drift.sketches.features import features_of, sums_of_rows
from streams.drift.sketches.sums import Sums, decode_integers, encode_integers, merged
from tests.support.sketched import DIMENSIONS, MODEL, sums_of, vectors

COUNT = 90
SOME = vectors(COUNT, seed=3)


@settings(max_examples=40, deadline=None)
@given(st.permutations(range(COUNT)), st.sets(st.integers(1, COUNT - 1), max_size=12))
def test_any_partition_in_any_order_merges_to_the_whole(order: list[int], cuts: set[int]) -> None:
    """The sums of the parts, however cut and ordered, are those of all documents."""
    edges = [0, *sorted(cuts), COUNT]
    parts = [sums_of(SOME[order[start:end]]) for start, end in pairwise(edges)]
    whole = sums_of(SOME)
    together = merged(parts)
    assert (together.model, together.documents) == (whole.model, whole.documents)
    np.testing.assert_array_equal(together.values, whole.values)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.sampled_from([8, 32, 384]))
def test_a_row_does_not_depend_on_its_batch(sizes: list[int], dimensions: int) -> None:
    """A document has the same features alone, in a batch, and elsewhere in it."""
    rng = np.random.default_rng(sum(sizes))
    total = sum(sizes)
    embeddings = rng.standard_normal((total, dimensions)).astype(np.float32)
    features = features_of(dimensions)
    edges = np.cumsum([0, *sizes]).tolist()
    cut = [features.rows(embeddings[a:b]) for a, b in pairwise(edges)]
    np.testing.assert_array_equal(np.concatenate(cut), features.rows(embeddings))
    np.testing.assert_array_equal(features.rows(embeddings[::-1])[::-1], np.concatenate(cut))


@given(st.lists(st.integers(-(2**63) + 1, 2**63 - 1), max_size=20))
def test_whole_numbers_come_back(values: list[int]) -> None:
    """Of any size, in the narrowest width that holds them."""
    array = np.array(values, np.int64)
    payload = encode_integers(array)
    np.testing.assert_array_equal(decode_integers(payload), array)
    largest = max(map(abs, values), default=0)
    assert payload[0] == (2 if largest < 2**15 else 4 if largest < 2**31 else 8)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 60), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_a_side_does_not_differ_from_itself(documents: int, windows: int, seed: int) -> None:
    """No drift, whatever the documents: the score is not above 0 and the significance is 1."""
    drawn = vectors(documents * windows, seed=seed)
    side = [sums_of(drawn[start::windows]) for start in range(windows)]
    same = difference(side, side)
    assert same.mmd2 <= 0
    assert abs(same.centroid_distance) < 1e-12
    assert same.p_value in {1.0, None}
    assert same.p_value_bursts in {1.0, None}


def test_sums_beyond_32_bits_stay_exact() -> None:
    """A window of very many like documents does not overflow."""
    features = features_of(DIMENSIONS)
    row = features.rows(SOME[:1])
    sums = Sums.empty(MODEL)
    for _ in range(40):
        sums.add(np.repeat(row, 5_000, axis=0))
    np.testing.assert_array_equal(sums.values, sums_of_rows(row).astype(np.int64) * 200_000)
    assert Sums.of_record(sums.record()).documents == 200_000
    np.testing.assert_array_equal(Sums.decode(sums.encode()).values, sums.values)
