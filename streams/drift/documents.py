"""A log of documents in small: what explanations need of them, in immutable chunks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate, chain, pairwise
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from streams.drift.codec import blob, deflated, inflated, pack, pack_strings, unpack, unpack_strings
from streams.drift.nibbles import LARGEST, as_nibbles, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from schemas.messages import Enriched

    Arrays = dict[str, npt.NDArray[Any]]

_Scalar = TypeVar("_Scalar", bound=np.generic)
_SUMMARY_CHARACTERS = 200
_TEXTS = ("text", "words", "lengths", "published_at")
_READ = attrgetter("doc_id", "label", "summary", "terms", "published_at")
_NO_FACTS: npt.NDArray[np.float16] = np.empty((0, 0), np.float16)
TERMS = 96
"""Distinct words kept of a document, in order of first appearance."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Documents of a log, in order; ``vectors`` has shape ``(n, d)``, ``facts`` ``(n, f)``.

    Of documents that are kept for their numbers alone, id and summary are empty.
    """

    doc_ids: list[str]
    labels: list[str]
    summaries: list[str]
    terms: list[str]
    published_at: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.float32]
    facts: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.doc_ids)

    def split(self, dimensions: int) -> tuple[Kept, npt.NDArray[np.float32]]:
        """Return the documents and their facts, which older logs kept behind the vectors."""
        if self.facts.shape[1]:
            return self, self.facts
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
            self.facts[first:],
        )


class DocumentLog:
    """Append-only log of documents; full chunks are the arrays that are stored.

    Args:
        chunk: documents of a chunk.
        limit: documents to keep at least; None for all.
        coarse: vectors as 8-bit integers with a scale per document instead of float16.
        told: of each so many documents, one keeps its id and its summary.
        rough: in full chunks, a coarse vector's numbers have four bits.
    """

    def __init__(
        self, chunk: int, limit: int | None, *, coarse: bool, told: int = 1, rough: bool = False
    ) -> None:
        self.count = 0
        self.coarse = coarse
        self._rough = rough
        self._told = told
        self._chunk = chunk
        self._limit = limit
        self._chunks: dict[int, Arrays | bytes] = {}  # as bytes once they have been stored
        self._documents: list[Enriched | _Restored] = []
        self._codes: list[npt.NDArray[Any]] = []  # of several documents each, as they came
        self._scales: list[npt.NDArray[np.float32]] = []
        self._facts: list[npt.NDArray[np.float16]] = []

    def __len__(self) -> int:
        return self.count

    def encode(
        self, vectors: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.float32]]:
        """Return vectors ``(n, d)`` as they are kept, and their scales ``(n,)``."""
        if not self.coarse:
            return vectors.astype(np.float16), np.ones(len(vectors), np.float32)
        return as_bytes(vectors)

    def append(
        self,
        documents: Sequence[Enriched | _Restored],
        codes: npt.NDArray[Any],
        scales: npt.NDArray[np.float32],
        facts: npt.NDArray[np.float16] = _NO_FACTS,
    ) -> None:
        """Take in documents with their encoded vectors and perhaps facts, ``(n, f)``."""
        self._documents.extend(documents)
        self._codes.append(codes.copy())  # they may be a view of a whole batch
        self._facts.append(facts if facts.size else np.empty((len(documents), 0), np.float16))
        self._scales.append(scales.copy())
        self.count += len(documents)
        if len(self._documents) < self._chunk:
            return
        first = self.count - len(self._documents)
        vectors, factors, facts = map(_joined, (self._codes, self._scales, self._facts))
        whole = len(self._documents) - len(self._documents) % self._chunk
        coded = self._vectors(vectors[:whole], factors[:whole])
        wide = np.array([vectors.shape[1]], np.int32)
        for start in range(0, whole, self._chunk):
            rows = slice(start, start + self._chunk)
            self._chunks[first + start] = {
                **self._strings(self._documents[rows], first + start),
                **{name: array[rows].copy() for name, array in coded.items()},
                **({"dimensions": wide} if self._rough else {}),
                "facts": facts[rows].copy(),
            }
        self._documents = self._documents[whole:]
        self._codes, self._scales = [vectors[whole:].copy()], [factors[whole:].copy()]
        self._facts = [facts[whole:].copy()]
        self._forget(first + whole)

    def kept(self) -> Kept:
        """Return all documents that are kept."""
        chunks = [_unpacked(c) if isinstance(c, bytes) else c for c in self._chunks.values()]
        return _decode([*chunks, *self._waiting()])

    def parts(self) -> dict[str, Callable[[], bytes]]:
        """Return the full chunks, by name."""
        return {str(first): partial(self._stored, first) for first in self._chunks}

    def tail(self) -> npt.NDArray[np.uint8]:
        """Return the documents after the last full chunk, as bytes."""
        return blob(b"".join([_packed(arrays) for arrays in self._waiting()]))

    def restore(self, count: int, parts: Mapping[str, bytes], tail: npt.NDArray[np.uint8]) -> None:
        """Set the state from what ``parts`` and ``tail`` returned at ``count`` documents."""
        self._chunks = {int(name): parts[name] for name in sorted(parts, key=int)}
        self.count = count
        if tail.size:
            arrays = _unpacked(tail.tobytes())
            self._documents = list(_restored(arrays))
            self._codes, self._scales = [arrays["vectors"]], [arrays["scales"]]
            self._facts = [arrays.get("facts", np.empty((len(self._documents), 0), np.float16))]

    def _stored(self, first: int) -> bytes:
        """Return a chunk as it is stored, and keep only that: texts are half as long there."""
        chunk = self._chunks[first]
        if not isinstance(chunk, bytes):
            chunk = self._chunks[first] = _packed(chunk)
        return chunk

    def _forget(self, end: int) -> None:
        if self._limit is None:
            return
        for first in [f for f in self._chunks if f + self._chunk <= end - self._limit]:
            del self._chunks[first]

    def _waiting(self) -> list[Arrays]:
        """Return the documents that fill no chunk yet."""
        if not self._documents:
            return []
        return [
            {
                **self._strings(self._documents, self.count - len(self._documents)),
                "vectors": _joined(self._codes),
                "scales": _joined(self._scales),
                "facts": _joined(self._facts),
            }
        ]

    def _vectors(self, codes: npt.NDArray[Any], scales: npt.NDArray[np.float32]) -> Arrays:
        if not self._rough:
            return {"vectors": codes, "scales": scales}
        return {"nibbles": as_nibbles(codes), "scales": scales * np.float32(127 / LARGEST)}

    def _strings(self, documents: Sequence[Enriched | _Restored], first: int) -> Arrays:
        told = self._told
        if told == 1:
            return _arrays(documents)
        say = [not place % told for place in range(first, first + len(documents))]
        ids = [d.doc_id if one else "" for d, one in zip(documents, say, strict=True)]
        summaries = [d.summary if one else "" for d, one in zip(documents, say, strict=True)]
        return _arrays(documents, ids, summaries)


def as_bytes(
    vectors: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Return vectors ``(n, d)`` as 8-bit integers, and what each row is to be multiplied with."""
    rows = np.abs(vectors)
    # Numbers of one sign stand in the order of their bits, and integers are compared faster.
    largest = rows.view(np.int32).max(axis=1).view(np.float32)
    scales = np.maximum(largest, np.float32(1e-30)) / np.float32(127)
    np.divide(vectors, scales[:, None], out=rows)
    np.rint(rows, out=rows)
    return rows.astype(np.int8), scales


