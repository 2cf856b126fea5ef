"""Extractive summaries from the sentence vectors of the one pass, for a whole batch at a time.

A sentence's score adds up how near it is to what the document is about (its centroid; Radev et al.,
2004), how near to its title, how early it stands, and whether its author says that it is the point
("in this paper we show"; cue phrases and position: Edmundson, 1969). Sentences are then picked one
by one, each marked down by its likeness to those picked (maximal marginal relevance; Carbonell and
Goldstein, 1998). The cost is linear in the number of sentences.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats: TypeAlias = npt.NDArray[np.float32]
Ints: TypeAlias = npt.NDArray[np.int64]

METHOD = "extractive: centroid, title, position, cues, MMR"

# Found on the human one-sentence summaries of SciTLDR; see models/README.md.
_TITLE = 0.5
_CUE = 0.5
_RELEVANCE = 0.7
# Cosine above which a sentence says nothing that the other did not.
_COPY = 0.95
# The lead counts for more where it is a smaller part of the document, as in news articles.
_LEAD_SHORT, _LEAD_LONG = 0.3, 1.0
_SHORT_SENTENCES, _LONG_SENTENCES = 10, 25
_LEAD_FADES_OVER = 3.0
# A shorter sentence says too little to stand in a summary where there are others.
_FEWEST_TOKENS = 6
_NOT_A_SENTENCE = 1.0

_CUES = re.compile(
    r"\b(?:in this (?:paper|work|article|study|report|document|guide|section)"
    r"|this (?:paper|work|article|study|report|document|guide|module|package)"
    r"|we (?:propose|present|introduce|show|study|develop|describe|demonstrate|prove|investigate"
    r"|address|report|find|consider|provide|design|argue|explore)"
    r"|our (?:results?|findings|main|key)|(?:results?|findings) (?:show|suggest|indicate)"
    r"|the main (?:point|result|finding|idea)|in (?:summary|short|conclusion|brief)"
    r"|to (?:sum up|summari[sz]e|conclude)|overall)\b",
    re.IGNORECASE,
)


def has_cue(sentence: str) -> bool:
    """Tell whether the author announces the point of the text in this sentence."""
    return _CUES.search(sentence) is not None


@dataclass(frozen=True, slots=True)
class Candidates:
    """The sentences of a batch of documents, one document after another.

    Attributes:
        sentences: unit vectors, shape ``(sentences, dimensions)``.
        first: index of each document's first sentence, then the number of all sentences,
            shape ``(documents + 1,)``; every document has a sentence.
        centroids: unit vectors of the documents, shape ``(documents, dimensions)``.
        titles: unit vectors of their titles, zero where there is none, same shape.
        tokens: length of each sentence, shape ``(sentences,)``.
        cues: whether each sentence has a cue phrase, shape ``(sentences,)``.
    """

    sentences: Floats
    first: Ints
    centroids: Floats
    titles: Floats
    tokens: Ints
    cues: npt.NDArray[np.bool_]

    @property
    def sizes(self) -> Ints:
        """Sentences of each document."""
        return np.diff(self.first)

    @property
    def owner(self) -> Ints:
        """The document of each sentence."""
        return np.repeat(np.arange(len(self.first) - 1), self.sizes)


def select(batch: Candidates, count: int) -> list[list[int]]:
    """Pick the sentences of each document's summary, in the order of the text.

    Args:
        batch: the documents.
        count: most sentences of a summary; fewer where the rest are copies of those picked.

    Returns:
        For each document the positions of its sentences, counted from its first.
    """
    sentences, first, sizes, owner = batch.sentences, batch.first, batch.sizes, batch.owner
    scores = _scores(batch)
    picked: list[Ints] = []
    redundancy = np.zeros(len(sentences), dtype=np.float32)
    taken = np.zeros(len(sentences), dtype=np.bool_)
    for _ in range(min(count, int(sizes.max(initial=0)))):
        value = _RELEVANCE * scores - (1 - _RELEVANCE) * redundancy
        best = _argmax(np.where(taken, -np.inf, value), first)
        picked.append(np.where(taken[best], -1, best - first[:-1]))
        taken[best] = True
        likeness = np.einsum("ij,ij->i", sentences, sentences[best[owner]])
        np.maximum(redundancy, likeness, out=redundancy)
        taken |= likeness > _COPY
    return _in_order(picked, len(sizes))


def _scores(batch: Candidates) -> Floats:
    first, owner = batch.first, batch.owner
    aim = batch.centroids + _TITLE * batch.titles
    relevance = _spread(np.einsum("ij,ij->i", batch.sentences, aim[owner]), first, owner)
    position = np.arange(len(owner)) - first[:-1][owner]
    weights = np.interp(batch.sizes, (_SHORT_SENTENCES, _LONG_SENTENCES), (_LEAD_SHORT, _LEAD_LONG))
    lead = weights[owner] * np.exp(-position / _LEAD_FADES_OVER)
    scores = relevance + lead + _CUE * batch.cues
    scores = scores - _NOT_A_SENTENCE * (batch.tokens < _FEWEST_TOKENS)
    return _spread(scores, first, owner)


def _spread(values: npt.NDArray[np.floating], first: Ints, owner: Ints) -> Floats:
    """Scale each document's values to 0..1; all 0 where they are equal."""
    low = np.minimum.reduceat(values, first[:-1])
    width = np.maximum.reduceat(values, first[:-1]) - low
    safe = np.where(width > 0, width, 1)
    return ((values - low[owner]) / safe[owner]).astype(np.float32)


def _argmax(values: Floats, first: Ints) -> Ints:
    """Return the index of the first of each document's largest values."""
    best = np.maximum.reduceat(values, first[:-1])
    owner = np.repeat(np.arange(len(first) - 1), np.diff(first))
    hits = np.flatnonzero(values == best[owner])
    _, earliest = np.unique(owner[hits], return_index=True)
    return hits[earliest].astype(np.int64)


def _in_order(picked: Sequence[Ints], documents: int) -> list[list[int]]:
    if not picked:
        return [[] for _ in range(documents)]
    return [sorted(at for at in row if at >= 0) for row in np.stack(picked, axis=1).tolist()]
