"""The distinct words of many documents as one array of hashes: hashed once, shared by all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from streams.drift.hashing import hash_lists

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from schemas.messages import Enriched
    from streams.drift.hashset import Hashes


@dataclass(frozen=True, slots=True)
class Words:
    """Hashes of each document's distinct words, in order of first appearance.

    Attributes:
        flat: of all documents, one behind the other.
        counts: words of each document, shape ``(n,)``.
        edges: where each document begins in ``flat``, and where the last one ends.
    """

    flat: npt.NDArray[np.uint64]
    counts: npt.NDArray[np.int64]
    edges: npt.NDArray[np.int64]

    @classmethod
    def of(cls, documents: Sequence[Enriched]) -> Words:
        """Return the words of documents."""
        return cls.said([document.terms for document in documents])

    @classmethod
    def said(cls, terms: Sequence[Sequence[str]]) -> Words:
        """Return the hashes of each document's words."""
        counts = np.array([*map(len, terms)], np.int64)
        return cls._cut(hash_lists(terms, int(counts.sum())), counts)

    @classmethod
    def joined(cls, documents: Sequence[npt.NDArray[np.uint64]]) -> Words:
        """Return the hashes of each document as one array."""
        counts = np.array([one.size for one in documents], np.int64)
        return cls._cut(np.concatenate([np.empty(0, np.uint64), *documents]), counts)

    def __len__(self) -> int:
        return len(self.counts)

    def part(self, first: int, last: int) -> Words:
        """Return the words of neighbouring documents."""
        if last - first == len(self.counts):
            return self
        start, end = self.edges[first], self.edges[last]
        edges = self.edges[first : last + 1] - start
        return Words(self.flat[start:end], self.counts[first:last], edges)

    def take(self, rows: Sequence[int]) -> Words:
        """Return the words of some documents, in ascending order."""
        if rows[-1] - rows[0] + 1 == len(rows):
            return self.part(rows[0], rows[-1] + 1)
        own = [self.hashes(row, row + 1) for row in rows]
        return Words._cut(np.concatenate(own), self.counts[list(rows)])

    def first(self, most: int) -> Words:
        """Return at most so many words of each document."""
        if not self.counts.size or int(self.counts.max()) <= most:
            return self
        ranks = np.arange(self.flat.size) - np.repeat(self.edges[:-1], self.counts)
        return Words._cut(self.flat[ranks < most], np.minimum(self.counts, most))

    def hashes(self, first: int, last: int) -> Hashes:
        """Return the hashes of neighbouring documents, one behind the other."""
        return self.flat[self.edges[first] : self.edges[last]]

    @classmethod
    def _cut(cls, flat: npt.NDArray[np.uint64], counts: npt.NDArray[np.int64]) -> Words:
        edges = np.zeros(len(counts) + 1, np.int64)
        np.cumsum(counts, out=edges[1:])
        return cls(flat, counts, edges)
