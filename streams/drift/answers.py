"""What one enrich worker answered to the canary documents, and how far two answers lie apart."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.drift.codec import pack, pack_strings, unpack, unpack_strings
from streams.drift.hashing import hash_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from schemas.messages import Enriched

    Floats = npt.NDArray[np.float32]

MOST_MEDIAN = 5e-4
"""Median cosine distance of unchanged answers. Measured with all-MiniLM-L6-v2: 0, bit for bit, on
the same kind of CPU whatever the threads and the batch; 9e-5 for int8 and 0 for float32 between
AVX-512 and AVX2; 2.1e-3 between int8 and float32, 2.8e-3 between int8 and int16."""

MOST_OF_ONE = 1e-2
"""Cosine distance of one document; at most 1.6e-3 between AVX-512 and AVX2."""

MOST_FLIPS = 3
"""Labels of forty; int8 on another kind of CPU flips 1, float32 against int8 flips 2."""

MOST_CONFIDENCE = 0.02
"""Median change of the confidence."""

_LEAST_LENGTH, _LARGEST_LENGTH = 1e-4, 1e4  # of a unit vector; NaN is in no interval
_NUMBERS = ("confidence", "word_pieces", "unknown_tokens", "tokens", "unique_tokens")


@dataclass(frozen=True, slots=True)
class Declared:
    """What the worker says that it runs.

    Attributes:
        lineage: canary set, model, revision, classifier and names of the labels, hashed: answers
            of two lineages are never compared, going from one to another is a declared change.
        model: name and revision.
        compute_type: of the weights, with the device.
    """

    lineage: str
    model: str
    compute_type: str

    @classmethod
    def of(cls, document: Enriched) -> Declared:
        """Return what a record declares."""
        model = f"{document.embedding_model}@{document.embedding_revision}"
        names = sorted(document.scores)
        lineage = hash_name(document.metadata.get("canary_set"), model, document.classifier, *names)
        return cls(lineage, model, f"{document.compute_type} on {document.device}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What is kept of the record of one canary document; plain, as it waits for the others.

    Attributes:
        run: names the run of its worker.
        of: documents of the run.
        vector: the embedding, float32, in Base64.
        numbers: confidence, word pieces, unknown ones, words, distinct words.
    """

    doc_id: str
    worker: str
    run: str
    of: int
    every_ms: int
    declared: Declared
    vector: str
    label: str
    numbers: tuple[float, ...]

    @classmethod
    def read(cls, document: Enriched) -> Answer:
        """Return the answer of a record."""
        said = document.metadata
        return cls(
            doc_id=document.doc_id,
            worker=said.get("worker", "?"),
            run=said.get("run", ""),
            of=_count(said.get("canary_documents")),
            every_ms=_count(said.get("every_ms")),
            declared=Declared.of(document),
            vector=b64encode(document.embedding).decode(),
            label=document.label,
            numbers=tuple(float(getattr(document, name)) for name in _NUMBERS),
        )

    @classmethod
    def restored(cls, plain: Mapping[str, Any]) -> Answer:
        """Return the answer whose fields are given, as they were stored."""
        named = {**plain, "declared": Declared(**plain["declared"])}
        return cls(**{**named, "numbers": tuple(plain["numbers"])})


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers to the whole set, in its order.

    Attributes:
        declared: by the worker.
        vectors: unit vectors as float16, shape ``(documents, dimensions)``.
        labels: one per document.
        numbers: confidence, word pieces, unknown ones, words, distinct words; shape
            ``(documents, 5)``.
    """

    declared: Declared
    vectors: npt.NDArray[np.float16]
    labels: tuple[str, ...]
    numbers: npt.NDArray[np.float64]

    @classmethod
    def of(cls, run: Sequence[Answer]) -> Answers:
        """Return the answers of a run, in order; a vector that is none counts as zero."""
        rows = [np.frombuffer(b64decode(one.vector), "<f4") for one in run]
        vectors = np.zeros((len(rows), max(map(len, rows))), np.float64)
        for vector, row in zip(vectors, rows, strict=True):
            vector[: len(row)] = row
        length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
        sane = (length > _LEAST_LENGTH) & (length < _LARGEST_LENGTH)
        unit = np.where(sane, vectors / np.where(sane, length, 1.0), 0.0)
        return cls(
            run[0].declared,
            unit.astype(np.float16),
            tuple(one.label for one in run),
            np.array([one.numbers for one in run], np.float64),
        )

    def encode(self) -> bytes:
        """Return the answers as a payload."""
        said = self.declared
        meta = {"lineage": said.lineage, "model": said.model, "compute_type": said.compute_type}
        labels = {f"labels/{n}": a for n, a in pack_strings(self.labels).items()}
        return pack(meta, {"vectors": self.vectors, "numbers": self.numbers, **labels})

    @classmethod
    def decode(cls, payload: bytes) -> Answers:
        """Return the answers of a payload of ``encode``."""
        meta, arrays = unpack(payload)
        strings: dict[str, npt.NDArray[Any]] = {
            name: arrays[f"labels/{name}"] for name in ("lengths", "text")
        }
        labels = tuple(unpack_strings(strings))
        return cls(Declared(**meta), arrays["vectors"], labels, arrays["numbers"])


@dataclass(frozen=True, slots=True)
class Moved:
    """How far the answers of two runs of one lineage lie apart.

    Attributes:
        distances: cosine distance of each document, shape ``(documents,)``.
        flips: documents whose label is another.
        confidence: median change.
        word_pieces: documents with another number of word pieces, or of unknown ones.
        words: documents with another number of words.
    """

    distances: npt.NDArray[np.float64]
    flips: int
    confidence: float
    word_pieces: int
    words: int

    @classmethod
    def between(cls, before: Answers, after: Answers) -> Moved:
        """Compare two runs of one set; vectors of another length are 1 apart."""
        changed = np.abs(after.numbers - before.numbers)
        return cls(
            distances=_distances(before.vectors, after.vectors),
            flips=sum(a != b for a, b in zip(before.labels, after.labels, strict=True)),
            confidence=float(np.median(changed[:, 0])),
            word_pieces=int((changed[:, 1:3] > 0).any(axis=1).sum()),
            words=int((changed[:, 3:] > 0).any(axis=1).sum()),
        )

    @property
    def median(self) -> float:
        """Median cosine distance."""
        return float(np.median(self.distances))

    @property
    def embedding(self) -> bool:
        """Whether the embeddings have moved by more than computers differ."""
        return self.median > MOST_MEDIAN or float(self.distances.max()) > MOST_OF_ONE

    @property
    def classifier(self) -> bool:
        """Whether the labels have moved by more than computers differ."""
        return self.flips > MOST_FLIPS or self.confidence > MOST_CONFIDENCE

    @property
    def any(self) -> bool:
        """Whether the pipeline answers otherwise; counts of pieces and words must be equal."""
        return self.embedding or self.classifier or self.word_pieces > 0 or self.words > 0


def _distances(
    before: npt.NDArray[np.float16], after: npt.NDArray[np.float16]
) -> npt.NDArray[np.float64]:
    if before.shape != after.shape:
        return np.ones(len(after))
    old, new = before.astype(np.float64), after.astype(np.float64)
    lengths = np.linalg.norm(old, axis=1) * np.linalg.norm(new, axis=1)
    cosines = (old * new).sum(axis=1) / np.where(lengths > 0, lengths, 1.0)
    # Equal bits are no distance at all, whatever the rounding of the lengths.
    return np.where((old == new).all(axis=1), 0.0, np.maximum(1 - cosines, 0.0))


def _count(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() else 0
