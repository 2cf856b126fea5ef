"""Follow a topic from where it ends now: nothing that is written afterwards is missed."""

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
from streams.backends.kafka.offsets import OffsetReader
from streams.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from typing_extensions import Self

    from streams.backends.kafka.broker import Broker
    from streams.ports import RawMessage
    from streams.stages.ledger import Partition

_ANSWER_SECONDS = 15.0
_POLL_SECONDS = 0.25


class Follower:
    """Reads what is written to a topic after this object was made; without a consumer group."""

    def __init__(self, broker: Broker, topic: str) -> None:
        """Note where each partition ends.

        Raises:
            Misconfigured: the topic does not exist.
            Unavailable: the broker does not answer.
        """
        self._topic = topic
        self._consumer = open_consumer(broker.bootstrap, broker.security)
        try:
            partitions = topic_partitions(self._consumer, topic)
            self._consumer.assign([self._end(one) for one in partitions])
        except BaseException:
            self._consumer.close()
            raise

    def take(self, most: int, seconds: float) -> list[RawMessage]:
        """Return the next messages, at most so many; waits at most so long for the first.

        Raises:
            Unavailable: the broker does not answer.
        """
        found = self._consumer.consume(most, seconds)
        doing = f"reading {self._topic}"
        return [raw_message(one) for one in found if not reached_end(one, doing)]

    def close(self) -> None:
        """Release the connection."""
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _end(self, partition: int) -> TopicPartition:
        try:
            _, end = self._consumer.get_watermark_offsets(
                TopicPartition(self._topic, partition), timeout=_ANSWER_SECONDS
            )
        except KafkaException as error:
            raise translate(error, f"reading the end of {self._topic}") from error
        return TopicPartition(self._topic, partition, end)


class TopicLog:
    """Topics between two moments: their ends, and what was written since."""

    def __init__(self, broker: Broker, topics: Sequence[str]) -> None:
        self._broker = broker
        self._topics = topics
        self._reader = OffsetReader(broker.bootstrap, broker.security)

    def ends(self) -> dict[Partition, int]:
        """Return the next offset of each partition.

        Raises:
            Unavailable: the broker does not answer.
        """
        extents = self._reader.extents(self._topics)
        return {(one.topic, one.partition): one.end for one in extents}

    def since(self, starts: Mapping[Partition, int]) -> Iterator[RawMessage]:
        """Yield the messages from these offsets to the ends of now.

        Raises:
            Unavailable: the broker does not answer.
        """
        ends = self.ends()
        wanted = {at: start for at, start in starts.items() if start < ends.get(at, 0)}
        consumer = open_consumer(self._broker.bootstrap, self._broker.security)
        try:
            consumer.assign([TopicPartition(*at, start) for at, start in wanted.items()])
            last = time.monotonic()
            while wanted:
                message = consumer.poll(_POLL_SECONDS)
                if message is None:
                    if time.monotonic() - last > _ANSWER_SECONDS:
                        raise Unavailable(
                            f"reading {', '.join(self._topics)}: no answer; try again"
                        )
                    continue
                last = time.monotonic()
                at = message.topic() or "", message.partition() or 0
                if reached_end(message, "reading what was put back"):
                    wanted.pop(at, None)
                    continue
                if (message.offset() or 0) + 1 >= ends.get(at, 0):
                    wanted.pop(at, None)
                yield raw_message(message)
        finally:
            consumer.close()

    def close(self) -> None:
        """Release the connections."""
        self._reader.close()
