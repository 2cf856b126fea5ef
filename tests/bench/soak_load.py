"""Publishes real documents: at a rate, or so that a backlog of a given size remains."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from confluent_kafka import Producer

from schemas.codec import codec_for
from streams.backends.kafka.librdkafka import client_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from schemas.messages import Document

_TICK_S = 0.05
_LOOK_S = 0.2
_FLUSH_S = 60.0


class Load:
    """A thread that publishes; ``sent`` documents so far, each durable when it is stopped."""

    def __init__(self, bootstrap: str, topic: str, documents: Iterator[Document]) -> None:
        self._producer = Producer(
            {"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 5},
            logger=client_logger(),
        )
        self._topic = topic
        self._documents = documents
        self._codec = codec_for()
        self._errors: list[object] = []
        self.sent = 0

    def keep_backlog(
        self, size: int, waiting: Callable[[], int], enough: Callable[[], bool]
    ) -> None:
        """Publish so much that ``size`` documents wait, until it is enough."""
        while not enough():
            self._publish(max(0, size - waiting()))
            time.sleep(_LOOK_S)
        self._flush()

    def steady(self, rate: float, stop: threading.Event) -> threading.Thread:
        """Publish ``rate`` documents per second in a thread, until ``stop`` is set."""
        thread = threading.Thread(target=self._run, args=(rate, stop), name="load")
        thread.start()
        return thread

    def _run(self, rate: float, stop: threading.Event) -> None:
        began, first = time.monotonic(), self.sent
        while not stop.wait(_TICK_S):
            due = first + int(rate * (time.monotonic() - began))
            self._publish(due - self.sent)
        self._flush()

    def _publish(self, count: int) -> None:
        for _ in range(count):
            document = replace(next(self._documents), published_at=time.time_ns() // 1_000_000)
            value = self._codec.encode(self._topic, document)
            key = (document.doc_id or "").encode()
            self._producer.produce(self._topic, value, key, on_delivery=self._delivered)
            self.sent += 1
        self._producer.poll(0)

    def _delivered(self, error: object, _message: object) -> None:
        if error is not None:
            self._errors.append(error)

    def _flush(self) -> None:
        left = self._producer.flush(_FLUSH_S)
        if left or self._errors:
            raise RuntimeError(f"{left} documents not taken, {self._errors[:1]}")
