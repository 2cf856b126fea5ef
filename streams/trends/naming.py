"""What a topic is called: the words that tell it from the other topics of its source.

Log-odds with an informative Dirichlet prior, on document frequencies; see ``drift/terms.py``.
"""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from streams.drift.terms import log_odds_z, speaks
from streams.stages.function_words import FUNCTION_WORDS

if TYPE_CHECKING:
    from collections.abc import Sequence

_FULL = 128
_KNOWN, _SPOKEN = 32, 4
_CANDIDATES = 24
_MOST_WORDS = 320
_LEAST_DOCUMENTS = 2
_LEAST_SHARE = 0.08
_LEAST_Z = 1.96
_COMMON = 0.35  # share of the other documents: beyond it a word is everybody's
_STEM = 4


class Words:
    """Documents of a topic that hold a word; old ones count half after every ``_FULL``.

    Attributes:
        counts: documents by word, in order of first use.
        documents: how many the counts speak of.
        counted: how many have ever been counted.
    """

    def __init__(self, counts: dict[str, int], documents: int, counted: int) -> None:
        self.counts = Counter(counts)
        self.documents = documents
        self.counted = counted

    @classmethod
    def none(cls) -> Words:
        """Return the words of no document."""
        return cls({}, 0, 0)

    def add(self, texts: Sequence[str]) -> None:
        """Count documents, each given as its distinct words with spaces between.

        Of a topic that is known well, a few of them speak for the others.
        """
        self.counted += len(texts)
        spoken = texts if self.documents < _KNOWN else texts[:_SPOKEN]
        self.documents += len(spoken)
        self.counts.update(" ".join(spoken).split())
        self._bound()

    def absorb(self, other: Words) -> None:
        """Count another topic's documents too."""
        self.counts.update(other.counts)
        self.documents += other.documents
        self.counted += other.counted
        self._bound()

    def _bound(self) -> None:
        while self.documents >= _FULL:
            self.documents //= 2
            self.counts = Counter({w: n // 2 for w, n in self.counts.items() if n > 1})
        least = 1
        while len(self.counts) > _MOST_WORDS:  # those that came once tell least
            self.counts = Counter({w: n for w, n in self.counts.items() if n > least})
            least += 1


def distinctive(own: Words, others: Sequence[Words], most: int) -> list[str]:
    """Return the words that set a topic apart, most telling first.

    Args:
        own: of the topic.
        others: of the other topics of the source.
        most: longest list wanted.
    """
    least = max(_LEAST_DOCUMENTS, _LEAST_SHARE * own.documents)
    ranked = sorted([(-count, word) for word, count in own.counts.items() if count >= least])
    words = list(islice(filter(_tells, [word for _, word in ranked]), _CANDIDATES))
    elsewhere = sum(other.documents for other in others)
    if not words:
        return []
    after = np.array([own.counts[word] for word in words], np.float64)
    if not elsewhere:
        return _apart([words[place] for place in np.argsort(-after, kind="stable")], most)
    counts = [other.counts for other in others]
    before = np.array([sum([c.get(w, 0) for c in counts]) for w in words], np.float64)
    z = log_odds_z(before, elsewhere, after, own.documents)
    z[before > _COMMON * elsewhere] = 0.0
    order = np.argsort(-z, kind="stable").tolist()
    return _apart([words[place] for place in order if z[place] >= _LEAST_Z], most)


def _tells(word: str) -> bool:
    """Return whether a word can be part of a name; pairs of characters can where no spaces are."""
    if word in FUNCTION_WORDS:
        return False
    pair = len(word) > 1 and not word.isascii()
    return speaks(word) or (pair and not any(map(str.isdigit, word)))


def _apart(ranked: Sequence[str], most: int) -> list[str]:
    """Leave out a word that is another form of one before it."""
    chosen: list[str] = []
    for word in ranked:
        if not any(_akin(word, other) for other in chosen):
            chosen.append(word)
        if len(chosen) == most:
            break
    return chosen


def _akin(word: str, other: str) -> bool:
    stem = max(_STEM, min(len(word), len(other)) - 1)
    return word[:stem] == other[:stem]
