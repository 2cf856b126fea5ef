"""Records as columns of ClickHouse's tables: lists, which the client takes fastest."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from schemas.messages import (
    DeadLetter,
    DriftAlert,
    EmbeddingSketch,
    Enriched,
    WindowStats,
    WindowTopic,
)
from streams.drift.monitors.copies import copy_signatures
from streams.drift.sketches.sums import decode_integers
from streams.stages.phrases import two_word_phrases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from streams.backends.clickhouse.moves import Place
    from streams.ports import Delivery

HOUR_MS = 3_600_000
DAY_S = 86_400
LAST_MS = 4_102_444_800_000
"""2100-01-01: broker timestamps are kept between 1970 and here, where all date functions work."""

ENRICH_ROLE = "enrich"
"""The only role that reads the documents topic; its dead letters have deliveries."""

SKETCHES = ("length_sketch", "confidence_sketch", "lateness_sketch")
"""Counts per bucket; Avro's maps have strings as keys, the columns have numbers."""

ACKNOWLEDGED = "acknowledged"
"""State of a record that says who has seen an alert; it replaces none of the alert's."""

_NESTED = (
    *("terms_up", "terms_down", "labels", "new_documents", "old_documents"),
    *("channels", "label_intervals", "also"),
)

SUMS = ("embedding_sums", "feature_sums", "square_sums", "product_sums")
"""Lists of whole numbers of an embedding sketch."""

_OWN_TABLES = ("embedding_sketches", "topics")
_OF_WINDOW = ("source", "window_seconds", "window_start", "version")
_CANARY = (
    "doc_id", "language", "text", "label", "confidence", "tokens", "unique_tokens",
    "word_pieces", "unknown_tokens", "embedding", "embedding_model", "embedding_revision",
    "classifier", "device", "compute_type", "version",
)  # fmt: skip
_CANARY_SAID = ("canary_set", "worker", "host")
_FIRST_WINS = (1 << 63) - 1
_LANDED = 1 << 63


@dataclass(frozen=True, slots=True)
class Columns:
    """Rows of one table, column by column."""

    table: str
    names: tuple[str, ...]
    values: list[list[Any]] = field(repr=False)

    def __len__(self) -> int:
        return len(self.values[0]) if self.values else 0


def hour_seconds(published_at: int) -> int:
    """Return the start of the hour, in seconds since 1970; before 1970 too."""
    return published_at // HOUR_MS * (HOUR_MS // 1000)


def documents(records: Sequence[Enriched]) -> Columns:
    """Rows of ``documents_raw``."""
    special: dict[str, Callable[[Enriched], object]] = {
        "received_at": lambda record: _arrival(record.received_at),
        "embedding": lambda record: _bfloat16(record.embedding),
    }
    columns = _columns("documents_raw", Enriched.__slots__, special, records)
    derived: dict[str, list[Any]] = {
        "published_hour": [hour_seconds(record.published_at) for record in records],
        "phrases": [two_word_phrases(record.title, record.text) for record in records],
        "signature": copy_signatures(records),
    }
    return Columns(columns.table, (*columns.names, *derived), [*columns.values, *derived.values()])


def tombstones(places: Sequence[Place]) -> Columns:
    """Rows of ``documents_raw`` that bury a document at hours it has left."""
    return Columns(
        "documents_raw",
        ("source", "doc_id", "published_hour", "published_at", "version", "is_deleted"),
        [
            [place.source for place in places],
            [place.doc_id for place in places],
            [place.hour for place in places],
            [place.hour * 1000 for place in places],
            [place.version for place in places],
            [1] * len(places),
        ],
    )


def hours(places: Sequence[Place]) -> Columns:
    """Rows of ``document_hours_raw``."""
    return Columns(
        "document_hours_raw",
        ("source", "doc_id", "published_hour", "version"),
        [
            [place.source for place in places],
            [place.doc_id for place in places],
            [place.hour for place in places],
            [place.version for place in places],
        ],
    )


