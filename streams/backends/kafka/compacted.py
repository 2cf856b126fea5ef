"""Read a compacted topic to its end, to restore state."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from streams.backends.kafka.alerts import open_consumer, raw_message, reached_end
from streams.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streams.backends.kafka.security import KafkaSecurity
    from streams.ports import RawMessage

_POLL_SECONDS = 0.25


def read_compacted(
    bootstrap: str,
    security: KafkaSecurity,
    topic: str,
    partitions: Sequence[int],
    timeout: float = 60.0,
) -> Iterator[RawMessage]:
    """Yield the newest value of each key, in the order in which they were written.

    Reads each partition from the beginning to the end that it has when it gets there. A null value
    deletes its key; messages without a key are left out, as compaction would.

    Args:
        bootstrap: addresses of the brokers.
        security: how to speak to them.
        topic: topic to read.
        partitions: partitions to read.
        timeout: seconds for all of it.

    Raises:
        Misconfigured: the topic does not exist, or the user may not read it.
        Unavailable: the end was not reached in time.
    """
    newest: dict[tuple[int, bytes], RawMessage] = {}
    for message in _read_to_end(bootstrap, security, topic, partitions, timeout):
        if message.key is None:
            continue
        # Taken out first, so that the order is that of the newest writes.
        newest.pop((message.origin.partition, message.key), None)
        if message.value is not None:
            newest[message.origin.partition, message.key] = message
    yield from newest.values()


def _read_to_end(
    bootstrap: str,
    security: KafkaSecurity,
    topic: str,
    partitions: Sequence[int],
    timeout: float,
) -> Iterator[RawMessage]:
    deadline = time.monotonic() + timeout
    consumer = open_consumer(bootstrap, security)
    try:
        consumer.assign([TopicPartition(topic, one, OFFSET_BEGINNING) for one in partitions])
        left = set(partitions)
        while left:
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"restoring state from {topic} took longer than {timeout:.0f} s "
                    f"(partitions {sorted(left)} are left): check that the brokers run"
                )
            message = consumer.poll(_POLL_SECONDS)
            if message is None:
                continue
            if reached_end(message, f"restoring state from {topic}"):
                left.discard(message.partition() or 0)
            elif message.partition() in left:
                yield raw_message(message)
    finally:
        consumer.close()
