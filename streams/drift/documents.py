"""A log of documents in small: what explanations need of them, in immutable chunks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate, chain, pairwise
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from streams.drift.codec import blob, pack, pack_strings, unpack, unpack_strings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from schemas.messages import Enriched

    Arrays = dict[str, npt.NDArray[Any]]

_Scalar = TypeVar("_Scalar", bound=np.generic)
_SUMMARY_CHARACTERS = 200
TERMS = 96
"""Distinct words kept of a document, in order of first appearance."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Documents of a log, in order; ``vectors`` has shape ``(n, d)``."""

    doc_ids: list[str]
    labels: list[str]
    summaries: list[str]
    terms: list[str]
    published_at: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.doc_ids)

    def split(self, dimensions: int) -> tuple[Kept, npt.NDArray[np.float32]]:
        """Return the documents with the first columns of their vectors, and the other columns."""
        own, rest = self.vectors[:, :dimensions], self.vectors[:, dimensions:]
        return replace(self, vectors=np.ascontiguousarray(own)), rest

    def tail(self, count: int) -> Kept:
        """Return the last ``count`` documents."""
        first = max(0, len(self) - count)
        return Kept(
            self.doc_ids[first:],
            self.labels[first:],
            self.summaries[first:],
            self.terms[first:],
            self.published_at[first:],
            self.vectors[first:],
        )


class DocumentLog:
    """Append-only log of documents; full chunks are the arrays that are stored.

    Args:
        chunk: documents of a chunk.
        limit: documents to keep at least; None for all.
        coarse: vectors as 8-bit integers with a scale per document (for evidence) instead of
            float16 (for fitting).
    """

    def __init__(self, chunk: int, limit: int | None, *, coarse: bool) -> None:
        self.count = 0
        self._chunk = chunk
        self._limit = limit
        self._coarse = coarse
        self._chunks: dict[int, Arrays] = {}
        self._documents: list[Enriched | _Restored] = []
        self._codes: list[npt.NDArray[Any]] = []  # of several documents each, as they came
        self._scales: list[npt.NDArray[np.float32]] = []

    def __len__(self) -> int:
        return self.count

    def encode(
        self, vectors: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.float32]]:
        """Return vectors ``(n, d)`` as they are kept, and their scales ``(n,)``."""
        if not self._coarse:
            return vectors.astype(np.float16), np.ones(len(vectors), np.float32)
        largest = np.maximum(vectors.max(axis=1), -vectors.min(axis=1))
        scales = np.maximum(largest, np.float32(1e-30)) / np.float32(127)
        return np.rint(vectors / scales[:, None]).astype(np.int8), scales

    def append(
        self,
        documents: Sequence[Enriched | _Restored],
        codes: npt.NDArray[Any],
        scales: npt.NDArray[np.float32],
    ) -> None:
        """Take in documents with their encoded vectors."""
        self._documents.extend(documents)
        self._codes.append(codes)
        self._scales.append(scales)
        self.count += len(documents)
        if len(self._documents) < self._chunk:
            return
        first = self.count - len(self._documents)
        waiting, vectors, factors = self._documents, _joined(self._codes), _joined(self._scales)
        whole = len(waiting) - len(waiting) % self._chunk
        for start in range(0, whole, self._chunk):
            rows = slice(start, start + self._chunk)
            self._chunks[first + start] = _arrays(waiting[rows], vectors[rows], factors[rows])
        self._documents = waiting[whole:]
        self._codes, self._scales = [vectors[whole:].copy()], [factors[whole:].copy()]
        self._forget(first + whole)

    def kept(self) -> Kept:
        """Return all documents that are kept."""
        return _decode([*self._chunks.values(), *self._waiting()])

    def parts(self) -> dict[str, Callable[[], bytes]]:
        """Return the full chunks, by name."""
        return {str(first): partial(pack, {}, chunk) for first, chunk in self._chunks.items()}

    def tail(self) -> npt.NDArray[np.uint8]:
        """Return the documents after the last full chunk, as bytes."""
        return blob(b"".join([pack({}, arrays) for arrays in self._waiting()]))

    def restore(self, count: int, parts: Mapping[str, bytes], tail: npt.NDArray[np.uint8]) -> None:
        """Set the state from what ``parts`` and ``tail`` returned at ``count`` documents."""
        self._chunks = {int(name): unpack(parts[name])[1] for name in sorted(parts, key=int)}
        self.count = count
        if tail.size:
            _, arrays = unpack(tail.tobytes())
            self._documents = list(_restored(arrays))
            self._codes, self._scales = [arrays["vectors"]], [arrays["scales"]]

    def _forget(self, end: int) -> None:
        if self._limit is None:
            return
        for first in [f for f in self._chunks if f + self._chunk <= end - self._limit]:
            del self._chunks[first]

    def _waiting(self) -> list[Arrays]:
        """Return the documents that fill no chunk yet."""
        if not self._documents:
            return []
        return [_arrays(self._documents, _joined(self._codes), _joined(self._scales))]


