"""Sums over the documents of a window; whole numbers, so that windows merge exactly."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.drift.monitors.copies import COPY, NEAR_COPY
from streams.drift.monitors.facts import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    from streams.drift.monitors.facts import Part

OTHER = "other"
SKETCHES = ("length", "confidence", "lateness")

_MOST_LANGUAGES = 32
_PIECES, _CHARACTERS = COLUMNS.index("word_pieces"), COLUMNS.index("characters")
_PLACE = {name: index for index, name in enumerate(COLUMNS)}


class Tally:
    """Numbers of a set of documents.

    Attributes:
        sums: over all documents, in the order of ``COLUMNS``.
        copied: over the copies and near-copies among them.
        copies, near_copies: their numbers.
        labels, languages: documents of each.
        copied_labels, copied_languages: of these, copies and near-copies.
        pieces, characters: word pieces and characters of each language.
        sketches: documents per bucket of length, confidence and lateness.
    """

    def __init__(self) -> None:
        self.sums = np.zeros(len(COLUMNS), np.int64)
        self.copied = np.zeros(len(COLUMNS), np.int64)
        self.copies = self.near_copies = 0
        self.labels: Counter[str] = Counter()
        self.languages: Counter[str] = Counter()
        self.copied_labels: Counter[str] = Counter()
        self.copied_languages: Counter[str] = Counter()
        self.pieces: Counter[str] = Counter()
        self.characters: Counter[str] = Counter()
        self.sketches: tuple[Counter[int], ...] = (Counter(), Counter(), Counter())

    def add(self, facts: Part, codes: npt.NDArray[np.uint8]) -> None:
        """Count documents, in order; ``codes`` says which of them are copies."""
        if len(facts.labels) == 1:  # as often where there are many sources
            self._add_one(facts, int(codes[0]))
            return
        self.sums += facts.numbers.sum(axis=0)
        self.labels.update(facts.labels)
        languages = self._add_languages(facts)
        for sketch, buckets in zip(self.sketches, facts.buckets.T.tolist(), strict=True):
            sketch.update(buckets)
        repeated = np.flatnonzero(codes)
        if repeated.size:
            kinds = np.bincount(codes, minlength=COPY + 1).tolist()
            self.near_copies += kinds[NEAR_COPY]
            self.copies += kinds[COPY]
            self.copied += facts.numbers[repeated].sum(axis=0)
            rows = repeated.tolist()
            self.copied_labels.update([facts.labels[row] for row in rows])
            self.copied_languages.update([languages[row] for row in rows])

    def _add_one(self, facts: Part, code: int) -> None:
        numbers, label, language = (
            facts.numbers[0],
            facts.labels[0],
            self._known(facts.languages[0]),
        )
        self.sums += numbers
        self.labels[label] += 1
        self.pieces[language] += int(numbers[_PIECES])
        self.characters[language] += int(numbers[_CHARACTERS])
        for sketch, bucket in zip(self.sketches, facts.buckets[0].tolist(), strict=True):
            sketch[bucket] += 1
        if code:
            self.near_copies += code == NEAR_COPY
            self.copies += code == COPY
            self.copied += numbers
            self.copied_labels[label] += 1
            self.copied_languages[language] += 1

    def merge(self, other: Tally) -> None:
        """Add the documents of another tally; sketches and pieces by language are left out."""
        self.sums += other.sums
        self.copied += other.copied
        self.copies += other.copies
        self.near_copies += other.near_copies
        for name in ("labels", "languages", "copied_labels", "copied_languages"):
            getattr(self, name).update(getattr(other, name))

    def total(self, name: str) -> int:
        """Return the sum of a column over all documents."""
        return int(self.sums[_PLACE[name]])

    def original(self, name: str) -> int:
        """Return the sum of a column over the documents that repeat no other."""
        return int(self.sums[_PLACE[name]] - self.copied[_PLACE[name]])

    def head(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return the state: numbers, and arrays."""
        meta = {
            "copies": [self.copies, self.near_copies],
            "counters": [list(each.items()) for each in self._counters()],
            "sketches": [list(each.items()) for each in self.sketches],
        }
        return meta, {"sums": self.sums, "copied": self.copied}

    @classmethod
    def decode(cls, meta: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> Tally:
        """Return the tally of ``head``."""
        tally = cls()
        tally.sums, tally.copied = arrays["sums"].copy(), arrays["copied"].copy()
        tally.copies, tally.near_copies = meta["copies"]
        for counter, items in zip(tally._counters(), meta["counters"], strict=True):
            counter.update(dict(items))
        tally.sketches = tuple(Counter(dict(items)) for items in meta["sketches"])
        return tally

    def _counters(self) -> Iterable[Counter[str]]:
        return (
            *(self.labels, self.languages, self.copied_labels, self.copied_languages),
            *(self.pieces, self.characters),
        )

    def _add_languages(self, facts: Part) -> Sequence[str]:
        """Count languages; returns that of each document, beyond the first 32 ``OTHER``."""
        languages = facts.languages
        found = dict.fromkeys(languages)
        if len(self.languages.keys() | found.keys()) > _MOST_LANGUAGES:
            languages = [self._known(name) for name in languages]
            found = dict.fromkeys(languages)
        else:
            self.languages.update(languages)
        if len(found) == 1:
            (name,) = found
            self.pieces[name] += int(facts.numbers[:, _PIECES].sum())
            self.characters[name] += int(facts.numbers[:, _CHARACTERS].sum())
            return languages
        amounts = facts.numbers[:, [_PIECES, _CHARACTERS]].tolist()
        for name, (pieces, characters) in zip(languages, amounts, strict=True):
            self.pieces[name] += pieces
            self.characters[name] += characters
        return languages

    def _known(self, name: str) -> str:
        if name not in self.languages and len(self.languages) >= _MOST_LANGUAGES:
            name = OTHER
        self.languages[name] += 1
        return name
