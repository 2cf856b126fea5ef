"""The producer of every role and command: idempotent, acknowledged by all in-sync replicas."""

from __future__ import annotations

import itertools
import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException, Message
from confluent_kafka import Producer as Client
from confluent_kafka import murmur2 as _murmur2  # type: ignore[attr-defined] # the stubs lack it

from streams.backends.kafka.flow import MESSAGE_BYTES, FlowControl, consumer_groups
from streams.backends.kafka.inprocess import PARTITIONS
from streams.backends.kafka.librdkafka import client_logger, translate
from streams.backends.kafka.offsets import OffsetReader
from streams.backends.kafka.producer_options import (
    ENVELOPE_BYTES,
    ProducerOptions,
    client_config,
)
from streams.backends.kafka.security import KafkaSecurity, librdkafka_config
from streams.backends.kafka.topic_specs import topic_limits
from streams.errors import InvalidDocument, StillWaiting, TidemarkError, Unavailable

__all__ = ["Counted", "KafkaProducer", "ProducerOptions", "open_producer", "producer_options"]

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

    from streams.backends.kafka.broker import Broker
    from streams.ports import Outgoing
    from streams.topics import Topics

_POLL_SECONDS = 0.05


@dataclass(slots=True)
class Counted:
    """Messages and bytes (key, value, headers) that were handed to the broker."""

    messages: int = 0
    bytes: int = 0


