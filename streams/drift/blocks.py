"""Sums of standard scores over the last windows, exact in any order, in bounded memory.

A block's sum is rounded to 16-bit integers in units of 1/64 standard deviation (a rounding error
of 0.005 against a block's own deviation of 3.2; saturated at 512). Sums of integers are exact, so
shards that count the same blocks merge by addition. What is kept in memory is the running total
after each block: a window's sum is the difference of two of them, for many blocks at once, and
exact even where a total passes 32 bits (arithmetic modulo 2**32). What is stored is the blocks.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

import numpy as np

from streams.drift.codec import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    Rows = npt.NDArray[np.int16]

UNITS = 64
_LIMIT = 32_767
_CHUNK = 8  # blocks that are stored together


class BlockSums:
    """Ring of the totals after the last blocks; windows of 2, 4, 8, ... blocks."""

    def __init__(self, dimensions: int, windows: tuple[int, ...]) -> None:
        self.count = 0
        self._sizes = windows
        self._windows = np.array(windows, np.int64)
        self._longest = max(windows)
        # The oldest chunk stays whole while it is needed; the total before it is needed, too.
        self._capacity = self._longest + _CHUNK + 1
        self._totals = np.zeros((self._capacity, dimensions), np.int32)

    def push(self, rows: Rows) -> None:
        """Take in blocks, as ``rounded`` gave them, shape ``(blocks, d)``."""
        for first in range(0, len(rows), self._longest):
            part = rows[first : first + self._longest]
            places = np.arange(self.count + 1, self.count + 1 + len(part)) % self._capacity
            self._totals[places] = self._after(part)
            self.count += len(part)

    def ahead(self, rows: Rows) -> npt.NDArray[np.int32]:
        """Return all windows' sums after each block that is still to be pushed.

        Shape ``(blocks, windows, d)``, in units; of windows that are not full yet, the blocks that
        there are.
        """
        after = self._after(rows)
        ends = self.count + 1 + np.arange(len(rows))
        before = np.maximum(ends[:, None] - self._windows, 0)
        places = np.minimum(before, self.count) % self._capacity
        totals: npt.NDArray[np.int32] = self._totals.take(places, axis=0)
        new = before > self.count
        totals[new] = after[before[new] - self.count - 1]
        np.subtract(after[:, None], totals, out=totals)
        return totals

    def full(self, blocks: int) -> int:
        """Return how many windows are full after so many; they stand in order of length."""
        return bisect_right(self._sizes, blocks)

    def recent(self) -> npt.NDArray[np.float64]:
        """Return the kept blocks' sums, oldest first, shape ``(blocks, d)``."""
        return self._rows(max(0, self.count - self._longest), self.count) / UNITS

    def last(self, blocks: int) -> npt.NDArray[np.float64]:
        """Return the sum of the last blocks, shape ``(d,)``."""
        kept = min(self.count, blocks, self._longest)
        ends = np.array([self.count, self.count - kept]) % self._capacity
        return np.asarray(np.subtract(*self._totals[ends]) / UNITS)

    def parts(self) -> dict[str, Callable[[], bytes]]:
        """Return the finished chunks of the ring, by name."""
        oldest = max(0, self.count - self._longest) // _CHUNK * _CHUNK
        newest = self.count // _CHUNK * _CHUNK
        return {str(first): self._encoder(first) for first in range(oldest, newest, _CHUNK)}

    def tail(self) -> Rows:
        """Return the blocks after the last finished chunk, shape ``(blocks, d)``."""
        return self._rows(self.count // _CHUNK * _CHUNK, self.count)

    def restore(self, count: int, parts: Mapping[str, bytes], tail: Rows) -> None:
        """Set the state from what ``parts`` and ``tail`` returned at ``count`` blocks."""
        chunks = [unpack(parts[name])[1]["sums"] for name in sorted(parts, key=int)]
        self.count = min(map(int, parts), default=count - len(tail))
        for rows in (*chunks, tail):
            self.push(rows)

    def _after(self, rows: Rows) -> npt.NDArray[np.int32]:
        """Return the totals after each of the blocks that follow."""
        after = rows.astype(np.int32)
        after[:1] += self._totals[self.count % self._capacity]
        # In place, without the copies that a sum from one type into another makes.
        return np.add.accumulate(after, axis=0, out=after)

    def _rows(self, first: int, last: int) -> Rows:
        totals = self._totals[np.arange(first, last + 1) % self._capacity]
        return np.asarray(totals[1:] - totals[:-1], np.int16)

    def _encoder(self, first: int) -> Callable[[], bytes]:
        return lambda: pack({}, {"sums": self._rows(first, first + _CHUNK)}, squeezed=True)


def rounded(sums: npt.NDArray[np.float32]) -> Rows:
    """Return blocks' sums of standard scores as they are kept."""
    units = np.clip(np.rint(sums * np.float32(UNITS)), -_LIMIT, _LIMIT)
    return np.asarray(units, np.int16)
