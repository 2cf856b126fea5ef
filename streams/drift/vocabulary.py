"""The words that a source has used, in bounded memory, with a stated error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streams.drift.hashset import HashSet, distinct

if TYPE_CHECKING:
    import numpy.typing as npt

GENERATION = 65_536
_FINGERPRINT_BITS = 32


class Vocabulary:
    """Fingerprints of 32 bits of the words seen, in a young and an old generation.

    A word that is used moves to the young generation; when that holds ``GENERATION`` words, it
    becomes the old one, and the old one is forgotten. Two errors follow, both stated: a new word
    is taken for a known one with a probability of at most 131,072 / 2**32 = 0.003 % (equal
    fingerprints); and a word counts as new again once 65,536 other distinct words were used since
    its last use. Memory: at most 4 bytes a word, 0.5 MiB. Two vocabularies merge by union.
    """

    def __init__(
        self, young: HashSet | None = None, old: HashSet | None = None, generation: int = 0
    ) -> None:
        self.young = young or _empty()
        self.old = old or _empty()
        self.generation = generation

    def add(self, hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        """Take in sorted distinct 64-bit hashes; returns for each whether it was never seen."""
        fingerprints = (hashes >> np.uint64(_FINGERPRINT_BITS)).astype(np.uint32)
        new = ~self.young.contains(fingerprints)
        if new.any():
            fresh = fingerprints[new]
            self.young.add_fresh(distinct(fresh))
            new[new] = ~self.old.contains(fresh)
        return new

    def turn(self) -> None:
        """Start a new generation if the young one is full.

        The caller chooses the moments by counting documents, so that they do not depend on how
        the documents were cut into batches.
        """
        if len(self.young) >= GENERATION:
            self.old, self.young = self.young, _empty()
            self.generation += 1


def _empty() -> HashSet:
    return HashSet(np.empty(0, np.uint32))
