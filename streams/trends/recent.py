"""The last documents of a source: where topics are born from, and what they are named by."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.drift.codec import deflated, inflated, pack, pack_strings, unpack, unpack_strings
from streams.drift.nibbles import as_nibbles, spread
from streams.drift.sketches.features import SCALE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    Floats32 = npt.NDArray[np.float32]

CHUNK = 64
DOCUMENTS = 1_024
WORDS = 24
"""Words kept of a document: its title and first sentences come first."""
_LARGEST = np.float32(127)
_TEXTS = ("text", "lengths", "times")


@dataclass(slots=True)
class Chunk:
    """Some documents in a row.

    Attributes:
        codes: directions, the largest number of each 127, shape ``(n, d)``, int8; of a full chunk
            their nibbles, uint8 (those that an older version stored are still int8).
        texts: of each, its first distinct words, with spaces between.
        times: of publication, ms.
        scales: of the codes, shape ``(n,)``; found when they are first needed.
    """

    codes: npt.NDArray[np.int8] | npt.NDArray[np.uint8]
    texts: list[str]
    times: list[int]
    scales: Floats32 | None = None

    def scaled(self, rows: Floats32) -> Floats32:
        """Return the scales; ``rows`` are the directions, shape ``(n, d)``."""
        if self.scales is None:
            self.scales = np.float32(SCALE) / np.sqrt(np.einsum("ij,ij->i", rows, rows))
        return self.scales

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the content as arrays."""
        times = np.array(self.times, np.int64)
        return {"codes": self.codes, "times": times, **pack_strings(self.texts)}

    @classmethod
    def of(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Chunk:
        """Return what ``arrays`` gave."""
        # A copy: a view would keep all that was read alive.
        return cls(arrays["codes"].copy(), unpack_strings(arrays), arrays["times"].tolist())


class Recent:
    """At most ``DOCUMENTS`` documents, in chunks of which all but the last are full.

    Attributes:
        seen: documents ever.
    """

    def __init__(self, dimensions: int) -> None:
        self.seen = 0
        self._full: deque[Chunk] = deque(maxlen=DOCUMENTS // CHUNK)
        self._last = Chunk(np.empty((0, dimensions), np.int8), [], [])

    def append(self, rows: Floats32, texts: list[str], times: list[int]) -> None:
        """Add documents."""
        self.seen += len(rows)
        last = self._last
        codes = np.concatenate([last.codes, _codes(rows)])
        texts, times = last.texts + texts, last.times + times
        whole = len(codes) // CHUNK * CHUNK
        if whole:
            nibbles = as_nibbles(codes[:whole].view(np.int8))
            for first in range(0, whole, CHUNK):
                own = slice(first, first + CHUNK)
                self._full.append(Chunk(nibbles[own].copy(), texts[own], times[own]))
            codes = codes[whole:].copy()
        self._last = Chunk(codes, texts[whole:], times[whole:])

    def rows(self) -> Floats32:
        """Return the unit vectors of full chunks, oldest first, in ``1 / SCALE``, shape ``(n, d)``.

        They are about a seventh away from what came, at random, see ``nibbles.py``.
        """
        codes = [chunk.codes for chunk in self._full]
        found = np.empty((len(codes) * CHUNK, self._last.codes.shape[1]), np.float32)
        parts = [found[start : start + CHUNK] for start in range(0, len(found), CHUNK)]
        if all(each.dtype == np.uint8 for each in codes):
            spread(np.concatenate(codes).view(np.uint8), found)
        else:
            for own, part in zip(codes, parts, strict=True):
                _write(own, part)
        pairs = zip(self._full, parts, strict=True)
        found *= np.concatenate([chunk.scaled(part) for chunk, part in pairs])[:, None]
        return found

    def texts(self) -> list[str]:
        """Return their words."""
        return [text for chunk in self._full for text in chunk.texts]

    def times(self) -> npt.NDArray[np.int64]:
        """Return their times of publication, ms."""
        return np.array([time for chunk in self._full for time in chunk.times], np.int64)

    def tail(self) -> dict[str, npt.NDArray[Any]]:
        """Return the small moving state."""
        return self._last.arrays()

    def parts(self) -> dict[str, Callable[[], bytes]]:
        """Return the immutable state, by name."""
        first = self.seen // CHUNK - len(self._full)
        return {str(first + i): _encoder(chunk) for i, chunk in enumerate(self._full)}

    def restore(
        self, seen: int, parts: Mapping[str, bytes], tail: Mapping[str, npt.NDArray[Any]]
    ) -> None:
        """Set the state from what ``parts`` and ``tail`` returned."""
        self.seen = seen
        for name in sorted(parts, key=int):
            self._full.append(Chunk.of(inflated(*unpack(parts[name]))))
        self._last = Chunk.of(tail)


def _write(codes: npt.NDArray[Any], rows: Floats32) -> None:
    if codes.dtype == np.uint8:
        spread(codes, rows)
    else:  # of an older version
        rows[:] = codes


def _codes(rows: Floats32) -> npt.NDArray[np.int8]:
    scaled = np.abs(rows)
    # Numbers of one sign stand in the order of their bits, and integers are compared faster.
    largest = scaled.view(np.int32).max(axis=1, keepdims=True).view(np.float32)
    np.multiply(rows, _LARGEST / largest, out=scaled)
    np.rint(scaled, out=scaled)
    return scaled.astype(np.int8)


def _encoder(chunk: Chunk) -> Callable[[], bytes]:
    return lambda: pack(*deflated(chunk.arrays(), _TEXTS, 6))
