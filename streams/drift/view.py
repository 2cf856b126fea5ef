"""What of a document is watched: its embedding, its labels, its words, its topic.

Each is a channel: a few numbers per document whose mean over a quiet stream stays where it was.
The embedding alone sees most changes, but late: a class that grows moves the label probabilities
along few directions, foreign or broken text shows in words that nobody used before, and a subtopic
that grows shows in the share of documents near its centre.

=========  ====================================================================================
channel    numbers per document
=========  ====================================================================================
embedding  the unit vector
labels     square roots of the label probabilities (Hellinger's metric: rare labels count, too)
words      share of words never seen in the reference, log word pieces per character, log words
topics     soft assignment to centres that k-means found in the reference
=========  ====================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from streams.drift.clusters import find_centres, soft_assignment
from streams.drift.documents import TERMS
from streams.drift.hashing import hash_words
from streams.drift.hashset import Lookup, distinct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from schemas.messages import Enriched
    from streams.drift.documents import Kept
    from streams.drift.words import Words

    Floats32 = npt.NDArray[np.float32]

FACTS = 2
"""Numbers of ``facts_of`` before the label probabilities."""

_MOST_LABELS = 64
_WORDS = 3
_INF = float("inf")


class ChannelLaw(NamedTuple):
    """How a channel is watched.

    Attributes:
        ridges: strengths.
        share: of the false-alarm budget.
        least: smallest deviation to believe in: where the reference never varied, a single
            document with a new word must not be an event.
    """

    ridges: tuple[float, ...]
    share: float
    least: float = 0.02


# Chosen on news, papers and documentation: the least delays at equal false alarms.
LAWS: Mapping[str, ChannelLaw] = {
    "embedding": ChannelLaw((0.1, 1.0, _INF), 0.30, 0.0),
    "labels": ChannelLaw((0.3, _INF), 0.40),
    "words": ChannelLaw((0.001,), 0.08),
    "topics": ChannelLaw((0.3, _INF), 0.22),
}


def facts_of(documents: Sequence[Enriched]) -> Floats32:
    """Return what the channels need beside vectors and words, shape ``(n, FACTS + labels)``.

    Args:
        documents: with scores for the same labels, in the same order.
    """
    # Three lists: an array of tuples takes twice as long.
    pieces = np.array([d.word_pieces for d in documents], np.float32)
    characters = np.array([d.characters for d in documents], np.float32)
    facts = np.empty((len(documents), FACTS + label_count(documents[0])), np.float32)
    facts[:, 0] = np.log((pieces + 1) / (characters + 1))
    facts[:, 1] = np.log1p(np.array([len(d.terms) for d in documents], np.float32))
    if facts.shape[1] > FACTS:
        flat = chain.from_iterable([d.scores.values() for d in documents])
        scores = np.fromiter(flat, np.float32).reshape(len(documents), -1)[:, :_MOST_LABELS]
        np.sqrt(np.clip(scores, 0, 1), out=facts[:, FACTS:])
    return facts.astype(np.float16).astype(np.float32)


def label_count(document: Enriched) -> int:
    """Return how many label probabilities are watched."""
    return min(len(document.scores), _MOST_LABELS)


@dataclass(frozen=True, slots=True)
class View:
    """Turns documents into the numbers of all channels, one beside the other.

    Attributes:
        dimensions: of the embedding.
        labels: watched label probabilities.
        centres: of the topics, shape ``(topics, dimensions)``, float16; may be none.
        known: hashes of the reference's words, sorted; a hash is 32 bits, so that of 30,000 words
            one new word in 140,000 is taken for a known one.
    """

    dimensions: int
    labels: int
    centres: npt.NDArray[np.float16]
    known: npt.NDArray[np.uint32]
    _lookup: Lookup = field(init=False, repr=False)
    _centres: Floats32 = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Prepare for being asked."""
        object.__setattr__(self, "_lookup", Lookup(self.known))
        object.__setattr__(self, "_centres", self.centres.astype(np.float32))

    @property
    def channels(self) -> list[tuple[str, slice]]:
        """Return the channels that this reference has, with their columns."""
        sizes = {
            "embedding": self.dimensions,
            "labels": self.labels if self.labels > 1 else 0,
            "words": _WORDS,
            "topics": len(self.centres),
        }
        found, start = [], 0
        for name, size in sizes.items():
            if size:
                found.append((name, slice(start, start + size)))
            start += size
        return found

    def numbers(self, vectors: Floats32, facts: Floats32, words: Words) -> Floats32:
        """Return the numbers of documents, shape ``(n, columns)``.

        Args:
            vectors: shape ``(n, dimensions)``.
            facts: what ``facts_of`` returned.
            words: of the documents.
        """
        return self.join(vectors, facts, self.new_shares(words))

    def encode(self) -> tuple[dict[str, int], dict[str, npt.NDArray[Any]]]:
        """Return numbers and arrays that ``decode`` takes."""
        sizes = {"dimensions": self.dimensions, "labels": self.labels}
        return sizes, {"centres": self.centres, "known": self.known}

    @classmethod
    def decode(cls, sizes: Mapping[str, int], arrays: Mapping[str, npt.NDArray[Any]]) -> View:
        """Return the view of ``encode``."""
        return cls(sizes["dimensions"], sizes["labels"], arrays["centres"], arrays["known"])

    def join(self, vectors: Floats32, facts: Floats32, new: Floats32) -> Floats32:
        """Return the numbers where the shares of new words are known, shape ``(n,)``."""
        labels = facts[:, FACTS:] if self.labels > 1 else facts[:, :0]
        parts = [vectors, labels, new[:, None], facts[:, :FACTS]]
        if len(self.centres):
            parts.append(soft_assignment(vectors, self._centres))
        return np.concatenate(parts, axis=1)

    def new_shares(self, words: Words) -> Floats32:
        """Return the share of each document's words that the reference has not, shape ``(n,)``."""
        kept = words.first(TERMS)
        return _shares(~self._lookup.contains(kept.flat.astype(np.uint32)), kept.counts)


