"""The drift role: enriched documents in, window statistics and alerts out; state in Kafka.

The state of a segment is written to a compacted topic at checkpoints, and messages are
acknowledged at checkpoints only. A crash between two of them replays the messages since the last;
the outputs of a replay carry the same keys and versions, so no query sees them twice.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

from schemas.messages import Enriched
from streams.drift.control import HEADER as CONTROL
from streams.drift.control import read_control
from streams.errors import InvalidDocument
from streams.ports import Outgoing, RawMessage
from streams.runtime.delivery import Delivery
from streams.runtime.lane import Step
from streams.stages.drift import DriftOutput, StatePart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.codec import Codec
    from schemas.messages import Origin, WindowStats
    from streams.clock import Clock
    from streams.drift.control import Control
    from streams.metrics import Metrics
    from streams.ports import Producer, StateStore
    from streams.runtime.retry import Retry
    from streams.stages.drift import DriftStage
    from streams.topics import Topics

_INTERVAL_MS = 3_000
_PENDING_MESSAGES = 2_000
_STATE_BYTES_PER_MS = 5_000


def state_key(source: str, name: str) -> bytes:
    """Key of a part of a segment's state in the compacted topic."""
    return f"{source}\x00{name}".encode()


def state_part(message: RawMessage) -> StatePart:
    """Read a part of a segment's state from a message of the compacted topic."""
    source, _, name = (message.key or b"").decode().partition("\x00")
    return StatePart(message.origin.partition, source, name, message.value)


class DriftRole:
    """The only step of the drift lane, and its checkpoint; both run in the same thread."""

    def __init__(
        self,
        *,
        stage: DriftStage,
        codec: Codec,
        producer: Producer,
        state: StateStore,
        topics: Topics,
        retry: Retry,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._stage = stage
        self._codec = codec
        self._delivery = Delivery(producer, retry)
        self._store = state
        self._topics = topics
        self._retry = retry
        self._clock = clock
        self._metrics = metrics
        self._restored: set[int] = set()
        self._shown: dict[tuple[str, int], tuple[int, int]] = {}
        # The end of a bounded run flushes windows from a thread that is not the lane's.
        self._alone = threading.Lock()
        self._saved_at = clock.now_ms()
        self._interval_ms = _INTERVAL_MS

    def steps(self) -> tuple[Step, ...]:
        """Return the one step of this lane."""
        return (Step("drift", self._process, waits=lambda: True),)

    def revoked(self) -> None:
        """Forget all partitions: their state is read again when their next message comes.

        Called between a rebalance's revocation and its assignment, when no batch is at work.
        Whoever reads a partition's state then shuts this worker out of it.
        """
        with self._alone:
            self._stage.forget(self._restored)
            self._store.release(self._restored)
            self._restored = set()

    def _process(self, messages: Sequence[RawMessage]) -> None:
        with self._alone, self._metrics.step("drift", "process"):
            records: list[tuple[Origin, Enriched | Control]] = []
            for message in messages:
                self._restore(message.origin.partition)
                try:
                    record = self._retry("read schemas", partial(self._decode, message))
                except InvalidDocument:
                    # The land role reads the same message and dead-letters it, once.
                    self._metrics.skipped("drift")
                else:
                    if record is not None:
                        records.append((message.origin, record))
            self._emit(self._encoded(self._stage.process(records)))

    def _decode(self, message: RawMessage) -> Enriched | Control | None:
        command = message.headers.get(CONTROL)
        if command is not None:
            return read_control(command, message.value, partial(self._codec.decode, Enriched))
        return self._codec.decode(Enriched, message.value or b"")

    def _encoded(self, output: DriftOutput) -> list[Outgoing]:
        for alert in output.alerts:
            if alert.state == "open":  # an event counts once
                self._metrics.alert()
        return self._retry("register schemas", lambda: self._messages(output))

    def _messages(self, output: DriftOutput) -> list[Outgoing]:
        stats, alerts = self._topics.stats, self._topics.alerts
        return [
            Outgoing(stats, record.source.encode(), self._codec.encode(stats, record))
            for record in output.stats
        ] + [
            Outgoing(alerts, record.source.encode(), self._codec.encode(alerts, record))
            for record in output.alerts
        ]

    def flush_open(self) -> None:
        """Emit the windows that are still open; for the end of a bounded run."""
        with self._alone:
            self._emit(self._encoded(DriftOutput(self._stage.flush_open(), ())))
            self._confirm()

    def _restore(self, partition: int) -> None:
        if partition in self._restored:
            return
        parts = self._retry("read drift state", lambda: self._store.claim(partition))
        self._stage.restore(state_part(message) for message in parts)
        self._restored.add(partition)

    def due(self, pending_messages: int) -> bool:
        """A checkpoint is due after three seconds, later when the state is large, or when full."""
        waited = self._clock.now_ms() - self._saved_at
        return pending_messages >= _PENDING_MESSAGES or waited >= self._interval_ms

    def save(self) -> None:
        """Write the parts of the state that changed and wait until all is durable."""
        with self._alone, self._metrics.step("drift", "checkpoint"):
            # First what the messages led to, then that they have been counted: the other way
            # round a crash in between would lose it.
            self._emit(self._encoded(DriftOutput(self._changed_windows(), ())))
            self._confirm()
            messages = [self._state(part) for part in self._stage.snapshot()]
            self._retry("save drift state", lambda: self._store.save(messages))
            self._metrics.quiet(self._stage.quiet.tolist())
        size = sum(len(message.value or b"") for message in messages)
        self._interval_ms = max(_INTERVAL_MS, size // _STATE_BYTES_PER_MS)
        self._saved_at = self._clock.now_ms()

    def _changed_windows(self) -> tuple[WindowStats, ...]:
        """Return open windows that have grown since the last checkpoint.

        The stage itself speaks when a window has doubled or closes; people who look at a live
        window, or at the last one of a source that fell silent, should not have to wait for that.
        """
        open_windows = self._stage.flush_open()
        shown, self._shown = self._shown, {}
        for record in open_windows:
            key = (record.source, record.window_start)
            self._shown[key] = (record.version, record.documents)
        return tuple(
            record
            for record in open_windows
            if shown.get((record.source, record.window_start)) != (record.version, record.documents)
        )

    def _state(self, part: StatePart) -> Outgoing:
        key = state_key(part.source, part.name)
        return Outgoing(self._topics.state, key, part.payload, partition=part.partition)

    def _emit(self, messages: Sequence[Outgoing]) -> None:
        """Hand over messages; ``_confirm`` makes them durable."""
        self._delivery.add("produce drift statistics", messages)

    def _confirm(self) -> None:
        """Wait until everything that was handed over since the last time is durable."""
        self._delivery.confirm("produce drift statistics")
