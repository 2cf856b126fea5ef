"""Figures of a run, asked of the database: the ledger is the witness, not the process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

_DELIVERIES = """
SELECT
    countIf(outcome = 'landed') AS landed,
    countIf(outcome = 'dead-lettered') AS dead,
    toUnixTimestamp64Milli(max(landed_at)) AS last_landed_at,
    quantilesExactIf(0.5, 0.95, 0.99)(
        toUnixTimestamp64Milli(landed_at) - toUnixTimestamp64Milli(received_at),
        outcome = 'landed') AS latency
FROM deliveries
WHERE topic = {topic:String} AND received_at >= fromUnixTimestamp64Milli({since:Int64})
    AND offset >= arrayElement({low:Array(Int64)}, partition + 1)
    AND offset < arrayElement({high:Array(Int64)}, partition + 1)
"""
_DOCUMENTS = """
SELECT count() AS rows, count() - uniqExact(source, doc_id) AS doubled
FROM documents
WHERE topic = {topic:String} AND received_at >= fromUnixTimestamp64Milli({since:Int64})
    AND offset >= arrayElement({low:Array(Int64)}, partition + 1)
    AND offset < arrayElement({high:Array(Int64)}, partition + 1)
"""
_ALERTS = "SELECT count() AS alerts FROM drift_alerts"


class Answer(Protocol):
    """A table that a query gave."""

    @property
    def rows(self) -> Any:
        """Rows of values."""
        ...


class Database(Protocol):
    """What can be asked."""

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Answer:
        """Answer a query."""
        ...


@dataclass(frozen=True, slots=True)
class Span:
    """Offsets of the documents topic that a run was responsible for.

    Attributes:
        low: first offset of each partition, by its number.
        high: offset after the last one.
        since_ms: ignore rows of messages older than this: a broker that forgets reuses offsets.
    """

    low: tuple[int, ...]
    high: tuple[int, ...]
    since_ms: int = 0

    @property
    def messages(self) -> int:
        """Messages in the span."""
        return sum(self.high) - sum(self.low)


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts and latencies of the documents of a span; milliseconds."""

    messages: int
    landed: int
    dead_letters: int
    rows: int
    duplicated: int
    alerts: int
    last_landed_at: int
    latency_ms: dict[str, float | None]

    @property
    def lost(self) -> int:
        """Messages that neither landed nor were dead-lettered."""
        return self.messages - self.landed - self.dead_letters


def measure(database: Database, documents_topic: str, span: Span) -> Figures:
    """Ask for the figures of the documents of a span."""
    parameters = {
        "topic": documents_topic,
        "since": span.since_ms,
        "low": list(span.low),
        "high": list(span.high),
    }
    landed, dead, last, latency = database.query(_DELIVERIES, parameters).rows[0]
    rows, doubled = database.query(_DOCUMENTS, parameters).rows[0]
    alerts = database.query(_ALERTS).rows[0][0]
    names = ("p50", "p95", "p99")
    known = int(landed) > 0
    return Figures(
        messages=span.messages,
        landed=int(landed),
        dead_letters=int(dead),
        rows=int(rows),
        duplicated=int(doubled),
        alerts=int(alerts),
        last_landed_at=int(last),
        latency_ms={
            name: float(value) if known else None
            for name, value in zip(names, latency, strict=True)
        },
    )