def touched_days(hours: Iterable[int], writer: str, note: int) -> Columns:
    """Rows of ``trend_touched_raw``.

    Args:
        hours: hours that were written to, in seconds since 1970.
        writer: who wrote.
        note: grows from write to write of this writer.
    """
    days = sorted({hour // DAY_S * DAY_S for hour in hours})
    return Columns(
        "trend_touched_raw",
        ("day", "writer", "touched"),
        [list(days), [writer] * len(days), [note] * len(days)],
    )


def arrival_days(records: Iterable[Delivery], writer: str, note: int) -> Columns:
    """Rows of ``latency_touched_raw``: days on which messages arrived; as ``touched_days``."""
    days = sorted({_arrival(record.received_at) // (DAY_S * 1000) * DAY_S for record in records})
    return Columns(
        "latency_touched_raw",
        ("day", "writer", "touched"),
        [list(days), [writer] * len(days), [note] * len(days)],
    )


def deliveries(records: Iterable[Delivery], landed_at: int) -> Columns:
    """Rows of ``deliveries_raw``; of several for one message the best and then first one wins."""
    records = list(records)
    columns = _columns(
        "deliveries_raw",
        ("topic", "partition", "offset", "received_at", "outcome", "source", "doc_id"),
        {"received_at": lambda record: _arrival(record.received_at)},
        records,
    )
    versions = [
        (_LANDED if record.outcome == "landed" else 0) | (_FIRST_WINS - landed_at)
        for record in records
    ]
    return Columns(
        columns.table,
        (*columns.names, "landed_at", "version"),
        [*columns.values, [landed_at] * len(records), versions],
    )


def stats(records: Sequence[WindowStats]) -> Columns:
    """Rows of ``drift_windows_raw``."""
    special: dict[str, Callable[[WindowStats], object]] = {
        "token_sample": lambda record: np.frombuffer(record.token_sample, "<u4").tolist(),
        **{name: _buckets(name) for name in SKETCHES},
    }
    names = [name for name in WindowStats.__slots__ if name not in _OWN_TABLES]
    return _columns("drift_windows_raw", names, special, records)


def sketches(records: Sequence[WindowStats]) -> Columns:
    """Rows of ``drift_sketches_raw``, one for each window and model."""
    pairs = [(window, sketch) for window in records for sketch in window.embedding_sketches]
    ours = _columns("", _OF_WINDOW, {}, [window for window, _ in pairs])
    lists = {name: _integers(name) for name in SUMS}
    theirs = _columns("", EmbeddingSketch.__slots__, lists, [sketch for _, sketch in pairs])
    names = (*ours.names, *theirs.names)
    return Columns("drift_sketches_raw", names, [*ours.values, *theirs.values])


def topics(records: Sequence[WindowStats]) -> Columns:
    """Rows of ``topic_windows_raw``, one for each window and topic."""
    pairs = [(window, topic) for window in records for topic in window.topics]
    ours = _columns("", _OF_WINDOW, {}, [window for window, _ in pairs])
    theirs = _columns("", WindowTopic.__slots__, {}, [topic for _, topic in pairs])
    names = (*ours.names, *theirs.names)
    return Columns("topic_windows_raw", names, [*ours.values, *theirs.values])


def alerts(records: Sequence[DriftAlert]) -> Columns:
    """Rows of ``drift_alerts_raw``."""
    special = {name: _tuples(name) for name in _NESTED}
    names = [name for name in DriftAlert.__slots__ if not name.startswith("acknowledged_")]
    return _columns("drift_alerts_raw", names, special, records)


def acknowledgements(records: Sequence[DriftAlert]) -> Columns:
    """Rows of ``drift_acknowledgements_raw``; the last word counts."""
    names = ("source", "alert_id", "acknowledged_at", "acknowledged_by", "note", "version")
    return _columns("drift_acknowledgements_raw", names, {}, records)


def canaries(records: Sequence[Enriched]) -> Columns:
    """Rows of ``canaries_raw``."""
    special: dict[str, Callable[[Enriched], object]] = {
        "embedding": lambda record: _bfloat16(record.embedding)
    }
    columns = _columns("canaries_raw", _CANARY, special, records)
    said = {name: [record.metadata.get(name, "") for record in records] for name in _CANARY_SAID}
    answered = [_arrival(record.received_at) for record in records]
    return Columns(
        columns.table,
        (*columns.names, *said, "answered_at"),
        [*columns.values, *said.values(), answered],
    )


def dead_letters(records: Sequence[DeadLetter]) -> Columns:
    """Rows of ``dead_letters_raw``; the last failure of a message counts."""
    special: dict[str, Callable[[DeadLetter], object]] = {
        "received_at": lambda record: _arrival(record.received_at),
        "headers": lambda record: dict(record.headers),
    }
    columns = _columns("dead_letters_raw", DeadLetter.__slots__, special, records)
    versions = [max(record.failed_at, 0) for record in records]
    return Columns(columns.table, (*columns.names, "version"), [*columns.values, versions])


def _bfloat16(embedding: bytes) -> list[float]:
    """Round float32 to the nearest bfloat16; the client would cut the lower half off."""
    bits = np.frombuffer(embedding, "<u4")
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
    floats: list[float] = rounded.view(np.float32).tolist()
    return floats


def _arrival(received_at: int) -> int:
    return min(max(received_at, 0), LAST_MS)


def _integers(name: str) -> Callable[[EmbeddingSketch], list[int]]:
    return lambda sketch: decode_integers(getattr(sketch, name)).tolist()


def _buckets(name: str) -> Callable[[WindowStats], dict[int, int]]:
    return lambda record: {int(key): count for key, count in getattr(record, name).items()}


def _tuples(name: str) -> Callable[[DriftAlert], list[tuple[object, ...]]]:
    def rows(alert: DriftAlert) -> list[tuple[object, ...]]:
        items = getattr(alert, name)
        return [attrgetter(*item.__slots__)(item) for item in items]

    return rows


def _columns(
    table: str,
    names: Sequence[str],
    special: Mapping[str, Callable[[Any], object]],
    records: Sequence[object],
) -> Columns:
    getters = [special.get(name) or attrgetter(name) for name in names]
    values = [[getter(record) for record in records] for getter in getters]
    return Columns(table, tuple(names), values)
