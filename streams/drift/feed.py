"""Documents as the detector takes them: runs of one embedding model, vectors as a matrix."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

import numpy as np

from streams.drift.view import facts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from schemas.messages import Enriched

_FLOAT_BYTES = 4
_LEAST_ENERGY, _LARGEST_ENERGY = 1e-8, 1e8  # of a unit vector 1; NaN is in no interval

_LEAST_NORMAL = np.float32(2.0**-14)
_LARGEST_HALF = np.float32(65_520)  # from here on float16 rounds to infinity


def model_name(document: Enriched) -> str:
    """Return model and revision of a document's embedding."""
    return f"{document.embedding_model}@{document.embedding_revision}"


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
    """

    first: int
    documents: Sequence[Enriched]
    vectors: npt.NDArray[np.float32]
    usable: bool
    facts: npt.NDArray[np.float32]

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


def runs(documents: Sequence[Enriched]) -> Iterator[Run]:
    """Cut a segment's documents into runs, in order."""
    first = 0
    for members in _alike(documents):
        vectors = _matrix(members)
        sound = usable(vectors)
        edges = [0, *(np.flatnonzero(sound[1:] != sound[:-1]) + 1).tolist(), len(members)]
        for start, end in pairwise(edges):
            part = vectors[start:end]
            if sound[start]:
                part = as_halves(part)
            facts = facts_of(members[start:end])
            yield Run(first + start, members[start:end], part, bool(sound[start]), facts)
        first += len(members)


def as_halves(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return finite values rounded as to float16; six times as fast as going there and back.

    Float16 keeps 10 of float32's 23 bits behind the point, ties go to the even one; below 2**-14
    its steps are 2**-24, which is what float32 has beside 3/4. Beyond its range it is infinite.
    """
    bits = values.view(np.uint32)
    even = (bits >> np.uint32(13)) & np.uint32(1)
    even += bits
    even += np.uint32(0xFFF)
    even &= np.uint32(0xFFFFE000)
    found = even.view(np.float32)
    size = np.abs(values)
    small = size < _LEAST_NORMAL
    if small.any():
        found[small] = (values[small] + np.float32(0.75)) - np.float32(0.75)
    if size.max(initial=0) >= _LARGEST_HALF:
        found[size >= _LARGEST_HALF] = np.copysign(np.inf, values[size >= _LARGEST_HALF])
    return found


def usable(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Return for each vector whether it is finite, not zero and of a sane length."""
    with np.errstate(over="ignore", invalid="ignore"):
        energy = np.einsum("ij,ij->i", vectors, vectors)
    return np.asarray((energy > _LEAST_ENERGY) & (energy < _LARGEST_ENERGY))


def _alike(documents: Sequence[Enriched]) -> Iterator[Sequence[Enriched]]:
    """Cut where the model, its revision, the length of the vectors or the labels change."""
    kinds = [
        (d.embedding_model, d.embedding_revision, len(d.embedding), *d.scores) for d in documents
    ]
    if kinds.count(kinds[0]) == len(kinds):  # as nearly always
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
