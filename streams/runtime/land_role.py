"""The land role: everything that was found out goes to ClickHouse, once in every answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from schemas.messages import DeadLetter, DriftAlert, Enriched, WindowStats
from streams.errors import InvalidDocument
from streams.runtime.dead_letters import outgoing_letter
from streams.runtime.lane import Step
from streams.stages.enrich import dead_letter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.codec import Codec
    from streams.clock import Clock
    from streams.metrics import Metrics
    from streams.ports import Producer, RawMessage, Warehouse
    from streams.runtime.retry import Retry
    from streams.topics import Topics


@dataclass(frozen=True, slots=True)
class Landing:
    """Decoded records of one batch, by table, and messages that nobody can read."""

    documents: list[Enriched] = field(default_factory=list)
    stats: list[WindowStats] = field(default_factory=list)
    alerts: list[DriftAlert] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    unreadable: list[DeadLetter] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LandRole:
    """Steps of the land lane: decode, write."""

    codec: Codec
    warehouse: Warehouse
    producer: Producer
    topics: Topics
    retry: Retry
    clock: Clock
    metrics: Metrics

    def steps(self) -> tuple[Step, ...]:
        """Return the steps in order; each runs in a thread of its own."""
        return (Step("decode", self.decode), Step("write", self._write))

    def decode(self, messages: Sequence[RawMessage]) -> Landing:
        """Sort messages by the table that they land in."""
        landing = Landing()
        with self.metrics.step("land", "decode"):
            for message in messages:
                self._sort(message, landing)
        return landing

    def _sort(self, message: RawMessage, landing: Landing) -> None:
        topic, value = message.origin.topic, message.value or b""
        try:
            if topic == self.topics.enriched:
                landing.documents.append(self.codec.decode(Enriched, value))
            elif topic == self.topics.stats:
                landing.stats.append(self.codec.decode(WindowStats, value))
            elif topic == self.topics.alerts:
                landing.alerts.append(self.codec.decode(DriftAlert, value))
            else:
                landing.letters.append(self.codec.decode(DeadLetter, value))
        except InvalidDocument as error:
            letter = dead_letter(message, error, "land", self.clock.now_ms())
            # What cannot be read in the dead-letter topic itself must not go round in circles.
            circular = topic == self.topics.dead_letters
            (landing.letters if circular else landing.unreadable).append(letter)

    def _write(self, landing: Landing) -> None:
        with self.metrics.step("land", "write"):
            if landing.unreadable:
                self.retry("send dead letters", lambda: self._send(landing.unreadable))
            self.retry("write to ClickHouse", lambda: self._store(landing))
        self._count(landing)

    def _send(self, letters: Sequence[DeadLetter]) -> None:
        topic = self.topics.dead_letters
        self.producer.send([outgoing_letter(x, topic, self.codec, self.producer) for x in letters])
        self.producer.flush(60.0)

    def _store(self, landing: Landing) -> None:
        if landing.documents:
            self.warehouse.write_documents(landing.documents)
        if landing.letters:
            self.warehouse.write_dead_letters(landing.letters)
        if landing.stats:
            self.warehouse.write_stats(landing.stats)
        if landing.alerts:
            self.warehouse.write_alerts(landing.alerts)

    def _count(self, landing: Landing) -> None:
        now = self.clock.now_ms()
        self.metrics.landed(len(landing.documents), len(landing.letters))
        for document in landing.documents:
            self.metrics.latency(now - document.received_at)
        for letter in landing.unreadable:
            self.metrics.dead_letter("land", letter.code)
