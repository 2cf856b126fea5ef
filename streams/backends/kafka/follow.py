"""Follow a topic from where it ends now: nothing that is written afterwards is missed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import KafkaException, TopicPartition

from streams.backends.kafka.alerts import (
    open_consumer,
    raw_message,
    reached_end,
    topic_partitions,
)
from streams.backends.kafka.librdkafka import translate

if TYPE_CHECKING:
    from typing_extensions import Self

    from streams.backends.kafka.broker import Broker
    from streams.ports import RawMessage

_ANSWER_SECONDS = 15.0


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
