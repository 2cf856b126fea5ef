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
_BITS = 11  # behind the point
_STEPS = np.int16(round(LARGEST / 127 * 2**_BITS))
_MIDDLE = np.int16((8 << _BITS) + (1 << _BITS - 1))


def as_nibbles(codes: npt.NDArray[np.int8]) -> npt.NDArray[np.uint8]:
    """Return 8-bit codes, shape ``(n, d)``, with four bits each, shape ``(n, (d + 1) // 2)``.

    The first half of a row stands in the upper bits, the second in the lower.
    """
    steps = codes.astype(np.int16)
    steps *= _STEPS  # 7/127, and half a step: rounds each of the 255 codes as division would
    steps += _MIDDLE
    found = steps.view(np.uint16)
    half = (found.shape[1] + 1) // 2
    packed = found[:, :half] >> np.uint16(_BITS - 4)
    packed &= np.uint16(0xF0)
    lower = found[:, half:] >> np.uint16(_BITS)
    packed[:, : lower.shape[1]] |= lower
    return packed.astype(np.uint8)


def spread(packed: npt.NDArray[np.uint8], rows: npt.NDArray[Any]) -> None:
    """Write the steps, whole numbers from -7 to 7, into ``rows``, shape ``(n, d)``."""
    half = packed.shape[1]
    steps = np.empty(rows.shape, np.uint8)
    np.right_shift(packed, np.uint8(4), out=steps[:, :half])
    np.bitwise_and(packed[:, : rows.shape[1] - half], np.uint8(15), out=steps[:, half:])
    steps -= np.uint8(8)
    rows[:] = steps.view(np.int8)
