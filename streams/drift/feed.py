"""Documents as the detector takes them: runs of one embedding model, vectors as a matrix."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby, pairwise
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from streams.drift.documents import as_bytes
from streams.drift.hashset import stretches
from streams.drift.view import facts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from schemas.messages import Enriched

_FLOAT_BYTES = 4
_READ = attrgetter("embedding_model", "embedding_revision", "compute_type", "embedding", "scores")
_LEAST_ENERGY, _LARGEST_ENERGY = 1e-8, 1e8  # of a unit vector 1; NaN is in no interval

_LEAST_NORMAL = np.float32(2.0**-14)
_LARGEST_HALF = np.float32(65_520)  # from here on float16 rounds to infinity


def model_name(document: Enriched) -> str:
    """Return model and revision of a document's embedding."""
    return f"{document.embedding_model}@{document.embedding_revision}"


@dataclass(slots=True)
class Feed:
    """The embeddings of documents of one model and length, read once for all who ask.

    Attributes:
        vectors: as they came, shape ``(n, d)``, float32.
        energy: squared length of each, shape ``(n,)``.
        sound: which of them are finite, not zero and of a sane length, shape ``(n,)``.
        halves: rounded to float16 as a reference keeps them, zeros where they are not sound.
        facts: what the other channels need, shape ``(n, facts)``; see ``view.facts_of``.
    """

    vectors: npt.NDArray[np.float32]
    energy: npt.NDArray[np.float32]
    sound: npt.NDArray[np.bool_]
    halves: npt.NDArray[np.float32]
    facts: npt.NDArray[np.float32]
    _coded: tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]] | None = field(default=None)

    @classmethod
    def of(cls, documents: Sequence[Enriched]) -> Feed:
        """Read documents of one model, length and set of labels."""
        vectors = _matrix(documents)
        energy = energies(vectors)
        sound = (energy > _LEAST_ENERGY) & (energy < _LARGEST_ENERGY)
        kept = vectors if sound.all() else np.where(sound[:, None], vectors, np.float32(0))
        return cls(vectors, energy, sound, as_halves(kept), facts_of(documents))

    @property
    def coded(self) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
        """The halves as 8-bit integers, and their scales; see ``documents.as_bytes``."""
        if self._coded is None:
            self._coded = as_bytes(self.halves)
        return self._coded


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring documents whose embeddings are of one model and length.

    Attributes:
        first: index of the first document in the batch of this segment.
        documents: the documents.
        vectors: shape ``(n, d)``, float32, rounded to float16 as the reference keeps them, so
            that a constant stream differs from its reference by nothing at all.
        usable: whether these vectors are finite, not zero and of a sane length.
        facts: what the other channels need, shape ``(n, facts)``; see ``view.facts_of``.
        feed: where they are from, and from which row on.
    """

    first: int
    documents: Sequence[Enriched]
    vectors: npt.NDArray[np.float32]
    usable: bool
    facts: npt.NDArray[np.float32]
    feed: tuple[Feed, int] | None = None

    @property
    def model(self) -> str:
        """Model and revision."""
        return model_name(self.documents[0])

    @property
    def labels(self) -> str:
        """Names of the labels that have a score."""
        return "\n".join(self.documents[0].scores)

    @property
    def dimensions(self) -> int:
        """Numbers of a vector."""
        return int(self.vectors.shape[1])

    def coded(self) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
        """Return the vectors as 8-bit integers, and their scales."""
        if self.feed is None:
            return as_bytes(self.vectors)
        feed, start = self.feed
        rows = slice(start, start + len(self.documents))
        return feed.coded[0][rows], feed.coded[1][rows]


def runs(documents: Sequence[Enriched], read: tuple[Feed, int] | None = None) -> Iterator[Run]:
    """Cut a segment's documents into runs, in order.

    Args:
        documents: of the segment.
        read: where they have been read, and from which row on; None: not yet.
    """
    if read is not None:
        yield from _sound(0, documents, *read)
        return
    first = 0
    for members in _alike(documents):
        yield from _sound(first, members, Feed.of(members), 0)
        first += len(members)


def common_feed(documents: Sequence[Enriched]) -> Feed | None:
    """Return what is read of documents that are all alike; None where they are not."""
    models, revisions, precisions, embeddings, scores = zip(*map(_READ, documents), strict=True)
    columns = models, revisions, precisions, [*map(len, embeddings)], [*map(list, scores)]
    return Feed.of(documents) if all(map(_is_same, columns)) else None


def _sound(first: int, documents: Sequence[Enriched], feed: Feed, start: int) -> Iterator[Run]:
    """Cut where embeddings begin or cease to be usable."""
    last = start + len(documents)
    sound = feed.sound[start:last]
    for begin, end in pairwise(stretches(sound)):
        rows = slice(start + begin, start + end)
        good = bool(sound[begin])
        vectors = feed.halves[rows] if good else feed.vectors[rows]
        own = documents if end - begin == len(documents) else documents[begin:end]
        yield Run(first + begin, own, vectors, good, feed.facts[rows], (feed, rows.start))


def as_halves(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return finite values rounded as to float16; six times as fast as going there and back.

    Float16 keeps 10 of float32's 23 bits behind the point, ties go to the even one; below 2**-14
    its steps are 2**-24, which is what float32 has beside 3/4. Beyond its range it is infinite.
    """
    bits = values.view(np.uint32)
    even = bits >> np.uint32(13)
    even &= np.uint32(1)
    even += bits
    even += np.uint32(0xFFF)
    even &= np.uint32(0xFFFFE000)
    found = even.view(np.float32)
    size = np.abs(values)
    small = np.flatnonzero(size < _LEAST_NORMAL)
    if small.size:
        few = values.reshape(-1).take(small)
        found.reshape(-1)[small] = (few + np.float32(0.75)) - np.float32(0.75)
    if size.max(initial=0) >= _LARGEST_HALF:
        found[size >= _LARGEST_HALF] = np.copysign(np.inf, values[size >= _LARGEST_HALF])
    return found


def usable(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Return for each vector whether it is finite, not zero and of a sane length."""
    energy = energies(vectors)
    return np.asarray((energy > _LEAST_ENERGY) & (energy < _LARGEST_ENERGY))


def energies(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the squared length of each vector; NaN or infinite where it is not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(np.einsum("ij,ij->i", vectors, vectors))


def _kinds(documents: Sequence[Enriched]) -> list[tuple[object, ...]]:
    return [
        (model, revision, compute_type, len(embedding), *scores)
        for model, revision, compute_type, embedding, scores in map(_READ, documents)
    ]


def _is_same(kinds: Sequence[object]) -> bool:
    return kinds.count(kinds[0]) == len(kinds)


def _alike(documents: Sequence[Enriched]) -> Iterator[Sequence[Enriched]]:
    """Cut where the model, its revision, the length of the vectors or the labels change."""
    kinds = [(*kind[:2], *kind[3:]) for kind in _kinds(documents)]
    if _is_same(kinds):  # as nearly always
        yield documents
        return
    for _, group in groupby(zip(kinds, documents, strict=True), lambda pair: pair[0]):
        yield [document for _, document in group]


def _matrix(documents: Sequence[Enriched]) -> npt.NDArray[np.float32]:
    size = len(documents[0].embedding) // _FLOAT_BYTES
    if size * _FLOAT_BYTES != len(documents[0].embedding):
        return np.full((len(documents), 1), np.nan, np.float32)  # cut short: not usable
    flat = np.frombuffer(b"".join([d.embedding for d in documents]), "<f4")
    return flat.reshape(len(documents), size)
