"""What was published, and a producer that remembers where the broker put it."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from confluent_kafka import Producer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_FLUSH_S = 300.0
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Item:
    """A message to be published.

    Attributes:
        identity: source and doc_id of a document; None where it must become a dead letter.
        way: how it was damaged.
        codes: that its dead letter may have.
    """

    key: bytes | None
    value: bytes | None
    identity: tuple[str, str] | None = None
    way: str = ""
    codes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Bad:
    """What must be found of a damaged message; None of its key or value stays None."""

    key: str | None
    value: str | None
    way: str
    codes: frozenset[str]


@dataclass(slots=True)
class Published:
    """Every message by partition and offset of the documents topic, as the broker confirmed it."""

    documents: dict[Place, tuple[str, str]] = field(default_factory=dict)
    bad: dict[Place, Bad] = field(default_factory=dict)

    @property
    def places(self) -> set[Place]:
        """Partition and offset of everything."""
        return self.documents.keys() | self.bad.keys()

    @property
    def identities(self) -> set[tuple[str, str]]:
        """Source and doc_id of every document."""
        return set(self.documents.values())

    def add(self, item: Item, place: Place) -> None:
        """Remember a message."""
        if item.identity is not None:
            self.documents[place] = item.identity
        else:
            self.bad[place] = Bad(digest(item.key), digest(item.value), item.way, item.codes)


def digest(value: bytes | None) -> str | None:
    """Return the SHA-256 of bytes, so that a large register stays small."""
    return None if value is None else hashlib.sha256(value).hexdigest()


class Publisher:
    """Publishes as a careful producer does: idempotent, acknowledged by all replicas."""

    def __init__(self, bootstrap: str, topic: str, published: Published) -> None:
        self._topic = topic
        self._published = published
        self._failures: list[str] = []
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "linger.ms": 5,
                "compression.type": "lz4",
                "partitioner": "murmur2_random",
                "message.max.bytes": 64 << 20,
                "message.timeout.ms": int(_FLUSH_S * 1000),
                "reconnect.backoff.max.ms": 500,
            },
            logger=_silent(),
        )

    def publish(
        self,
        items: Iterable[Item],
        *,
        rate: float | None = None,
        tell: Callable[[], object] = lambda: None,
        stop: threading.Event | None = None,
    ) -> int:
        """Publish and wait until everything is acknowledged; returns how many messages.

        Args:
            items: messages.
            rate: messages per second; as fast as it goes if None.
            tell: called after each message.
            stop: ends it early.
        """
        started, pause = time.monotonic(), stop or threading.Event()
        sent = 0
        for item in items:
            due = started + sent / rate - time.monotonic() if rate else 0.0
            if pause.wait(due) if due > 0 else pause.is_set():
                break
            self._send(item)
            sent += 1
            tell()
        left = self._producer.flush(_FLUSH_S)
        if left or self._failures:
            raise RuntimeError(f"{left} message(s) not published; {self._failures[:3]}")
        return sent

    def _send(self, item: Item) -> None:
        def delivered(error: object, message: Any) -> None:
            if error is not None:
                self._failures.append(str(error))
            else:
                self._published.add(item, (message.partition(), message.offset()))

        while True:
            try:
                self._producer.produce(self._topic, item.value, item.key, on_delivery=delivered)
            except BufferError:
                self._producer.poll(0.5)
            else:
                self._producer.poll(0)
                return


def _silent() -> Any:
    from streams.backends.kafka.librdkafka import silent_logger  # noqa: PLC0415

    return silent_logger()
