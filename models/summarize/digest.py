"""What many documents are about: the few of them that stand for the rest.

Facility location (Lin and Bilmes, "A class of submodular functions for document summarization",
ACL 2011): documents are picked one by one, each time the one by which the likeness of all documents
to the nearest that was picked grows most. The first is the most central one; the next stand for
what the first does not, so that a day with two stories has both.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from models.sentences import clean, sentence_spans

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Floats: TypeAlias = npt.NDArray[np.float32]

METHOD = "extractive: facility location"
MOST = 3
_LEAST_GAIN = 0.02
"""Of the likeness of all documents to themselves; what adds less says nothing new."""
_FEWEST_WORDS = 5
_LONGEST = 300
_STEPS = 1024.0


class Landed(NamedTuple):
    """A document, or one that stands for ``weight`` documents; ``space`` names its embedding's."""

    doc_id: str
    summary: str
    space: str
    embedding: Sequence[float]
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Told:
    """A document that stands for others: what it says, and for which share of all of them."""

    doc_id: str
    sentence: str
    share: float
    space: str
    embedding: tuple[float, ...]


def digest(documents: Sequence[Landed], most: int = MOST) -> list[Told]:
    """Return the documents that stand for all, those for the most first.

    Embeddings of the model that most documents have are compared; the others are in no share.

    Args:
        documents: in any order.
        most: how many at most.
    """
    usable = sorted(one for one in documents if any(one.embedding))
    kinds: dict[tuple[str, int], float] = defaultdict(float)
    for one in usable:
        kinds[one.space, len(one.embedding)] += one.weight
    if not kinds:
        return []
    kind = max(kinds, key=lambda kind: (kinds[kind], kind))
    own = [one for one in usable if (one.space, len(one.embedding)) == kind]
    vectors = np.array([one.embedding for one in own], dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    weights = np.array([one.weight for one in own], dtype=np.float64)
    total = sum(one.weight for one in documents)
    found = [
        Told(own[at].doc_id, sentence(own[at].summary), share / total, kind[0], _plain(own[at]))
        for at, share in representatives(vectors, weights, most)
    ]
    return _merged(sorted(found, key=lambda one: -one.share))


def _merged(told: Sequence[Told]) -> list[Told]:
    """Let documents that say the same word for word be one, with what they stand for together."""
    found: dict[str, Told] = {}
    for one in told:
        known = found.get(one.sentence)
        found[one.sentence] = replace(known, share=known.share + one.share) if known else one
    return sorted(found.values(), key=lambda one: -one.share)


def _plain(one: Landed) -> tuple[float, ...]:
    return tuple(map(float, one.embedding))


def representatives(
    vectors: Floats, weights: npt.NDArray[np.float64], most: int
) -> list[tuple[int, float]]:
    """Return places of the documents that stand for all, with the weight of those nearest to them.

    Args:
        vectors: unit vectors, shape ``(documents, dimensions)``; at least one.
        weights: how much each counts, shape ``(documents,)``.
        most: how many at most; fewer where another would add next to nothing.
    """
    # In steps, so that the last bits of a product decide nothing.
    likeness = np.round(np.clip(vectors @ vectors.T, 0, 1).astype(np.float64) * _STEPS)
    best = np.zeros(len(vectors))
    picked: list[int] = []
    for _ in range(min(most, len(vectors))):
        gains = weights @ np.maximum(likeness - best[:, None], 0)
        place = int(gains.argmax())
        if picked and gains[place] < _LEAST_GAIN * _STEPS * weights.sum():
            break
        picked.append(place)
        best = np.maximum(best, likeness[:, place])
    nearest = likeness[:, picked].argmax(axis=1)
    shares = np.bincount(nearest, weights=weights, minlength=len(picked))
    return list(zip(picked, shares.tolist(), strict=True))


def sentence(summary: str) -> str:
    """Return the first sentence of a summary that says something, in one line."""
    text = clean(summary)
    spans = [" ".join(text[start:end].split()) for start, end in sentence_spans(text)]
    whole = next((one for one in spans if len(one.split()) >= _FEWEST_WORDS), None)
    shown = whole or " ".join(text.split())
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"


def joined(told: Iterable[Told]) -> str:
    """Return the sentences as one text."""
    return " ".join(one.sentence for one in told if one.sentence)