def _packed(arrays: Arrays) -> bytes:
    """Return a chunk as it is stored: its texts compressed, which halves them."""
    return pack(*deflated(arrays, [name for name in _TEXTS if name in arrays], 6))


def _unpacked(payload: bytes) -> Arrays:
    return inflated(*unpack(payload))


def _arrays(
    documents: Sequence[Enriched | _Restored],
    ids: Sequence[str] | None = None,
    summaries: Sequence[str] | None = None,
) -> Arrays:
    """Return documents without their numbers, perhaps with other ids and summaries."""
    own_ids, labels, own, terms, times = zip(*map(_READ, documents), strict=True)
    strings = [*(ids or own_ids), *labels]
    strings += [summary[:_SUMMARY_CHARACTERS] for summary in summaries or own]
    words = [each[:TERMS] for each in terms]
    counts = [*map(len, words)]
    text = "\n".join(map("\n".join, filter(None, words)))
    if text.count("\n") >= max(sum(counts), 1):  # a word with a line break in it
        text = "\n".join([word.replace("\n", " ") for word in chain.from_iterable(words)])
    return {
        **pack_strings(strings),
        "words": np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8),
        "counts": np.array(counts, np.uint8),
        "published_at": np.array(times, np.int64),
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
    vectors, facts = [], []
    for arrays in chunks:
        for column, strings in zip(columns, _columns(arrays), strict=True):
            column.extend(strings)
        times.append(arrays["published_at"])
        rows = _numbers(arrays)
        rows *= arrays["scales"][:, None]
        vectors.append(rows)
        facts.append(arrays.get("facts", _NO_FACTS).astype(np.float32).reshape(len(rows), -1))
    if len({one.shape[1] for one in vectors}) > 1:  # older chunks have the facts behind the vectors
        dimensions = min(one.shape[1] for one in vectors)
        pairs = zip(vectors, facts, strict=True)
        facts = [own if own.size else rows[:, dimensions:] for rows, own in pairs]
        vectors = [rows[:, :dimensions] for rows in vectors]
    nothing = np.empty((0, 0), np.float32)
    ids, labels, summaries, terms = columns
    stacked = [np.concatenate(each) if each else nothing for each in (vectors, facts)]
    return Kept(ids, labels, summaries, terms, np.concatenate(times), *stacked)


def _numbers(arrays: Arrays) -> npt.NDArray[np.float32]:
    if "nibbles" not in arrays:
        return np.asarray(arrays["vectors"].astype(np.float32))
    packed = arrays["nibbles"]
    rows = np.empty((len(packed), int(arrays["dimensions"][0])), np.float32)
    spread(packed, rows)
    return rows


def _columns(arrays: Arrays) -> list[list[str]]:
    """Return ids, labels, summaries and words; in older chunks the words are strings, too."""
    strings, rows = unpack_strings(arrays), len(arrays["published_at"])
    columns = [strings[first : first + rows] for first in range(0, len(strings), rows)]
    if "words" in arrays:
        words = arrays["words"].tobytes().decode("utf-8", "surrogatepass").split("\n")
        ends = accumulate(arrays["counts"].tolist(), initial=0)
        columns.append(["\n".join(words[start:end]) for start, end in pairwise(ends)])
    return columns
