"""Sums of standard scores over the last windows, exact in any order, in bounded memory.

A block's sum is kept as 16-bit integers in units of 1/64 standard deviation (a rounding error of
0.005 against a block's own deviation of 3.2; saturated at 512). Sums of integers are exact, so a
window's running sum equals the sum of its blocks after a restart too, and shards that count the
same blocks merge by addition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streams.drift.codec import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

UNITS = 64
_LIMIT = 32_767
_CHUNK = 8  # blocks that are stored together


class BlockSums:
    """Ring of the last blocks' sums and running sums over windows of 2, 4, 8, ... blocks."""

    def __init__(self, dimensions: int, windows: tuple[int, ...]) -> None:
        self.count = 0
        self._windows = np.array(windows, np.int64)
        self._longest = max(windows)
        self._capacity = self._longest + _CHUNK  # the oldest chunk stays whole while it is needed
        self._ring = np.zeros((self._capacity, dimensions), np.int16)
        self._sums = np.zeros((len(windows), dimensions), np.int32)

    def push(self, block: npt.NDArray[np.float32]) -> None:
        """Take in one block's sum of standard scores, shape ``(d,)``."""
        row = np.clip(np.rint(block * UNITS), -_LIMIT, _LIMIT).astype(np.int16)
        gone = self._ring[(self.count - self._windows) % self._capacity]
        gone[self._windows > self.count] = 0
        self._sums += row
        self._sums -= gone
        self._ring[self.count % self._capacity] = row
        self.count += 1

    def full(self) -> int:
        """Return how many of the windows are full; they stand in order of length."""
        return int(np.searchsorted(self._windows, self.count, side="right"))

    def window_sums(self) -> npt.NDArray[np.float64]:
        """Return the sums of the full windows in standard deviations, shape ``(full, d)``."""
        return self._sums[: self.full()] / UNITS

    def recent(self) -> npt.NDArray[np.float64]:
        """Return the kept blocks' sums, oldest first, shape ``(blocks, d)``."""
        kept = min(self.count, self._longest)
        return self._ring[np.arange(self.count - kept, self.count) % self._capacity] / UNITS

    def last(self, blocks: int) -> npt.NDArray[np.float64]:
        """Return the sum of the last blocks, shape ``(d,)``."""
        kept = min(self.count, blocks, self._longest)
        rows = self._ring[np.arange(self.count - kept, self.count) % self._capacity]
        return np.asarray(rows.sum(axis=0, dtype=np.int32) / UNITS)

    def parts(self) -> dict[str, Callable[[], bytes]]:
        """Return the finished chunks of the ring, by name."""
        oldest = max(0, self.count - self._longest) // _CHUNK * _CHUNK
        newest = self.count // _CHUNK * _CHUNK
        return {str(first): self._encoder(first) for first in range(oldest, newest, _CHUNK)}

    def tail(self) -> npt.NDArray[np.int16]:
        """Return the blocks after the last finished chunk, shape ``(blocks, d)``."""
        first = self.count // _CHUNK * _CHUNK
        return self._ring[np.arange(first, self.count) % self._capacity]

    def restore(self, count: int, parts: Mapping[str, bytes], tail: npt.NDArray[np.int16]) -> None:
        """Set the state from what ``parts`` and ``tail`` returned at ``count`` blocks."""
        self.count = count
        for name, payload in parts.items():
            _, arrays = unpack(payload)
            self._ring[(int(name) + np.arange(_CHUNK)) % self._capacity] = arrays["sums"]
        self._ring[np.arange(count - len(tail), count) % self._capacity] = tail
        for index, window in enumerate(self._windows.tolist()):
            rows = self._ring[np.arange(max(0, count - window), count) % self._capacity]
            self._sums[index] = rows.sum(axis=0, dtype=np.int32)

    def _encoder(self, first: int) -> Callable[[], bytes]:
        rows = (first + np.arange(_CHUNK)) % self._capacity
        return lambda: pack({}, {"sums": self._ring[rows]})
