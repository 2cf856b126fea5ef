"""Producing and consuming, for the contract suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import Consumer

from streams.backends.kafka.alerts import read_topic
from streams.backends.kafka.producer import open_producer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streams.backends.kafka.broker import Broker
    from streams.ports import Outgoing, RawMessage
    from streams.topics import Topics

MAX_MESSAGE = 2 * 1024 * 1024


def send(broker: Broker, topics: Topics, messages: Sequence[Outgoing]) -> None:
    with open_producer(broker, topics, MAX_MESSAGE) as producer:
        producer.send(messages)


def read_all(broker: Broker, topic: str) -> list[RawMessage]:
    return list(
        read_topic(broker.bootstrap, broker.security, topic, from_beginning=True, follow=False)
    )


def subscribe(broker: Broker, group: str, topic: str) -> Consumer:
    consumer = Consumer(
        {
            "bootstrap.servers": broker.bootstrap,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 50,
            # librdkafka's cluster lets a group rest this long after a member has left.
            "session.timeout.ms": 6000,
        }
    )
    consumer.subscribe([topic])
    return consumer


def take(consumer: Consumer, count: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield so many messages as partition, offset, value; commits each batch after its last."""
    taken = 0
    while taken < count:
        batch = consumer.consume(min(500, count - taken), 1.0)
        for message in batch:
            assert message.error() is None
            yield message.partition() or 0, message.offset() or 0, message.value() or b""
        if batch:
            consumer.commit(asynchronous=False)
        taken += len(batch)
