"""Since when: the most likely moment of a change and its interval, from the block sums.

The blocks are projected on the direction of the change, which makes the question one of a single
mean that left 0. The profile likelihood of a change ``k`` blocks ago is
(sum since then)**2 / (2 k variance); its maximum is the estimate (Hinkley, Biometrika 57, 1970,
with a known mean before). The moments whose log-likelihood lies within 3.68 of the largest are the
95 % interval: the difference between the largest value and that of the true moment is the larger
of two exponential variables, (1 - exp(-3.68))**2 = 0.95 (Siegmund, International Statistical
Review 56, 1988, for small changes).

The direction must not be found in the blocks that are projected on it: in 400 dimensions it is
mostly their own noise, and the estimate would be the edge of the window that gave it. So it is
found twice, in every second block of the window, and each block is projected on that of the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

_WITHIN = 3.68
_LEAST_BEFORE = 8  # blocks, to believe in their variance


class Change(NamedTuple):
    """How many of the last blocks lie after the change: at best, at least and at most."""

    blocks: int
    least: int
    most: int


def find_change(blocks: Floats, window: int, weights: Floats, size: int, least: int = 2) -> Change:
    """Return when the change was.

    Args:
        blocks: sums of standard scores, oldest first, shape ``(blocks, d)``.
        window: how many of the last blocks show the change.
        weights: of the coordinates in the statistic that sees it, shape ``(d,)``.
        size: documents of a block.
        least: smallest answer.
    """
    projected = cross_projected(blocks, window, weights)
    since = np.cumsum(projected[::-1])
    lengths = np.arange(1, len(since) + 1)
    gain = np.where(since > 0, since, 0.0) ** 2 / lengths
    gain[: min(least, len(gain)) - 1] = -1.0
    best = int(gain.argmax()) + 1
    before = projected[: len(projected) - best]
    variance = float(size)
    if len(before) >= _LEAST_BEFORE:  # bursts: blocks vary more than independent documents would
        variance = max(variance, float(before.var()))
    likely = np.flatnonzero(gain >= gain[best - 1] - 2 * variance * _WITHIN) + 1
    return Change(best, int(likely.min()), int(likely.max()))


def cross_projected(blocks: Floats, window: int, weights: Floats) -> Floats:
    """Return each block's projection on the direction of the window's other blocks, ``(blocks,)``.

    Of quiet blocks of ``size`` independent documents, it has mean 0 and variance ``size``.
    """
    shown = blocks[-window:]
    projected = np.empty(len(blocks))
    for parity in (0, 1):
        # Counted from the end, so that a parity means the same in the window and before it.
        others = shown[::-1][1 - parity :: 2] if window > 1 else shown
        direction = weights * others.mean(axis=0)
        direction /= max(float(np.linalg.norm(direction)), 1e-12)
        projected[::-1][parity::2] = blocks[::-1][parity::2] @ direction
    return projected
