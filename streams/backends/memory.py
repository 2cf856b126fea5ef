"""A warehouse in memory with the semantics of the real one; one contract suite runs over both."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from streams.backends.clickhouse.rows import ACKNOWLEDGED, ENRICH_ROLE, hour_seconds
from streams.backends.clickhouse.shadow_rows import SHADOW_KEY
from streams.backends.clickhouse.storable import refusal
from streams.clock import SystemClock
from streams.ports import Delivery, once

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from schemas.messages import (
        DeadLetter,
        DriftAlert,
        Enriched,
        HumanLabel,
        ShadowResult,
        WindowStats,
    )
    from streams.clock import Clock
    from streams.errors import InvalidDocument
    from streams.ports import Attempt, Labelled, Landable
    from streams.stages.replays import Replayed

_Key = TypeVar("_Key")
_Record = TypeVar("_Record")
_Rank = TypeVar("_Rank", int, tuple[int, int], tuple[bool, int])


class MemoryWarehouse:
    """Keeps the newest version of each record by its natural key; forgets on exit."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._documents: dict[tuple[str, str], tuple[tuple[int, int], Enriched]] = {}
        self._deliveries: dict[
            tuple[str, int, int, int], tuple[tuple[bool, int], tuple[Delivery, int]]
        ] = {}
        self._stats: dict[tuple[str, int, int], tuple[int, WindowStats]] = {}
        self._alerts: dict[tuple[str, str], tuple[int, DriftAlert]] = {}
        self._acknowledgements: dict[tuple[str, str], tuple[int, DriftAlert]] = {}
        self._replays: dict[tuple[str | int, ...], tuple[int, Replayed]] = {}
        self._canaries: dict[tuple[str | int, ...], tuple[int, Enriched]] = {}
        self._labels: dict[tuple[str, str, str], tuple[int, Labelled]] = {}
        self._shadows: dict[tuple[str, ...], tuple[int, ShadowResult]] = {}
        self._letters: dict[tuple[str, int, int, int], tuple[int, DeadLetter]] = {}

    @property
    def documents(self) -> list[Enriched]:
        """The newest version of each document."""
        return _values(self._documents)

    @property
    def deliveries(self) -> list[Delivery]:
        """The fate of each message."""
        return [delivery for delivery, _ in _values(self._deliveries)]

    @property
    def landed_at(self) -> dict[tuple[str, int, int, int], int]:
        """When each message landed first, by topic, partition, offset and broker timestamp."""
        return {key: landed for key, (_, (_, landed)) in self._deliveries.items()}

    @property
    def stats(self) -> list[WindowStats]:
        """The newest version of each window."""
        return _values(self._stats)

    @property
    def alerts(self) -> list[DriftAlert]:
        """The newest version of each alert, with who has seen it."""
        seen = {key: alert for key, (_, alert) in self._acknowledgements.items()}
        return [_seen(alert, seen.get(key)) for key, (_, alert) in self._alerts.items()]

    @property
    def dead_letters(self) -> list[DeadLetter]:
        """The last failure of each message."""
        return _values(self._letters)

    def refusal(self, record: Landable) -> InvalidDocument | None:
        """Return why a record can never be stored, or None where it can."""
        return refusal(record)

    def write_documents(self, documents: Sequence[Enriched], attempt: Attempt = once) -> None:
        """Land enriched documents, then their deliveries."""
        attempt(lambda: self._keep_documents(documents))

    def _keep_documents(self, documents: Sequence[Enriched]) -> None:
        with self._lock:
            for document in documents:
                rank = (document.version, hour_seconds(document.published_at))
                _keep(self._documents, (document.source, document.doc_id), rank, document)
            self._deliver(
                Delivery(
                    document.topic,
                    document.partition,
                    document.offset,
                    document.received_at,
                    "landed",
                    document.source,
                    document.doc_id,
                )
                for document in documents
            )

    def write_stats(self, stats: Sequence[WindowStats], attempt: Attempt = once) -> None:
        """Land window statistics."""
        attempt(lambda: self._keep_stats(stats))

    def _keep_stats(self, stats: Sequence[WindowStats]) -> None:
        with self._lock:
            for window in stats:
                key = (window.source, window.window_seconds, window.window_start)
                _keep(self._stats, key, window.version, window)

    def write_alerts(self, alerts: Sequence[DriftAlert], attempt: Attempt = once) -> None:
        """Land drift alerts."""
        attempt(lambda: self._keep_alerts(alerts))

    def _keep_alerts(self, alerts: Sequence[DriftAlert]) -> None:
        with self._lock:
            for alert in alerts:
                kept = self._acknowledgements if alert.state == ACKNOWLEDGED else self._alerts
                _keep(kept, (alert.source, alert.alert_id), alert.version, alert)

    @property
    def labels(self) -> list[HumanLabel]:
        """The last word of each person on each document, unless it took back the one before."""
        return [one.label for one in _values(self._labels) if one.label.labels]

    def write_labels(self, labels: Sequence[Labelled], attempt: Attempt = once) -> None:
        """Land what people say that documents are about."""
        attempt(lambda: self._keep_labels(labels))

    def _keep_labels(self, labels: Sequence[Labelled]) -> None:
        with self._lock:
            for one in labels:
                key = (one.label.source, one.label.doc_id, one.label.labelled_by)
                _keep(self._labels, key, one.origin.version, one)

    @property
    def shadows(self) -> list[ShadowResult]:
        """What each version of a challenger answered to each document."""
        return _values(self._shadows)

    def write_shadows(self, results: Sequence[ShadowResult], attempt: Attempt = once) -> None:
        """Land what challengers answered."""
        attempt(lambda: self._keep_shadows(results))

    def _keep_shadows(self, results: Sequence[ShadowResult]) -> None:
        with self._lock:
            for one in results:
                key = tuple(getattr(one, name) for name in SHADOW_KEY)
                _keep(self._shadows, key, one.version, one)

    @property
    def replays(self) -> list[Replayed]:
        """What became of dead letters that were put back."""
        return _values(self._replays)

    def write_replays(self, replays: Sequence[Replayed], attempt: Attempt = once) -> None:
        """Land what became of dead letters that were put back."""
        attempt(lambda: self._keep_replays(replays))

    def _keep_replays(self, replays: Sequence[Replayed]) -> None:
        with self._lock:
            for one in replays:
                key = (*one.letter, one.topic, one.partition, one.offset, one.received_at)
                _keep(self._replays, key, int(one.outcome == "landed"), one)

    @property
    def canaries(self) -> list[Enriched]:
        """What workers answered to canary documents."""
        return _values(self._canaries)

    def write_canaries(self, answers: Sequence[Enriched], attempt: Attempt = once) -> None:
        """Land what a worker answered to canary documents."""
        attempt(lambda: self._keep_canaries(answers))

    def _keep_canaries(self, answers: Sequence[Enriched]) -> None:
        with self._lock:
            for one in answers:
                key = (one.received_at, one.metadata["worker"], one.doc_id)
                _keep(self._canaries, key, 0, one)

    def write_dead_letters(self, letters: Sequence[DeadLetter], attempt: Attempt = once) -> None:
        """Land dead letters, then their deliveries where they come from the documents topic."""
        attempt(lambda: self._keep_dead_letters(letters))

    def _keep_dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        with self._lock:
            for letter in letters:
                key = (letter.topic, letter.partition, letter.offset, letter.received_at)
                _keep(self._letters, key, letter.failed_at, letter)
            self._deliver(
                Delivery(
                    letter.topic,
                    letter.partition,
                    letter.offset,
                    letter.received_at,
                    "dead-lettered",
                    letter.source or "",
                    letter.doc_id or "",
                )
                for letter in letters
                if letter.role == ENRICH_ROLE
            )

    def _deliver(self, deliveries: Iterable[Delivery]) -> None:
        now = self._clock.now_ms()
        for delivery in deliveries:
            key = (delivery.topic, delivery.partition, delivery.offset, delivery.received_at)
            rank = (delivery.outcome == "landed", -now)
            _keep(self._deliveries, key, rank, (delivery, now))


def _keep(kept: dict[_Key, tuple[_Rank, _Record]], key: _Key, rank: _Rank, record: _Record) -> None:
    """Replace a record unless the kept one ranks higher."""
    if key not in kept or rank >= kept[key][0]:
        kept[key] = (rank, record)


def _seen(alert: DriftAlert, acknowledged: DriftAlert | None) -> DriftAlert:
    if acknowledged is None:
        return alert
    return replace(
        alert,
        acknowledged_at=acknowledged.acknowledged_at,
        acknowledged_by=acknowledged.acknowledged_by,
        note=acknowledged.note or alert.note,
    )


def _values(kept: dict[_Key, tuple[_Rank, _Record]]) -> list[_Record]:
    return [record for _, record in kept.values()]
