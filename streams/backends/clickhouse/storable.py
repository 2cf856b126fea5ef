"""Records that no column can hold: they must not reach an insert, which they would fail for ever.

Avro's ``long`` is wider than most columns. Tidemark writes nothing like it, but its topics are open
to others.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from schemas.messages import (
    DeadLetter,
    DriftAlert,
    Enriched,
    HumanLabel,
    ShadowResult,
    WindowStats,
)
from streams.backends.clickhouse.rows import SKETCHES, SUMS
from streams.drift.sketches.features import KERNEL
from streams.drift.sketches.sums import Sums, decode_integers
from streams.errors import InvalidDocument
from streams.stages import labels

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from schemas.messages import EmbeddingSketch
    from streams.ports import Landable as Record

    Bounds = Mapping[str, tuple[int, int]]

CODE = "out-of-range"

_BUCKET = re.compile(r"-1|[0-9]{1,4}", re.ASCII)

_TIME = (-2_208_988_800_000, 10_413_791_999_999)  # 1900 to 2299, in milliseconds: DateTime64(3)
_INT32 = (-(1 << 31), (1 << 31) - 1)
_UINT32 = (0, (1 << 32) - 1)
_COUNT = (0, (1 << 63) - 1)

_LENGTHS = ("characters", "sentences", "tokens", "unique_tokens", "word_pieces", "unknown_tokens")
_WINDOW_COUNTS = (
    *("version", "documents", "late_documents", "tokens", "unique_tokens", "new_tokens"),
    *("word_pieces", "unknown_tokens", "characters", "reference_documents"),
    *("copies", "near_copies", "without_title", "without_language", "without_words"),
)
_WINDOW_MAPS = (
    *("labels", "languages", "language_word_pieces", "language_characters", "label_references"),
)
_BOUNDS: Mapping[type, Bounds] = {
    Enriched: {
        "partition": _INT32,
        "version": _COUNT,
        **dict.fromkeys((*_LENGTHS, "tokens_in", "tokens_out"), _UINT32),
        **dict.fromkeys(("published_at", "enriched_at"), _TIME),
    },
    WindowStats: {
        "window_start": _TIME,
        "window_seconds": _UINT32,
        **dict.fromkeys(_WINDOW_COUNTS, _COUNT),
    },
    DriftAlert: {
        **dict.fromkeys(("version", "window_documents", "reference_documents"), _COUNT),
        **dict.fromkeys(("window_start", "window_end", "detected_at", "changed_at"), _TIME),
        **dict.fromkeys(("as_of", "changed_from", "changed_to", "acknowledged_at"), _TIME),
    },
    DeadLetter: {"partition": _INT32, "failed_at": _TIME},
    HumanLabel: {"labelled_at": _TIME},
    ShadowResult: {
        "partition": _INT32,
        "version": _COUNT,
        **dict.fromkeys(("tokens_in", "tokens_out"), _UINT32),
        **dict.fromkeys(("published_at", "enriched_at"), _TIME),
    },
}


def refusal(record: Record) -> InvalidDocument | None:
    """Return why a record can never be stored, or None where it can."""
    reason = next(_reasons(record), None)
    if reason is None:
        return None
    doc_id = (
        record.doc_id
        if isinstance(record, (Enriched, DeadLetter, HumanLabel, ShadowResult))
        else None
    )
    return InvalidDocument(CODE, reason, doc_id=doc_id, source=record.source)


def _reasons(record: Record) -> Iterator[str]:
    for name, (low, high) in _BOUNDS[type(record)].items():
        value = getattr(record, name)
        if value is not None and not low <= value <= high:
            yield f"{name} is {value}: it must be from {low} to {high}"
    if isinstance(record, Enriched):
        if len(record.embedding) % 4:
            yield f"embedding has {len(record.embedding)} bytes: 4 for each number are due"
        if len(record.terms) != len(record.term_counts):
            yield f"{len(record.terms)} terms have {len(record.term_counts)} counts"
        yield from _counts("term_counts", record.term_counts, _UINT32)
        yield from _counts("redactions", record.redactions.values(), _UINT32)
    elif isinstance(record, WindowStats):
        yield from _window_reasons(record)
    elif isinstance(record, HumanLabel):
        yield from labels.reasons(record)
    elif isinstance(record, DriftAlert):
        times = [item.published_at for item in (*record.new_documents, *record.old_documents)]
        yield from _counts("published_at of a document", times, _TIME)


def _window_reasons(record: WindowStats) -> Iterator[str]:
    for name in (*_WINDOW_MAPS, *SKETCHES):
        yield from _counts(name, getattr(record, name).values(), _COUNT)
    for name in SKETCHES:
        foreign = [key for key in getattr(record, name) if not _BUCKET.fullmatch(key)]
        if foreign:
            yield f"{name} has the bucket {foreign[0]!r}: -1 to 9999 are due"
    if len(record.token_sample) % 4:
        yield f"token_sample has {len(record.token_sample)} bytes: 4 for each hash are due"
    yield from _sketch_reasons(record.embedding_sketches)
    yield from _counts("documents of a topic", [t.documents for t in record.topics], _COUNT)
    yield from _counts("first_seen of a topic", [t.first_seen for t in record.topics], _TIME)


def _sketch_reasons(sketches: Sequence[EmbeddingSketch]) -> Iterator[str]:
    for sketch in sketches:
        try:
            if sketch.kernel == KERNEL:
                Sums.of_record(sketch)
            else:
                for name in SUMS:
                    decode_integers(getattr(sketch, name))
        except ValueError as error:
            yield f"an embedding sketch cannot be read: {error}"
        yield from _counts("documents of an embedding sketch", [sketch.documents], _COUNT)


def _counts(name: str, values: Collection[int], bounds: tuple[int, int]) -> Iterator[str]:
    if not values:
        return
    low, high = min(values), max(values)
    if low < bounds[0] or high > bounds[1]:
        yield f"{name} goes from {low} to {high}: it must stay from {bounds[0]} to {bounds[1]}"
