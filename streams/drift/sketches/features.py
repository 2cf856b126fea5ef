"""Random Fourier features of an embedding as whole numbers: exact sums, in any order.

The kernel between two documents is Gaussian, ``k(x, y) = exp(-|x - y|^2 / 2)``, of embeddings
scaled to unit length: 1 for the same direction, 1/e at a right angle. The bandwidth is 1 for every
model, source and window, so that all sums can be compared; it is the median rule for unit vectors
of many dimensions, whose squared distance is near 2. ``FREQUENCIES`` random frequencies ``w`` give
the features ``cos(w x), sin(w x)`` whose inner product estimates the kernel (Rahimi & Recht 2007,
"Random features for large-scale kernel machines"); the frequencies are orthogonal to each other
(Yu et al. 2016, "Orthogonal random features"), which halves the error of the estimate.

Everything is rounded to whole numbers small enough that float32 holds every product and partial
sum exactly: embeddings to 1/2048, frequencies to steps of the phase, features to 1/127. So the
sums do not depend on the order of the documents, on batches, on threads or on the processor.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats32 = npt.NDArray[np.float32]

Number = TypeVar("Number", bound=np.generic)

KERNEL = "gaussian-1/128"
"""Name of kernel and features; sums of another name cannot be compared with these."""

FREQUENCIES = 128
FEATURES = 2 * FREQUENCIES
LEVELS = 127
"""A feature of 1 is this number."""

SCALE = 2048
"""An embedding's coordinate of 1 is this number."""

MOST_DIMENSIONS = 8192
MOST_ROWS = 1024
"""So many rows can be summed in float32 exactly: 127 squared times 1024 is below 2^24."""

_SEED = 0x7464_6D6B
_TABLE_BITS = 12
_LARGEST_PERIOD_BITS = 22
_EXACT = 2**24


@dataclass(frozen=True, slots=True)
class Features:
    """The features of embeddings of one length.

    Attributes:
        frequencies: whole numbers, shape ``(dimensions, FREQUENCIES)``, float32.
        period_bits: a phase of ``2 ** period_bits`` is a full turn.
    """

    frequencies: Floats32
    period_bits: int

    @property
    def dimensions(self) -> int:
        """Numbers of an embedding."""
        return len(self.frequencies)

    def rows(self, vectors: Floats32, energy: Floats32 | None = None) -> Floats32:
        """Return each document's whole numbers, shape ``(n, dimensions + FEATURES)``.

        A row has the embedding and the features: all cosines, then all sines.

        Args:
            vectors: shape ``(n, dimensions)``, finite and not zero.
            energy: their squared lengths, shape ``(n,)``, where they are known.
        """
        count, size = len(vectors), self.dimensions
        rows = np.empty((count, size + FEATURES), np.float32)
        if energy is None:
            energy = np.einsum("ij,ij->i", vectors, vectors)
        lengths = np.sqrt(energy)
        embedding, features = rows[:, :size], rows[:, size:]
        np.multiply(vectors, (np.float32(SCALE) / lengths)[:, None], out=embedding)
        np.rint(embedding, out=embedding)
        turns = (embedding @ self.frequencies).astype(np.int32)
        turns &= (1 << self.period_bits) - 1
        turns >>= self.period_bits - _TABLE_BITS
        _waves(turns, features)
        return rows


def sums_of_rows(rows: Floats32) -> Floats32:
    """Return the sums over documents, whole numbers, shape ``(width,)``.

    Of the embeddings, of the features, of the squares of the cosines, and of the products of the
    first half of the frequencies with the second: cosines with cosines, sines with sines, cosines
    with sines, sines with cosines.

    Args:
        rows: at most ``MOST_ROWS`` of ``Features.rows``.
    """
    size = rows.shape[1] - FEATURES
    sums = np.empty(width(size), np.float32)
    _, _, squares, products = split_rows(sums, size)
    np.dot(np.ones(len(rows), np.float32), rows, out=sums[: size + FEATURES])
    cosines, sines = rows[:, size : size + FREQUENCIES], rows[:, size + FREQUENCIES :]
    np.einsum("ij,ij->j", cosines, cosines, out=squares)
    half = FREQUENCIES // 2
    factors = ((cosines, cosines), (sines, sines), (cosines, sines), (sines, cosines))
    for place, (left, right) in enumerate(factors):
        out = products[place * half : (place + 1) * half]
        np.einsum("ij,ij->j", left[:, :half], right[:, half:], out=out)
    return sums


