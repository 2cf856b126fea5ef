"""Documents as whole numbers, all documents of a batch at once.

Everything that is summed later is an integer - logarithms and confidences in fixed point - so that
sums do not depend on their order, and windows merge exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np

from streams.drift.hashing import hash_words
from streams.drift.monitors.copies import bands_of, contents_of, signatures_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from schemas.messages import Enriched
    from streams.drift.words import Words

    Hashes = npt.NDArray[np.uint64]
    Integers = npt.NDArray[np.int64]

COLUMNS = (
    *("documents", "tokens", "tokens_squared", "log_tokens", "log_tokens_squared"),
    *("word_pieces", "unknown_tokens", "characters", "confidence", "confidence_squared"),
    *("without_title", "without_language", "without_words"),
    *("lateness", "log_lateness", "log_lateness_squared"),
)
"""Numbers of a document, in this order; lateness in milliseconds."""

FIXED = 1 << 20
"""Logarithms (of 1 + the number) and their squares are in units of ``1 / FIXED``."""

FIXED_CONFIDENCE = 1 << 30
"""Confidences and their squares are in units of ``1 / FIXED_CONFIDENCE``."""

ACCURACY = 0.02
_LOG_GROWTH = log((1 + ACCURACY) / (1 - ACCURACY))
_LARGEST = float(1 << 31)
_NAMES = (
    *("topic", "partition", "label", "language", "doc_id", "title", "text"),
    *("published_at", "received_at", "enriched_at"),
    *("tokens", "word_pieces", "unknown_tokens", "characters", "confidence"),
)
_STRINGS = 7  # names before the times
_READ = attrgetter(*_NAMES)
_HUNDREDTHS = 100


@dataclass(frozen=True, slots=True)
class Facts:
    """What the windows need of documents.

    Attributes:
        places: topic and partition that each came from.
        ids: hashes of their ``doc_id``.
        times: published, received and enriched at, ms, shape ``(n, 3)``.
        numbers: shape ``(n, len(COLUMNS))``.
        buckets: of length, confidence and lateness, shape ``(n, 3)``; see ``buckets_of``.
        signatures: for near-copies, shape ``(n, 16)``.
        contents: hashes of title and text.
        bands: where to look for copies, shape ``(n, 5)``; see ``copies.bands_of``.
        words: number of distinct words.
    """

    places: list[str]
    labels: list[str]
    languages: list[str]
    ids: Hashes
    times: Integers
    numbers: Integers
    buckets: npt.NDArray[np.int16]
    signatures: npt.NDArray[np.uint8]
    contents: Hashes
    bands: npt.NDArray[np.uint16]
    words: Integers

    def chosen(self, rows: slice | list[int]) -> Part:
        """Return what a window needs of some documents."""
        if isinstance(rows, slice):
            labels, languages = self.labels[rows], self.languages[rows]
        else:
            labels = [self.labels[row] for row in rows]
            languages = [self.languages[row] for row in rows]
        return Part(labels, languages, self.times[rows], self.numbers[rows], self.buckets[rows])

    def part(self, first: int, last: int) -> Facts:
        """Return the facts of neighbouring documents."""
        if last - first == len(self.places):
            return self
        return Facts(*(getattr(self, name)[first:last] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Part:
    """What a window adds up of its documents; see ``Facts``."""

    labels: list[str]
    languages: list[str]
    times: Integers
    numbers: Integers
    buckets: npt.NDArray[np.int16]


def facts_of(documents: Sequence[Enriched], words: Words) -> Facts:
    """Return the facts of documents and of their words."""
    if not documents:
        return _facts([()] * len(_NAMES), words)
    return _facts(list(zip(*map(_READ, documents), strict=True)), words)


def _facts(columns: Sequence[Sequence[Any]], words: Words) -> Facts:
    topics, partitions, labels, languages, ids, titles, texts = columns[:_STRINGS]
    times = np.array(columns[_STRINGS : _STRINGS + 3], np.int64)
    given = np.array(columns[_STRINGS + 3 :], np.float64)
    checks = [
        crc32(
            text.encode("utf-8", "surrogatepass"),
            crc32(title.encode("utf-8", "surrogatepass")) if title else 0,
        )
        for title, text in zip(titles, texts, strict=True)
    ]
    origins = list(zip(topics, partitions, strict=True))
    names = {origin: f"{origin[0]}/{origin[1]}" for origin in set(origins)}
    missing = [not (title and title.strip()) for title in titles], [not one for one in languages]
    numbers = _numbers(given, times, missing)
    signatures = signatures_of(words)
    contents = contents_of(words, np.array(checks, np.uint64))
    return Facts(
        [names[origin] for origin in origins],
        list(labels),
        [language or "" for language in languages],
        hash_words(ids),
        np.ascontiguousarray(times.T),
        numbers,
        buckets_of(numbers),
        signatures,
        contents,
        bands_of(signatures, contents),
        words.counts,
    )


def buckets_of(numbers: Integers) -> npt.NDArray[np.int16]:
    """Return the buckets of length, confidence and lateness, shape ``(n, 3)``.

    Lengths and lateness: bucket ``i`` holds ``(g**(i-1), g**i]`` with ``g = 1.02 / 0.98``, whose
    middle ``2 g**i / (g + 1)`` is within 2 % of everything in it (DDSketch, Masson, Rim and Lee,
    VLDB 2019); -1 holds 0. Confidences: hundredths.
    """
    names = ("tokens", "lateness")
    values = numbers[:, [COLUMNS.index(name) for name in names]]
    steps = np.ceil(np.log(np.maximum(values, 1)) / _LOG_GROWTH - 1e-9)
    found = np.empty((len(numbers), 3), np.int16)
    found[:, ::2] = np.where(values > 0, steps, -1)
    confidence = numbers[:, COLUMNS.index("confidence")] * _HUNDREDTHS // FIXED_CONFIDENCE
    found[:, 1] = np.minimum(confidence, _HUNDREDTHS - 1)
    return found


def _numbers(
    given: npt.NDArray[np.float64], times: Integers, missing: tuple[list[bool], list[bool]]
) -> Integers:
    """Return the numbers of documents, shape ``(n, len(COLUMNS))``; all else is column by row."""
    tokens, pieces, unknown, characters = np.clip(given[:4], 0, _LARGEST)
    confidence = np.where(np.isfinite(given[4]), np.clip(given[4], 0, 1), 0)
    lateness = np.maximum(times[1] - times[0], 0)
    logs, late = np.log1p(tokens), np.log1p(lateness)
    columns = np.empty((len(COLUMNS), given.shape[1]))
    columns[0] = 1.0
    columns[1], columns[2] = tokens, np.minimum(tokens, 1 << 24) ** 2
    columns[3], columns[4] = logs * FIXED, logs**2 * FIXED
    columns[5], columns[6], columns[7] = pieces, unknown, characters
    columns[8], columns[9] = confidence * FIXED_CONFIDENCE, confidence**2 * FIXED_CONFIDENCE
    columns[10:12], columns[12] = missing, tokens == 0
    columns[13], columns[14], columns[15] = lateness, late * FIXED, late**2 * FIXED
    for fixed in (columns[3:5], columns[8:10], columns[14:16]):
        np.rint(fixed, out=fixed)
    return np.ascontiguousarray(columns.T.astype(np.int64))
