"""What is landed of the embeddings of a window: a count and sums, all whole numbers.

Whole numbers add up to the same in any order, so windows, workers and sources merge exactly, in
Python and in SQL.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from schemas.messages import EmbeddingSketch
from streams.drift.codec import pack, unpack
from streams.drift.sketches.features import KERNEL, MOST_ROWS, split_rows, sums_of_rows, width

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from schemas.messages import Enriched

    Integers = npt.NDArray[np.int32] | npt.NDArray[np.int64]

_WIDTHS = (2, 4, 8)
_SMALL = 100_000  # documents whose sums fit in 32 bits: 127 squared times that is below 2^31


class Model(NamedTuple):
    """What made an embedding."""

    name: str
    revision: str
    compute_type: str
    dimensions: int

    @classmethod
    def of(cls, document: Enriched) -> Model:
        """Return what made a document's embedding."""
        return cls(
            document.embedding_model,
            document.embedding_revision,
            document.compute_type,
            len(document.embedding) // 4,
        )


@dataclass(slots=True)
class Sums:
    """Sums over documents whose embeddings are of one model.

    Attributes:
        model: of the embeddings.
        documents: how many.
        values: what ``sums_of_rows`` gives, shape ``(width,)``.
    """

    model: Model
    documents: int
    values: Integers

    @classmethod
    def empty(cls, model: Model) -> Sums:
        """Return the sums of no document."""
        return cls(model, 0, np.zeros(width(model.dimensions), np.int32))

    def add(self, rows: npt.NDArray[np.float32]) -> None:
        """Count documents.

        Args:
            rows: what ``Features.rows`` gave for them.
        """
        self.documents += len(rows)
        if self.documents > _SMALL:
            self.values = self.values.astype(np.int64, copy=False)
        for start in range(0, len(rows), MOST_ROWS):
            total = sums_of_rows(rows[start : start + MOST_ROWS])
            self.values += total.astype(self.values.dtype)

    def record(self) -> EmbeddingSketch:
        """Return what is sent and landed."""
        name, revision, compute_type, dimensions = self.model
        parts = map(encode_integers, split_rows(self.values, dimensions))
        return EmbeddingSketch(name, revision, compute_type, KERNEL, self.documents, *parts)

    @classmethod
    def of_record(cls, record: EmbeddingSketch) -> Sums:
        """Return the sums that were sent.

        Raises:
            ValueError: they are damaged, or of other features.
        """
        if record.kernel != KERNEL:
            raise ValueError(f"sums of {record.kernel} cannot be read as {KERNEL}")
        embedding = decode_integers(record.embedding_sums)
        rest = (record.feature_sums, record.square_sums, record.product_sums)
        values = np.concatenate((embedding, *map(decode_integers, rest)))
        names = (record.embedding_model, record.embedding_revision, record.compute_type)
        if len(values) != width(len(embedding)):
            raise ValueError(f"{len(values)} sums for {len(embedding)} dimensions")
        return cls(Model(*names, len(embedding)), record.documents, values)

    def encode(self) -> bytes:
        """Return the state as bytes."""
        meta: dict[str, object] = {"model": list(self.model), "documents": self.documents}
        return pack(meta, {"values": self.values.astype(_narrowest(self.values))})

    @classmethod
    def decode(cls, payload: bytes) -> Sums:
        """Return the sums of ``encode``."""
        meta, arrays = unpack(payload)
        documents = meta["documents"]
        values = arrays["values"].astype(np.int64)
        if documents <= _SMALL:
            return cls(Model(*meta["model"]), documents, values.astype(np.int32))
        return cls(Model(*meta["model"]), documents, values)


def merged(parts: Sequence[Sums]) -> Sums:
    """Return the sums over the documents of all parts, which are of one model.

    Its versions may differ: their embeddings lie in one space. What they differ in is left empty.

    Raises:
        ValueError: there is no part, or they are of several models.
    """
    models = {(part.model.name, part.model.dimensions) for part in parts}
    if len(models) != 1:
        raise ValueError(f"sums of {len(models)} models cannot be added")
    ((name, dimensions),) = models
    revisions = {part.model.revision for part in parts}
    precisions = {part.model.compute_type for part in parts}
    model = Model(name, _only(revisions), _only(precisions), dimensions)
    values = np.zeros(len(parts[0].values), np.int64)
    for part in parts:
        values += part.values
    return Sums(model, sum(part.documents for part in parts), values)


def encode_integers(values: npt.NDArray[Any]) -> bytes:
    """Return whole numbers as bytes: their width (2, 4 or 8), then they, little-endian."""
    kind = _narrowest(values)
    return bytes([kind.itemsize]) + values.astype(kind).tobytes()


def decode_integers(payload: bytes) -> npt.NDArray[np.int64]:
    """Return the numbers of ``encode_integers``.

    Raises:
        ValueError: the bytes are damaged.
    """
    if not payload or payload[0] not in _WIDTHS or (len(payload) - 1) % payload[0]:
        raise ValueError(f"{len(payload)} bytes are no list of whole numbers")
    return np.frombuffer(payload, f"<i{payload[0]}", offset=1).astype(np.int64)


def _only(names: set[str]) -> str:
    return names.pop() if len(names) == 1 else ""


def _narrowest(values: npt.NDArray[Any]) -> np.dtype[Any]:
    largest = int(np.abs(values).max(initial=0))
    bits = next((size * 8 for size in _WIDTHS if largest < 1 << (size * 8 - 1)), 64)
    return np.dtype(f"<i{bits // 8}")
