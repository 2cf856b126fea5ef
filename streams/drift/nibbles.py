"""Directions with four bits a number, for what is compared but not measured.

A number is rounded to one of 15 steps of its row's largest one. Of normally distributed numbers the
error is a seventh of the row's length, at random: a cosine with another direction moves by about
``1 / (7 * sqrt(d))``, 0.007 at 384 dimensions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

LARGEST = 7
_OF_BYTES = np.float32(LARGEST / 127)


def as_nibbles(codes: npt.NDArray[np.int8]) -> npt.NDArray[np.uint8]:
    """Return 8-bit codes, shape ``(n, d)``, with four bits each, shape ``(n, (d + 1) // 2)``.

    The first half of a row stands in the upper bits, the second in the lower.
    """
    steps = np.rint(codes * _OF_BYTES).astype(np.int8) + np.int8(8)
    found = steps.view(np.uint8)
    half = (found.shape[1] + 1) // 2
    upper, lower = found[:, :half], found[:, half:]
    packed: npt.NDArray[np.uint8] = upper << np.uint8(4)
    packed[:, : lower.shape[1]] |= lower
    return packed


def spread(packed: npt.NDArray[np.uint8], rows: npt.NDArray[Any]) -> None:
    """Write the steps, whole numbers from -7 to 7, into ``rows``, shape ``(n, d)``."""
    half = packed.shape[1]
    rows[:, :half] = packed >> np.uint8(4)
    rows[:, half:] = packed[:, : rows.shape[1] - half] & np.uint8(15)
    rows -= 8
