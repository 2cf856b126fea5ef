"""The product of a block with the reference's axes is the same whoever stands beside it."""

from __future__ import annotations

import numpy as np
import pytest

from streams.drift import rotation
from streams.drift.rotation import rotated


@pytest.mark.parametrize("shape", [(384, 384), (39, 39), (7, 7), (1, 1), (100, 40)])
@pytest.mark.parametrize("alone", [False, True])
def test_a_row_has_the_same_bits_at_every_place_and_count(
    shape: tuple[int, int], *, alone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the library's product of several rows cannot be relied on."""
    if alone:
        monkeypatch.setattr(rotation, "holds", lambda *_: False)
    rng = np.random.default_rng(5)
    rows = rng.standard_normal((13, shape[0])).astype(np.float32)
    matrix = rng.standard_normal(shape).astype(np.float32)
    apart = [rotated(row[None], matrix)[0].tobytes() for row in rows]
    for count in range(1, len(rows) + 1):
        for first in range(len(rows) - count + 1):
            found = rotated(rows[first : first + count], matrix)
            assert [row.tobytes() for row in found] == apart[first : first + count]


def test_it_is_the_product() -> None:
    """To the precision of float32; of no row nothing."""
    rng = np.random.default_rng(6)
    rows, matrix = rng.standard_normal((9, 50)), rng.standard_normal((50, 50))
    found = rotated(rows.astype(np.float32), matrix.astype(np.float32))
    np.testing.assert_allclose(found, rows @ matrix, atol=1e-4)
    assert rotated(np.empty((0, 50), np.float32), matrix.astype(np.float32)).shape == (0, 50)
