"""Since when: the most likely moment of a change, from the block sums."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


def blocks_since_change(blocks: Floats, direction: Floats, least: int) -> int:
    """Return how many of the last blocks lie after the change, at least ``least``.

    The blocks are projected on the direction of the change, which makes the question one of a
    single mean that left 0; the likeliest moment maximizes (sum since then)**2 / blocks since then
    (Hinkley 1970, with a known mean before).

    Args:
        blocks: sums of standard scores, oldest first, shape ``(blocks, d)``.
        direction: weights of the coordinates, shape ``(d,)``.
        least: smallest answer.
    """
    totals = np.cumsum((blocks @ direction)[::-1])
    lengths = np.arange(1, len(totals) + 1)
    gain = np.where(totals > 0, totals, 0.0) ** 2 / lengths
    gain[: min(least, len(gain)) - 1] = -1.0
    return int(gain.argmax()) + 1
