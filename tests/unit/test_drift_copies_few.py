"""Copies are found the same whether documents come one by one, a few, or many at a time."""

from __future__ import annotations

import numpy as np
import pytest

from streams.drift.monitors.copies import COPY, NEAR_COPY, ORIGINAL, Copies


@pytest.mark.parametrize("at_once", [1, 3, 5, 7, 100])
def test_however_they_are_cut(at_once: int) -> None:
    """Documents of few words, copies, near-copies and crowded places of the table among them."""
    rng = np.random.default_rng(9)
    count = 3_000
    signatures = rng.integers(1, 256, (count, 16), np.uint8)
    contents = rng.integers(0, 1 << 63, count, np.uint64)
    for place in range(1, count):
        chance = rng.random()
        other = place - int(rng.integers(1, min(place, 2_500) + 1))
        if chance < 0.3:
            signatures[place] = signatures[other]
            signatures[place, : int(rng.integers(0, 9))] = 7
        if chance < 0.1:
            contents[place] = contents[other]
        if chance > 0.95:
            signatures[place] = 0
    whole, cut = Copies(), Copies()
    expected = whole.advance(signatures, contents)
    found = [
        cut.advance(signatures[first : first + at_once], contents[first : first + at_once])
        for first in range(0, count, at_once)
    ]
    assert np.concatenate(found).tolist() == expected.tolist()
    assert {ORIGINAL, NEAR_COPY, COPY} == set(expected.tolist())
    ours, theirs = cut.parts(), whole.parts()
    assert {n: part() for n, part in ours.items()} == {n: part() for n, part in theirs.items()}
