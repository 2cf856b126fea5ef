"""Directions with four bits a number."""

from __future__ import annotations

import numpy as np
import pytest

from streams.drift.documents import as_bytes
from streams.drift.nibbles import LARGEST, as_nibbles, spread


def _again(codes: np.ndarray[tuple[int, int], np.dtype[np.int8]]) -> np.ndarray[tuple[int, int]]:
    rows = np.empty(codes.shape, np.float32)
    spread(as_nibbles(codes), rows)
    return rows


@pytest.mark.parametrize("dimensions", [1, 2, 7, 384, 385])
def test_every_number_is_within_half_a_step(dimensions: int) -> None:
    """Of any width, odd ones too; half the bytes are needed."""
    codes = np.random.default_rng(1).integers(-127, 128, (50, dimensions)).astype(np.int8)
    assert as_nibbles(codes).nbytes == 50 * ((dimensions + 1) // 2)
    far = np.abs(_again(codes) * (127 / LARGEST) - codes)
    assert far.max() <= 127 / LARGEST / 2 + 1e-4


def test_the_largest_numbers_stay() -> None:
    """Both ends of the range, and zero, come back as they were."""
    codes = np.array([[127, -127, 0]], np.int8)
    assert _again(codes).tolist() == [[7.0, -7.0, 0.0]]


def test_cosines_hardly_move() -> None:
    """Between directions of 384 dimensions: 0.007 is what the module's text promises as a rule."""
    rng = np.random.default_rng(2)
    vectors = rng.standard_normal((400, 384), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = _again(as_bytes(vectors)[0])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    moved = (rows - vectors) @ vectors[0]
    assert np.einsum("ij,ij->i", rows, vectors).min() > 0.98
    assert float(np.std(moved[1:])) == pytest.approx(0.007, abs=0.002)
