"""Read the newest messages of a topic."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException, TopicPartition

from streams.backends.kafka.alerts import (
    open_consumer,
    raw_message,
    reached_end,
    topic_partitions,
)
from streams.backends.kafka.librdkafka import translate
from streams.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confluent_kafka import Consumer

    from streams.backends.kafka.security import KafkaSecurity
    from streams.ports import RawMessage

_POLL_SECONDS = 0.25


def read_tail(
    bootstrap: str, security: KafkaSecurity, topic: str, most: int, timeout: float = 30.0
) -> Iterator[RawMessage]:
    """Yield at most so many of the newest messages of each partition, up to the present end.

    Args:
        bootstrap: addresses of the brokers.
        security: how to speak to them.
        topic: topic to read.
        most: messages of each partition.
        timeout: seconds for all of it.

    Raises:
        Misconfigured: the topic does not exist, or the user may not read it.
        Unavailable: the end was not reached in time.
    """
    deadline = time.monotonic() + timeout
    consumer = open_consumer(bootstrap, security)
    try:
        starts = _starts(consumer, topic, most, timeout)
        consumer.assign(starts)
        left = {one.partition for one in starts}
        while left:
            if time.monotonic() > deadline:
                raise Unavailable(f"reading the end of {topic} took longer than {timeout:.0f} s")
            message = consumer.poll(_POLL_SECONDS)
            if message is None:
                continue
            if reached_end(message, f"reading the end of {topic}"):
                left.discard(message.partition() or 0)
            elif message.partition() in left:
                yield raw_message(message)
    finally:
        consumer.close()


def _starts(consumer: Consumer, topic: str, most: int, timeout: float) -> list[TopicPartition]:
    starts = []
    for partition in topic_partitions(consumer, topic):
        place = TopicPartition(topic, partition)
        try:
            low, end = consumer.get_watermark_offsets(place, timeout=timeout)
        except KafkaException as error:
            raise translate(error, f"reading the extent of {topic}") from error
        starts.append(TopicPartition(topic, partition, max(low, end - most)))
    return starts
