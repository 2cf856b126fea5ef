"""The land role: everything that was found out goes to ClickHouse, once in every answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from schemas.messages import (
    DeadLetter,
    DriftAlert,
    Enriched,
    HumanLabel,
    ShadowResult,
    WindowStats,
)
from streams.drift.control import HEADER as CONTROL
from streams.errors import InvalidDocument
from streams.ports import Labelled
from streams.runtime.dead_letters import outgoing_letter
from streams.runtime.delivery import Delivery
from streams.runtime.lane import Step
from streams.stages.enrich import dead_letter
from streams.stages.headers import CANARY
from streams.stages.receipts import done, rejected
from streams.stages.replays import OF as REPLAY_OF
from streams.stages.replays import ORIGIN as REPLAY_ORIGIN
from streams.stages.replays import Replayed, count_of, read

_MOST_MESSAGES = 2_000
_MOST_BYTES = 32 << 20
_IDLE_MS = 200

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from schemas.codec import Codec
    from streams.clock import Clock
    from streams.metrics import Metrics
    from streams.ports import Attempt, Outgoing, Producer, RawMessage, Warehouse
    from streams.runtime.receipts import Receipts
    from streams.runtime.retry import Retry
    from streams.topics import Topics


_Record = TypeVar(
    "_Record", Enriched, WindowStats, DriftAlert, DeadLetter, HumanLabel, ShadowResult
)


@dataclass(slots=True)
class Landing:
    """Decoded records that wait to be written, by table, and messages that nobody can read."""

    documents: list[Enriched] = field(default_factory=list)
    stats: list[WindowStats] = field(default_factory=list)
    alerts: list[DriftAlert] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    unreadable: list[DeadLetter] = field(default_factory=list)
    replays: list[Replayed] = field(default_factory=list)
    canaries: list[Enriched] = field(default_factory=list)
    labels: list[Labelled] = field(default_factory=list)
    shadows: list[ShadowResult] = field(default_factory=list)
    asked: list[tuple[Enriched, Mapping[str, bytes]]] = field(default_factory=list)
    size: int = 0
    since_ms: int | None = None


class LandRole:
    """The only step of the land lane gathers; its checkpoint writes; both in the same thread.

    ClickHouse likes few and large inserts: what a thousand rows cost is little more than what ten
    do. So records are gathered until there are many, until the first has waited long enough, or
    until nothing more comes; then they are written, and only then acknowledged.

    Args:
        codec: reads the messages.
        warehouse: where everything lands.
        producer: for messages that nobody can read.
        topics: names of the topics.
        retry: waits while the database is away; meanwhile nothing more is read.
        clock: for waiting and latency.
        metrics: counts rows and latency.
        wait_ms: longest time that a record waits for others.
        receipts: who is told what has landed.
    """

    def __init__(
        self,
        *,
        codec: Codec,
        warehouse: Warehouse,
        producer: Producer,
        topics: Topics,
        retry: Retry,
        clock: Clock,
        metrics: Metrics,
        wait_ms: int,
        receipts: Receipts,
    ) -> None:
        self._codec = codec
        self._warehouse = warehouse
        self._producer = producer
        self._topics = topics
        self._retry = retry
        self._delivery = Delivery(producer, retry)
        self._clock = clock
        self._metrics = metrics
        self._wait_ms = wait_ms
        self._receipts = receipts
        self._landing = Landing()
        self._newest_ms = 0

    def steps(self) -> tuple[Step, ...]:
        """Return the one step of this lane."""
        return (Step("gather", self._gather, waits=lambda: True),)

    def due(self, pending_messages: int) -> bool:
        """Write when there are many, when the first has waited, or when nothing more comes."""
        now, since = self._clock.now_ms(), self._landing.since_ms
        if since is None or pending_messages >= _MOST_MESSAGES or self._landing.size >= _MOST_BYTES:
            return True
        return now - since >= self._wait_ms or now - self._newest_ms >= _IDLE_MS

    def save(self) -> None:
        """Write everything gathered; returns when it is durable."""
        landing, self._landing = self._landing, Landing()
        self._write(landing)

    def _gather(self, messages: Sequence[RawMessage]) -> None:
        with self._metrics.step("land", "gather"):
            for message in messages:
                self._retry("read schemas", partial(self._sort, message, self._landing))
                self._landing.size += len(message.value or b"")
        self._newest_ms = self._clock.now_ms()
        if self._landing.since_ms is None:
            self._landing.since_ms = self._newest_ms

    def _sort(self, message: RawMessage, landing: Landing) -> None:
        if CONTROL in message.headers:
            return  # for the drift workers
        topic, value = message.origin.topic, message.value or b""
        try:
            if topic == self._topics.enriched:
                if CANARY in message.headers:
                    self._canary(message, landing)
                    return
                self._document(self._decoded(Enriched, value), message.headers, landing)
            elif topic == self._topics.stats:
                landing.stats.append(self._decoded(WindowStats, value))
            elif topic == self._topics.alerts:
                landing.alerts.append(self._decoded(DriftAlert, value))
            elif topic == self._topics.labels:
                label = self._decoded(HumanLabel, value)
                landing.labels.append(Labelled(message.origin, label))
            elif topic == self._topics.shadow:
                landing.shadows.append(self._decoded(ShadowResult, value))
            else:
                self._letter(self._decoded(DeadLetter, value), landing)
        except InvalidDocument as error:
            letter = dead_letter(message, error, "land", self._clock.now_ms())
            # What cannot be read in the dead-letter topic itself must not go round in circles.
            circular = topic == self._topics.dead_letters
            (landing.letters if circular else landing.unreadable).append(letter)

    def _document(self, document: Enriched, headers: Mapping[str, bytes], landing: Landing) -> None:
        landing.documents.append(document)
        if self._receipts.wanted(headers):
            landing.asked.append((document, headers))
        if headers:
            landing.replays += _replayed(document, headers, "landed")

    def _canary(self, message: RawMessage, landing: Landing) -> None:
        """Keep one copy of what every partition is given; never as a document."""
        if message.origin.partition == 0:
            landing.canaries.append(self._decoded(Enriched, message.value or b""))

    def _letter(self, letter: DeadLetter, landing: Landing) -> None:
        landing.letters.append(letter)
        if letter.headers:
            landing.replays += _replayed(letter, letter.headers, "dead-lettered")

    def _decoded(self, kind: type[_Record], value: bytes) -> _Record:
        record = self._codec.decode(kind, value)
        if refusal := self._warehouse.refusal(record):
            raise refusal
        return record

    def _write(self, landing: Landing) -> None:
        with self._metrics.step("land", "write"):
            if landing.unreadable:
                self._send(landing.unreadable)
            self._store(landing, partial(self._retry, "write to ClickHouse"))
            self._tell(landing)
        self._count(landing)

    def _send(self, letters: Sequence[DeadLetter]) -> None:
        topic = self._topics.dead_letters

        def encode() -> list[Outgoing]:
            return [outgoing_letter(x, topic, self._codec, self._producer) for x in letters]

        self._delivery("send dead letters", self._retry("register schemas", encode))

    def _tell(self, landing: Landing) -> None:
        """Send receipts; the rows that they speak of are durable."""
        now, wanted = self._clock.now_ms(), self._receipts.wanted
        told = [(done(document, headers, now), headers) for document, headers in landing.asked]
        told += [
            (rejected(x, x.headers), x.headers) for x in landing.unreadable if wanted(x.headers)
        ]
        if not told:
            return

        def encode() -> list[Outgoing]:
            return [self._receipts.outgoing(*one) for one in told]

        self._delivery("send receipts", self._retry("register schemas", encode))

    def _store(self, landing: Landing, attempt: Attempt) -> None:
        if landing.documents:
            self._warehouse.write_documents(landing.documents, attempt)
        if landing.letters:
            self._warehouse.write_dead_letters(landing.letters, attempt)
        if landing.replays:
            self._warehouse.write_replays(landing.replays, attempt)
        if landing.stats:
            self._warehouse.write_stats(landing.stats, attempt)
        if landing.alerts:
            self._warehouse.write_alerts(landing.alerts, attempt)
        if landing.canaries:
            self._warehouse.write_canaries(landing.canaries, attempt)
        if landing.labels:
            self._warehouse.write_labels(landing.labels, attempt)
        if landing.shadows:
            self._warehouse.write_shadows(landing.shadows, attempt)

    def _count(self, landing: Landing) -> None:
        now = self._clock.now_ms()
        self._metrics.landed(len(landing.documents), len(landing.letters))
        for document in landing.documents:
            self._metrics.latency(now - document.received_at)
        for letter in landing.unreadable:
            self._metrics.dead_letter("land", letter.code)


def _replayed(
    record: Enriched | DeadLetter, headers: Mapping[str, bytes], outcome: str
) -> list[Replayed]:
    """Return what became of the dead letter that this was, and of the first one of its line."""
    letters = {read(headers.get(REPLAY_OF)), read(headers.get(REPLAY_ORIGIN))} - {None}
    at = record.topic, record.partition, record.offset, record.received_at
    number = count_of(headers)
    return [Replayed(one, *at, outcome, number) for one in letters if one is not None]