def _arrays(
    documents: Sequence[Enriched | _Restored],
    vectors: npt.NDArray[Any],
    scales: npt.NDArray[np.float32],
) -> Arrays:
    count = len(documents)
    strings = [d.doc_id for d in documents]
    strings += [d.label for d in documents]
    strings += [d.summary[:_SUMMARY_CHARACTERS] for d in documents]
    words = [d.terms[:TERMS] for d in documents]
    counts = np.fromiter(map(len, words), np.uint8, count)
    text = "\n".join(chain.from_iterable(words))
    if text.count("\n") >= max(int(counts.sum()), 1):  # a word with a line break in it
        text = "\n".join([word.replace("\n", " ") for word in chain.from_iterable(words)])
    return {
        **pack_strings(strings),
        "words": np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8),
        "counts": counts,
        "published_at": np.array([d.published_at for d in documents], np.int64),
        "vectors": vectors.copy(),
        "scales": scales.copy(),
    }


def _joined(parts: Sequence[npt.NDArray[_Scalar]]) -> npt.NDArray[_Scalar]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


@dataclass(frozen=True, slots=True)
class _Restored:
    """A document of an unfinished chunk after a restart: the fields that the log reads."""

    doc_id: str
    label: str
    summary: str
    terms: tuple[str, ...]
    published_at: int


def _restored(arrays: Arrays) -> list[_Restored]:
    ids, labels, summaries, terms = _columns(arrays)
    words = (tuple(each.split("\n")) if each else () for each in terms)
    times = arrays["published_at"].tolist()
    return [_Restored(*fields) for fields in zip(ids, labels, summaries, words, times, strict=True)]


def _decode(chunks: Sequence[Arrays]) -> Kept:
    columns: tuple[list[str], ...] = ([], [], [], [])
    times: list[npt.NDArray[np.int64]] = [np.empty(0, np.int64)]
    vectors = []
    for arrays in chunks:
        for column, strings in zip(columns, _columns(arrays), strict=True):
            column.extend(strings)
        times.append(arrays["published_at"])
        vectors.append(arrays["vectors"].astype(np.float32) * arrays["scales"][:, None])
    stacked = np.concatenate(vectors) if vectors else np.empty((0, 0), np.float32)
    ids, labels, summaries, terms = columns
    return Kept(ids, labels, summaries, terms, np.concatenate(times), stacked)


def _columns(arrays: Arrays) -> list[list[str]]:
    """Return ids, labels, summaries and words; in older chunks the words are strings, too."""
    strings, rows = unpack_strings(arrays), len(arrays["published_at"])
    columns = [strings[first : first + rows] for first in range(0, len(strings), rows)]
    if "words" in arrays:
        words = arrays["words"].tobytes().decode("utf-8", "surrogatepass").split("\n")
        ends = accumulate(arrays["counts"].tolist(), initial=0)
        columns.append(["\n".join(words[start:end]) for start, end in pairwise(ends)])
    return columns
