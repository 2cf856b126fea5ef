"""A database and a producer that fail for a while, as real ones do."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from streams.backends.memory import MemoryWarehouse
from streams.errors import Unavailable
from streams.ports import once

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.messages import DeadLetter, DriftAlert, Enriched, WindowStats
    from streams.errors import InvalidDocument
    from streams.ports import Attempt, Outgoing, Producer


class FlakyWarehouse(MemoryWarehouse):
    """Refuses every write while ``failure`` is set; counts what it refused."""

    def __init__(self) -> None:
        super().__init__()
        self.failure: Exception | None = None
        self.refused = 0

    def write_documents(self, documents: Sequence[Enriched], attempt: Attempt = once) -> None:
        attempt(self._check)
        super().write_documents(documents, attempt)

    def write_stats(self, stats: Sequence[WindowStats], attempt: Attempt = once) -> None:
        attempt(self._check)
        super().write_stats(stats, attempt)

    def write_alerts(self, alerts: Sequence[DriftAlert], attempt: Attempt = once) -> None:
        attempt(self._check)
        super().write_alerts(alerts, attempt)

    def write_dead_letters(self, letters: Sequence[DeadLetter], attempt: Attempt = once) -> None:
        attempt(self._check)
        super().write_dead_letters(letters, attempt)

    def _check(self) -> None:
        if self.failure is not None:
            self.refused += 1
            raise self.failure


class FlakyProducer:
    """Loses what was handed over since the last flush, then says so, as librdkafka does.

    Args:
        producer: takes the messages of the flushes that do not fail.
        failures: so many flushes fail, of those that have something to flush.
    """

    def __init__(self, producer: Producer, failures: int) -> None:
        self.failures = failures
        self.lost = 0
        self._producer = producer
        self._waiting: list[Outgoing] = []
        self._lock = threading.Lock()

    def refusal(self, message: Outgoing) -> InvalidDocument | None:
        return self._producer.refusal(message)

    def send(self, messages: Sequence[Outgoing]) -> None:
        with self._lock:
            self._waiting += messages

    def flush(self, timeout: float) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        if waiting and self.failures:
            self.failures -= 1
            self.lost += len(waiting)
            raise Unavailable(f"{len(waiting)} message(s) were not delivered; try again")
        self._producer.send(waiting)
        self._producer.flush(timeout)

    def close(self) -> None:
        self.flush(30.0)
        self._producer.close()

    def abandon(self) -> None:
        self._waiting.clear()
