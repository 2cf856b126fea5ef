"""Records as the land role writes them, and what a warehouse says of them afterwards."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from schemas.messages import (
    DeadLetter,
    DriftAlert,
    Enriched,
    Evidence,
    Origin,
    ShareChange,
    TermChange,
    WindowStats,
    WindowTopic,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.backends.clickhouse import ClickHouseWarehouse
    from streams.backends.memory import MemoryWarehouse
    from streams.ports import Warehouse

TOPIC = "tidemark.documents"
START = 1_714_979_289_000  # 2024-05-06 07:08:09
HOUR = 3_600_000


def document(
    number: int,
    *,
    source: str = "news",
    doc_id: str | None = None,
    published_at: int | None = None,
    offset: int | None = None,
    text: str = "the tide is high",
    terms: Sequence[str] | None = None,
    label: str = "sea",
    dimensions: int = 8,
) -> Enriched:
    """Return a document; its message has the offset ``number`` unless another is given."""
    words = tuple(dict.fromkeys(text.split())) if terms is None else tuple(terms)
    at = number if offset is None else offset
    origin = Origin(TOPIC, 0, at, START + at)
    rng = np.random.default_rng(number)
    return Enriched(
        doc_id=f"doc-{number}" if doc_id is None else doc_id,
        source=source,
        published_at=START + number * 60_000 if published_at is None else published_at,
        title=None if number % 2 else f"Title {number}",
        text=text,
        language="en",
        metadata={"number": str(number)},
        topic=origin.topic,
        partition=origin.partition,
        offset=origin.offset,
        received_at=origin.received_at,
        version=origin.version,
        summary=text[:80],
        summary_method="extractive",
        label=label,
        confidence=0.5,
        scores={label: 0.5, "other": 0.5},
        characters=len(text),
        sentences=1,
        tokens=len(text.split()),
        unique_tokens=len(words),
        word_pieces=len(words),
        unknown_tokens=0,
        word_pieces_per_character=0.25,
        cut_off=False,
        terms=words,
        term_counts=(1,) * len(words),
        embedding=rng.standard_normal(dimensions).astype("<f4").tobytes(),
        embedding_model="fake",
        embedding_revision="0" * 12,
        classifier="zero-shot",
        device="cpu",
        compute_type="int8",
        tokens_in=8,
        tokens_out=0,
        queue_ms=1.5,
        tokenize_ms=0.5,
        inference_ms=2.0,
        enriched_at=origin.received_at + 4,
    )


def letter(
    offset: int, *, value: bytes | None = b"\x00\xffnot avro", role: str = "enrich"
) -> DeadLetter:
    """Return a dead letter of the documents topic."""
    return DeadLetter(
        topic=TOPIC,
        partition=1,
        offset=offset,
        received_at=START + offset,
        key=b"\xfe",
        value=value,
        headers={"trace": b"\x00\xff"},
        code="not-avro-nor-json",
        reason="neither Avro nor JSON: publish one of them",
        role=role,
        doc_id=None,
        source=None,
        failed_at=START + 9,
    )


def window(number: int, *, version: int = 1, documents: int = 10) -> WindowStats:
    """Return the statistics of the ``number``-th minute."""
    return WindowStats(
        source="news",
        window_start=START // 60_000 * 60_000 + number * 60_000,
        window_seconds=60,
        version=version,
        documents=documents,
        late_documents=0,
        tokens=100,
        unique_tokens=40,
        new_tokens=7,
        word_pieces=130,
        unknown_tokens=1,
        characters=600,
        tokens_mean=10.0,
        tokens_deviation=2.0,
        confidence_mean=0.6,
        labels={"sea": 6, "land": 4},
        drift_score=None if number == 0 else 1.25,
        drift_threshold=None if number == 0 else 11.0,
        drift_state="collecting" if number == 0 else "watching",
        reference_documents=1000,
        embedding_model="fake",
    )


def topic(name: str, documents: int, *, summary: str = "the tide is high") -> WindowTopic:
    """Return a topic of a window, the same one under the same name."""
    return WindowTopic(
        topic_id=f"id of {name}",
        name=name,
        documents=documents,
        similarity=0.7,
        central_doc_id="doc-1",
        central_summary=summary,
        central_similarity=0.9,
        first_seen=START,
        parent="",
        ended="",
        merged_into="",
        embedding_model="fake",
    )


def alert(alert_id: str = "a1", *, version: int = 1, state: str = "open") -> DriftAlert:
    """Return an explained alert."""
    return DriftAlert(
        alert_id=alert_id,
        version=version,
        source="news",
        kind="embedding",
        severity="critical",
        state=state,
        window_start=START,
        window_end=START + HOUR,
        window_documents=120,
        detected_at=START + HOUR,
        changed_at=None,
        score=14.5,
        threshold=11.0,
        message="news changed",
        terms_up=(TermChange("lockdown", 9.5, 0.0, 0.2),),
        terms_down=(),
        labels=(ShareChange("sea", 0.6, 0.2, -0.5, -0.3),),
        new_documents=(Evidence("doc-1", START - 10**12, 'it\'s "new"', 0.5),),
        old_documents=(),
        reference_documents=1000,
        embedding_model="fake",
        sql="SELECT 1",
    )


def scattered(count: int, *, seed: int = 7) -> list[Enriched]:
    """Return documents of a thousand hours; one in ten is published again with another time."""
    rng = random.Random(seed)
    made = []
    for offset in range(count):
        again = offset > 0 and rng.random() < 0.1
        number = rng.randrange(offset) if again else offset
        when = START + rng.randrange(1000) * HOUR
        made.append(replace(document(number, offset=offset), published_at=when))
    return made


@dataclass(frozen=True, slots=True)
class Landed:
    """What a warehouse says of its documents: identity, time, version and content."""

    documents: list[tuple[str, str, int, int, str]]
    deliveries: list[tuple[str, int, int, int, str, str, str, int]]


class Inspected(Protocol):
    """A warehouse under test, and how to look into it."""

    @property
    def warehouse(self) -> Warehouse: ...

    def landed(self) -> Landed: ...

    def counts(self) -> tuple[int, int, int, int, int]:
        """Documents, deliveries, windows, alerts, dead letters."""
        ...

    def window_documents(self) -> list[int]: ...

    def alert_states(self) -> list[str]: ...

    def acknowledgements(self) -> list[tuple[str, str, str]]:
        """Alert, by whom, note."""
        ...

    def letter_values(self) -> list[bytes | None]: ...


class InMemory:
    """Looks into the fake."""

    def __init__(self, warehouse: MemoryWarehouse) -> None:
        self.warehouse = warehouse

    def landed(self) -> Landed:
        kept = self.warehouse
        documents = sorted(
            (d.source, d.doc_id, d.published_at, d.version, d.text) for d in kept.documents
        )
        landed_at = kept.landed_at
        deliveries = sorted(
            (d.topic, d.partition, d.offset, d.received_at, d.outcome, d.source, d.doc_id,
             landed_at[d.topic, d.partition, d.offset, d.received_at])
            for d in kept.deliveries
        )  # fmt: skip
        return Landed(documents, deliveries)

    def counts(self) -> tuple[int, int, int, int, int]:
        kept = self.warehouse
        return (
            len(kept.documents),
            len(kept.deliveries),
            len(kept.stats),
            len(kept.alerts),
            len(kept.dead_letters),
        )

    def window_documents(self) -> list[int]:
        windows = sorted(self.warehouse.stats, key=lambda window: window.window_start)
        return [window.documents for window in windows]

    def alert_states(self) -> list[str]:
        return sorted(alert.state for alert in self.warehouse.alerts)

    def acknowledgements(self) -> list[tuple[str, str, str]]:
        kept = self.warehouse.alerts
        return sorted((one.alert_id, one.acknowledged_by, one.note) for one in kept)

    def letter_values(self) -> list[bytes | None]:
        letters = sorted(self.warehouse.dead_letters, key=lambda letter: letter.offset)
        return [letter.value for letter in letters]


class InClickHouse:
    """Looks through the views, as users do."""

    def __init__(self, warehouse: ClickHouseWarehouse) -> None:
        self.warehouse = warehouse

    def landed(self) -> Landed:
        documents = self.warehouse.query(
            "SELECT source, doc_id, toUnixTimestamp64Milli(published_at), version, text "
            "FROM documents"
        )
        deliveries = self.warehouse.query(
            "SELECT topic, partition, offset, toUnixTimestamp64Milli(received_at), outcome, "
            "source, doc_id, toUnixTimestamp64Milli(landed_at) FROM deliveries"
        )
        return Landed(
            sorted((row[0], row[1], row[2], row[3], row[4]) for row in documents.rows),
            sorted(
                (row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7])
                for row in deliveries.rows
            ),
        )

    def counts(self) -> tuple[int, int, int, int, int]:
        views = ("documents", "deliveries", "drift_windows", "drift_alerts", "dead_letters")
        documents, deliveries, windows, alerts, letters = (
            int(self.warehouse.query(f"SELECT count() FROM {view}").rows[0][0]) for view in views
        )
        return documents, deliveries, windows, alerts, letters

    def window_documents(self) -> list[int]:
        return self.warehouse.query(
            "SELECT documents FROM drift_windows ORDER BY window_start"
        ).column("documents")

    def alert_states(self) -> list[str]:
        return self.warehouse.query("SELECT state FROM drift_alerts ORDER BY state").column("state")

    def acknowledgements(self) -> list[tuple[str, str, str]]:
        sql = "SELECT alert_id, acknowledged_by, note FROM drift_alerts ORDER BY alert_id"
        return [tuple(row) for row in self.warehouse.query(sql).rows]

    def letter_values(self) -> list[bytes | None]:
        rows = self.warehouse.query(
            "SELECT value IS NULL, hex(assumeNotNull(value)) FROM dead_letters ORDER BY offset"
        ).rows
        return [None if missing else bytes.fromhex(digits) for missing, digits in rows]
