"""Read a topic without a consumer group: from its beginning or its end, once or for ever."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from schemas.messages import Origin
from streams.backends.kafka.librdkafka import client_logger, translate
from streams.backends.kafka.security import KafkaSecurity, librdkafka_config
from streams.errors import Misconfigured
from streams.ports import RawMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_POLL_SECONDS = 0.25
_ANSWER_SECONDS = 15.0


def read_topic(
    bootstrap: str,
    security: KafkaSecurity,
    topic: str,
    *,
    from_beginning: bool,
    follow: bool,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[RawMessage]:
    """Yield the messages of a topic, in order within each partition.

    Args:
        bootstrap: addresses of the brokers.
        security: how to speak to them.
        topic: topic to read.
        from_beginning: start at the oldest message that is kept, else at the end.
        follow: wait for more at the end, else stop there.
        stopped: asked several times a second; True ends the iteration.

    Raises:
        Misconfigured: the topic does not exist, or the user may not read it.
        Unavailable: the broker does not answer.
    """
    consumer = open_consumer(bootstrap, security)
    try:
        start = OFFSET_BEGINNING if from_beginning else OFFSET_END
        partitions = topic_partitions(consumer, topic)
        consumer.assign([TopicPartition(topic, one, start) for one in partitions])
        reading = set(partitions)
        while (reading or follow) and not stopped():
            message = consumer.poll(_POLL_SECONDS)
            if message is None:
                continue
            if reached_end(message, f"reading {topic}"):
                reading.discard(message.partition() or 0)
            else:
                yield raw_message(message)
    finally:
        consumer.close()


def open_consumer(bootstrap: str, security: KafkaSecurity) -> Consumer:
    """Return a consumer for manual assignment that reports the end of each partition."""
    return Consumer(
        {
            **librdkafka_config(security),
            "bootstrap.servers": bootstrap,
            # Required by the library; nothing subscribes or commits with it.
            "group.id": f"tidemark-reader-{uuid.uuid4()}",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 100,
        },
        logger=client_logger(),
    )


def topic_partitions(consumer: Consumer, topic: str) -> list[int]:
    """Return the partitions of a topic, in order.

    Raises:
        Misconfigured: there is no such topic.
        Unavailable: the broker does not answer.
    """
    try:
        found = consumer.list_topics(topic, timeout=_ANSWER_SECONDS).topics.get(topic)
    except KafkaException as error:
        raise translate(error, f"reading the partitions of {topic}") from error
    if found is None or not found.partitions:
        raise Misconfigured(f"topic {topic} does not exist: run `tidemark topics create`")
    return sorted(found.partitions)


def reached_end(message: Message, doing: str) -> bool:
    """Tell the end of a partition from a message.

    Raises:
        TidemarkError: it is neither, but an error.
    """
    error = message.error()
    if error is None:
        return False
    if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
        return True
    raise translate(error, doing)


def raw_message(message: Message) -> RawMessage:
    """Copy a message of librdkafka into the neutral record."""
    return RawMessage(
        origin=Origin(
            topic=message.topic() or "",
            partition=message.partition() or 0,
            offset=message.offset() or 0,
            received_at=message.timestamp()[1],
        ),
        key=message.key(),
        value=message.value(),
        headers={name: _header(value) for name, value in dict(message.headers() or ()).items()},
    )


def _header(value: bytes | str | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""
