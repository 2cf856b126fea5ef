"""A window's numbers are the same whether its documents are added one by one or together."""

from __future__ import annotations

import numpy as np

from streams.drift.monitors.facts import COLUMNS, Part
from streams.drift.monitors.tally import Tally


def test_one_by_one_as_all_at_once() -> None:
    """With copies, near-copies and more languages than are counted apart."""
    rng, count = np.random.default_rng(3), 200
    labels = [f"label {n}" for n in rng.integers(0, 5, count).tolist()]
    languages = [f"l{n}" for n in rng.integers(0, 45, count).tolist()]
    times = rng.integers(0, 10**12, (count, 3))
    numbers = rng.integers(0, 10**9, (count, len(COLUMNS)))
    buckets = rng.integers(-1, 90, (count, 3)).astype(np.int16)
    codes = rng.integers(0, 3, count).astype(np.uint8)
    whole, one_by_one = Tally(), Tally()
    whole.add(Part(labels, languages, times, numbers, buckets), codes)
    for row in range(count):
        own = slice(row, row + 1)
        part = Part(labels[own], languages[own], times[own], numbers[own], buckets[own])
        one_by_one.add(part, codes[own])
    (numbers_of, arrays), (expected, wanted) = one_by_one.head(), whole.head()
    assert numbers_of == expected
    assert {name: array.tolist() for name, array in arrays.items()} == {
        name: array.tolist() for name, array in wanted.items()
    }
