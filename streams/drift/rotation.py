"""Products of rows with a matrix whose bits do not depend on how many rows come together.

A library's product of one row and its product of many may differ in the last bit, and so may rows
at the edge of its tiles. Here rows go through it in fours, missing ones as zeros. That a row has
the same bits at each of the four places, whatever stands beside it, is asked of the library once
for each shape; where it says no, each row goes alone, which takes three times as long.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats32 = npt.NDArray[np.float32]

TOGETHER = 4
_TRIES = 8
_SEED = 11


def rotated(rows: Floats32, matrix: Floats32) -> Floats32:
    """Return ``rows @ matrix``, shape ``(n, columns)``, each row as if it were alone."""
    if not holds(*matrix.shape):
        return np.stack([row @ matrix for row in rows]) if len(rows) else rows @ matrix
    count = len(rows)
    padded = -(-count // TOGETHER) * TOGETHER
    found = np.empty((padded, matrix.shape[1]), np.float32)
    whole = count - count % TOGETHER
    for first in range(0, whole, TOGETHER):
        part = slice(first, first + TOGETHER)
        np.matmul(rows[part], matrix, out=found[part])
    if whole < count:
        rest = np.zeros((TOGETHER, rows.shape[1]), np.float32)
        rest[: count - whole] = rows[whole:]
        np.matmul(rest, matrix, out=found[whole:])
    return found[:count]


@lru_cache(maxsize=64)
def holds(size: int, columns: int) -> bool:
    """Return whether a row's product is the same at all places and beside all neighbours."""
    rng = np.random.default_rng(_SEED)
    matrix = rng.standard_normal((size, columns)).astype(np.float32)
    for _ in range(_TRIES):
        row = rng.standard_normal(size).astype(np.float32)
        said = set()
        for place in range(TOGETHER):
            rows = rng.standard_normal((TOGETHER, size)).astype(np.float32)
            rows[place] = row
            said.add((rows @ matrix)[place].tobytes())
            rows[:] = 0.0
            rows[place] = row
            said.add((rows @ matrix)[place].tobytes())
        if len(said) > 1:
            return False
    return True
