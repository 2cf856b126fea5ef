"""Since when: the estimate is near the truth, and its interval holds it as often as it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from streams.drift.changepoint import cross_projected, find_change

if TYPE_CHECKING:
    import numpy.typing as npt

SIZE = 10


def changed(
    rng: np.random.Generator, dimensions: int, since: int, shift: float
) -> npt.NDArray[np.float64]:
    """100 block sums; the mean of the first coordinate is ``shift`` in the last ``since`` ones."""
    blocks: npt.NDArray[np.float64] = rng.normal(0.0, SIZE**0.5, (100, dimensions))
    blocks[100 - since :, 0] += shift * SIZE
    return blocks


def test_a_clear_change_is_found_exactly() -> None:
    """Far above the noise there is one answer."""
    found = find_change(
        changed(np.random.default_rng(8), 4, since=30, shift=5.0), 32, np.ones(4), SIZE
    )
    assert found == (30, 30, 30)


def test_nothing_at_all_gives_the_least() -> None:
    """Constant streams have an answer, too."""
    found = find_change(np.zeros((10, 4)), 4, np.ones(4), SIZE)
    assert found.blocks == 2


@pytest.mark.parametrize(("dimensions", "shift"), [(1, 0.5), (1, 1.0), (20, 0.8)])
def test_the_interval_holds_the_truth_as_often_as_it_says(dimensions: int, shift: float) -> None:
    """95 % of the intervals, give or take the chance of 400 tries, and none is all of the past."""
    rng = np.random.default_rng(11)
    held, widths = 0, []
    for _ in range(400):
        found = find_change(
            changed(rng, dimensions, since=24, shift=shift), 16, np.ones(dimensions), SIZE
        )
        held += found.least <= 24 <= found.most
        widths.append(found.most - found.least)
    assert held / 400 >= 0.93
    assert np.median(widths) <= 12


def test_noise_does_not_look_like_a_change_at_the_windows_edge() -> None:
    """In 400 dimensions, projecting blocks on their own mean would find a change in pure noise."""
    rng = np.random.default_rng(12)
    blocks = changed(rng, 400, since=0, shift=0.0)
    own = blocks[-8:].mean(axis=0)
    naive = blocks[-8:] @ (own / np.linalg.norm(own))
    crossed = cross_projected(blocks, 8, np.ones(400))
    assert naive.mean() > 5 * SIZE**0.5
    assert abs(crossed[-8:].mean()) < 2 * SIZE**0.5
    assert crossed.var() == pytest.approx(SIZE, rel=0.4)