class KafkaProducer:
    """Sends messages; implements ``streams.ports.Producer`` and may be shared by threads."""

    def __init__(
        self,
        bootstrap: str,
        security: KafkaSecurity | None = None,
        options: ProducerOptions | None = None,
        flow: FlowControl | None = None,
    ) -> None:
        """Connect in the background.

        Args:
            bootstrap: addresses of the brokers.
            security: how to speak to them.
            options: limits and times.
            flow: holds messages back, for the in-process cluster; none for a real broker.
        """
        self._options = options or ProducerOptions()
        self._flow = flow
        config = client_config(self._options, reports=flow is not None)
        self._client = Client(
            {
                **config,
                **librdkafka_config(security or KafkaSecurity()),
                "bootstrap.servers": bootstrap,
            },
            logger=client_logger(),
        )
        self._errors: list[KafkaError] = []
        self._lock = threading.Lock()
        self._abandoned = False
        self._spread = itertools.count()
        self.counts: dict[str, Counted] = {}

    def refusal(self, message: Outgoing) -> InvalidDocument | None:
        """Return why a message can never be sent, or None where it can."""
        size = _size(message)
        limit = self._options.limits.get(message.topic, self._options.default_limit)
        allowed = limit - ENVELOPE_BYTES
        where = f"topic {message.topic}"
        if self._flow is not None and allowed > MESSAGE_BYTES:
            allowed, where = MESSAGE_BYTES, "the in-process cluster"
        if size <= allowed:
            return None
        return InvalidDocument(
            "message-too-large",
            f"message of {size} bytes; {where} takes {allowed}: send less text, or raise "
            "TIDEMARK_MAX_MESSAGE_BYTES and the topic's max.message.bytes",
        )

    def send(self, messages: Sequence[Outgoing]) -> None:
        """Hand over messages; blocks while the queue is full or flow control holds back.

        Raises:
            InvalidDocument: one of them is too large; then none of this call was sent. Ask
                ``refusal`` before, to know which.
            Unavailable: the broker takes nothing for too long.
        """
        self._check_use()
        for message in messages:
            refused = self.refusal(message)
            if refused is not None:
                raise refused
        for message in messages:
            self._send(message, _size(message))
        self._client.poll(0)

    def flush(self, timeout: float) -> None:
        """Wait until every message is acknowledged by all in-sync replicas.

        Raises:
            StillWaiting: at least one was not within ``timeout`` seconds; it may still be.
            Unavailable: at least one has failed.
            Misconfigured: one has failed and trying again cannot help.
        """
        waiting = self._client.flush(timeout)
        self._check_use()
        with self._lock:
            errors, self._errors = self._errors, []
        if errors:
            raise translate(errors[0], f"{len(errors)} message(s) were not delivered")
        if waiting:
            raise StillWaiting(
                f"{waiting} message(s) were not acknowledged within {timeout:.0f} s: check that "
                "the brokers run"
            )

    def close(self) -> None:
        """Flush and release the connection.

        Raises:
            Unavailable: a message was not delivered.
        """
        self.flush(self._options.close_timeout)

    def abandon(self) -> None:
        """Drop what is not acknowledged yet; whoever waits in ``flush`` is told so at once.

        For a worker that cannot wait: its messages were not acknowledged, and are read again.
        Nothing can be sent any more: a retry would only wait once more for a broker that is gone.
        """
        self._abandoned = True
        self._client.purge()
        self._client.poll(0)

    def _check_use(self) -> None:
        if self._abandoned:
            raise TidemarkError("the producer was given up: its worker is stopping")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_exc: object) -> None:
        if kind is None:
            self.close()

    def _send(self, message: Outgoing, size: int) -> None:
        target = self._target(message)
        if self._flow is not None:
            self._flow.acquire(message.topic, target, size, self._client.poll)
        deadline = time.monotonic() + self._options.delivery_timeout
        while True:
            try:
                self._produce(message, size, target)
            except BufferError:
                self._client.poll(_POLL_SECONDS)
                if time.monotonic() > deadline:
                    self._give_back(message.topic, target, size)
                    raise Unavailable(
                        "the broker has taken no message for "
                        f"{self._options.delivery_timeout:.0f} s: check that it runs"
                    ) from None
            except KafkaException as error:
                self._give_back(message.topic, target, size)
                raise translate(error, f"sending to {message.topic}") from error
            else:
                self._count(message.topic, size)
                return

    def _produce(self, message: Outgoing, size: int, target: int) -> None:
        report = self._failed if self._flow is None else partial(self._reported, size, target)
        self._client.produce(
            message.topic,
            value=message.value,
            key=message.key,
            partition=target,
            headers=list(message.headers.items()),
            on_delivery=report,
        )

    def _target(self, message: Outgoing) -> int:
        """Return the partition asked for; -1 leaves the choice to librdkafka."""
        if message.partition is not None:
            return message.partition
        if self._flow is None:
            return -1
        # Choose as librdkafka would: known before sending, so that flow control can ask.
        if message.key is None:
            return next(self._spread) % PARTITIONS
        return int(_murmur2(message.key, PARTITIONS))

    def _count(self, topic: str, size: int) -> None:
        with self._lock:
            counted = self.counts.setdefault(topic, Counted())
            counted.messages += 1
            counted.bytes += size

    def _failed(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            with self._lock:
                self._errors.append(error)

    def _reported(self, size: int, target: int, error: KafkaError | None, message: Message) -> None:
        self._failed(error, message)
        if self._flow is not None:
            offset = message.offset() if error is None else None
            self._flow.delivered(message.topic() or "", target, size, offset)

    def _give_back(self, topic: str, target: int, size: int) -> None:
        if self._flow is not None:
            self._flow.delivered(topic, target, size, None)


class _FlowingProducer(KafkaProducer):
    """A producer that also owns the reader which its flow control asks."""

    def __init__(self, broker: Broker, options: ProducerOptions, topics: Topics) -> None:
        self._reader = OffsetReader(broker.bootstrap, broker.security)
        flow = FlowControl(self._reader, consumer_groups(topics))
        super().__init__(broker.bootstrap, broker.security, options, flow)

    def close(self) -> None:
        """Flush and release the connections."""
        try:
            super().close()
        finally:
            self._reader.close()


def open_producer(
    broker: Broker, topics: Topics, max_message_bytes: int, client_id: str = "tidemark"
) -> KafkaProducer:
    """Return a producer that fits the broker: limits by topic, held back where it must be."""
    options = producer_options(topics, max_message_bytes, client_id)
    if broker.kind == "in-process":
        return _FlowingProducer(broker, options, topics)
    return KafkaProducer(broker.bootstrap, broker.security, options)


def producer_options(topics: Topics, max_message_bytes: int, client_id: str) -> ProducerOptions:
    """Return the limits of Tidemark's topics."""
    return ProducerOptions(
        limits=topic_limits(topics, max_message_bytes),
        default_limit=max_message_bytes,
        client_id=client_id,
    )


def _size(message: Outgoing) -> int:
    headers = sum(len(name) + len(value) for name, value in message.headers.items())
    return len(message.key or b"") + len(message.value or b"") + headers