def fit_view(kept: Kept, facts: Floats32, seed: int) -> tuple[View, Floats32]:
    """Return the view of a reference and the numbers of its own documents.

    A reference document's words count as new when no other document has them: what it would have
    shown, had it come later.
    """
    words = [word for terms in kept.terms for word in terms.split("\n") if word]
    known = distinct(hash_words(words).astype(np.uint32))
    centres = find_centres(kept.vectors, seed).astype(np.float16)
    view = View(kept.vectors.shape[1], facts.shape[1] - FACTS, centres, known)
    return view, view.join(kept.vectors, facts, lone_shares(kept.terms, 0))


def lone_shares(documents: Sequence[str], apart: int) -> Floats32:
    """Return the share of each document's words that no document further away has, shape ``(n,)``.

    Args:
        documents: the words of each, one a line, none twice.
        apart: how far: neighbours that are about one thing share its words, and that thing's words
            are all new when it comes up next.
    """
    counts = np.array([_count(terms) for terms in documents], np.int64)
    words = [word for terms in documents for word in terms.split("\n") if word]
    flat = hash_words(words).astype(np.uint32)
    places = np.searchsorted(distinct(flat), flat)
    if not apart:
        return _shares(np.bincount(places)[places] == 1, counts)
    at = np.repeat(np.arange(len(counts)), counts)
    first = np.full(len(flat), len(counts))
    last = np.full(len(flat), -1)
    np.minimum.at(first, places, at)
    np.maximum.at(last, places, at)
    return _shares(np.maximum(at - first[places], last[places] - at) <= apart, counts)


def _count(terms: str) -> int:
    return terms.count("\n") + 1 if terms else 0


def _shares(marked: npt.NDArray[np.bool_], counts: npt.NDArray[np.int64]) -> Floats32:
    """Return the share of marked words of each document; 1 where it has no words."""
    if len(counts) == 1:  # as often where there are many sources
        share = np.count_nonzero(marked) / marked.size if marked.size else 1.0
        return np.array([share], np.float16).astype(np.float32)
    ends = np.cumsum(counts)
    totals = np.concatenate(([0], np.cumsum(marked)))
    marks = totals[ends] - totals[ends - counts]
    shares = np.where(counts > 0, marks / np.maximum(counts, 1), 1.0)
    return shares.astype(np.float16).astype(np.float32)