def _waves(turns: npt.NDArray[np.int32], out: Floats32) -> None:
    """Write the cosines of steps of a turn, and behind them the sines."""
    waves = _circle().take(turns).view(np.float32)
    out[:, :FREQUENCIES] = waves[:, 0::2]
    out[:, FREQUENCIES:] = waves[:, 1::2]


def width(dimensions: int) -> int:
    """Return how many numbers are summed of embeddings of this length."""
    return dimensions + 2 * FEATURES + FREQUENCIES


def split_rows(rows: npt.NDArray[Number], dimensions: int) -> tuple[npt.NDArray[Number], ...]:
    """Return views of embedding, features, squares and products; the last axis is cut."""
    ends = [dimensions, dimensions + FEATURES, dimensions + FEATURES + FREQUENCIES]
    return (
        rows[..., : ends[0]],
        rows[..., ends[0] : ends[1]],
        rows[..., ends[1] : ends[2]],
        rows[..., ends[2] :],
    )


@lru_cache(maxsize=8)
def features_of(dimensions: int) -> Features:
    """Return the features of embeddings of this length: always the same.

    Raises:
        ValueError: no embedding has so many numbers, or so few.
    """
    if not 1 <= dimensions <= MOST_DIMENSIONS:
        raise ValueError(dimensions)
    frequencies = _orthogonal(dimensions)
    longest = float(np.sqrt((frequencies**2).sum(axis=0)).max())
    room = _EXACT / (SCALE + np.sqrt(dimensions)) - np.sqrt(dimensions)
    steps = room * 2 * np.pi * SCALE / longest  # of a full turn, at most
    bits = min(_LARGEST_PERIOD_BITS, int(np.log2(steps)))
    per_radian = 2.0**bits / (2 * np.pi * SCALE)
    return Features(np.rint(frequencies * per_radian).astype(np.float32), bits)


def _orthogonal(dimensions: int) -> npt.NDArray[np.float64]:
    """Return frequencies, shape ``(dimensions, FREQUENCIES)``: orthogonal as far as there is room.

    Each has the length of an own Gaussian vector, so that each alone is Gaussian.
    """
    blocks = []
    for start in range(0, FREQUENCIES, dimensions):
        count = min(dimensions, FREQUENCIES - start)
        drawn = _gaussian(dimensions, count, start)
        directions, triangle = np.linalg.qr(drawn)
        # The signs are a matter of the library that factors; a positive diagonal is unique.
        directions *= np.where(np.diag(triangle) < 0, -1.0, 1.0)
        blocks.append(directions * np.sqrt((drawn**2).sum(axis=0)))
    return np.concatenate(blocks, axis=1)


def _gaussian(rows: int, columns: int, block: int) -> npt.NDArray[np.float64]:
    """Return standard normal numbers (Box & Muller 1958).

    NumPy promises that the raw numbers of a bit generator stay the same between its versions; of
    its distributions it does not.
    """
    count = rows * columns
    raw = np.random.Philox(key=_SEED + (block << 32)).random_raw(2 * count)
    uniform = ((raw >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53
    radius = np.sqrt(-2 * np.log(uniform[:count]))
    return np.asarray(radius * np.cos(2 * np.pi * uniform[count:])).reshape(rows, columns)


@lru_cache(maxsize=1)
def _circle() -> npt.NDArray[np.complex64]:
    """Return cosine and sine of the middle of each step of a turn, as whole numbers."""
    steps = 1 << _TABLE_BITS
    angles = 2 * np.pi * (np.arange(steps) + 0.5) / steps
    circle = np.rint(LEVELS * np.cos(angles)) + 1j * np.rint(LEVELS * np.sin(angles))
    return np.asarray(circle, np.complex64)
