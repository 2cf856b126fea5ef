"""How far topics reach and how far consumer groups have come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.backends.kafka.librdkafka import client_logger, translate
from streams.backends.kafka.security import KafkaSecurity, librdkafka_config

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

_ANSWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Extent:
    """First offset that is kept and next offset to be written of a partition."""

    topic: str
    partition: int
    low: int
    end: int


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a group has come in a partition; ``committed`` is None before its first commit."""

    topic: str
    partition: int
    committed: int | None
    low: int
    end: int

    @property
    def messages(self) -> int:
        """Messages that the group still has to consume."""
        return max(0, self.end - max(self.low, self.committed or 0))


class OffsetReader:
    """Asks a broker for offsets, without joining any consumer group."""

    def __init__(
        self,
        bootstrap: str,
        security: KafkaSecurity | None = None,
        timeout: float = _ANSWER_SECONDS,
    ) -> None:
        self._config = {
            **librdkafka_config(security or KafkaSecurity()),
            "bootstrap.servers": bootstrap,
            "enable.auto.commit": False,
        }
        self._timeout = timeout
        self._consumers: dict[str, Consumer] = {}

    def partitions(self, topic: str) -> list[int]:
        """Return the partitions of a topic, in order; none where it does not exist.

        Raises:
            Unavailable: the broker does not answer.
        """
        try:
            found = self._consumer("").list_topics(topic, timeout=self._timeout).topics.get(topic)
        except KafkaException as error:
            raise translate(error, f"reading the partitions of {topic}") from error
        return sorted(found.partitions) if found is not None else []

    def extents(self, topics: Sequence[str]) -> list[Extent]:
        """Return the extent of every partition of the topics, in order.

        Raises:
            Unavailable: the broker does not answer.
        """
        return [
            self._extent(topic, partition)
            for topic in topics
            for partition in self.partitions(topic)
        ]

    def committed(self, group: str, topics: Sequence[str]) -> dict[tuple[str, int], int]:
        """Return the committed offsets of a group by topic and partition, where there are any.

        Raises:
            Unavailable: the broker does not answer.
        """
        asked = [TopicPartition(t, p) for t in topics for p in self.partitions(t)]
        if not asked:
            return {}
        try:
            answer = self._consumer(group).committed(asked, timeout=self._timeout)
        except KafkaException as error:
            raise translate(error, f"reading the offsets of group {group}") from error
        return {(one.topic, one.partition): one.offset for one in answer if one.offset >= 0}

    def lag(self, group: str, topics: Sequence[str]) -> list[Lag]:
        """Return how far the group has come in every partition of the topics, in order.

        Raises:
            Unavailable: the broker does not answer.
        """
        # Commits first: an end that is read later can only make the lag larger, never negative.
        committed = self.committed(group, topics)
        return [
            Lag(
                one.topic,
                one.partition,
                committed.get((one.topic, one.partition)),
                one.low,
                one.end,
            )
            for one in self.extents(topics)
        ]

    def close(self) -> None:
        """Release the connections."""
        while self._consumers:
            self._consumers.popitem()[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _extent(self, topic: str, partition: int) -> Extent:
        try:
            marks = self._consumer("").get_watermark_offsets(
                TopicPartition(topic, partition), timeout=self._timeout
            )
        except KafkaException as error:
            raise translate(error, f"reading the offsets of {topic}[{partition}]") from error
        return Extent(topic, partition, *marks)

    def _consumer(self, group: str) -> Consumer:
        if group not in self._consumers:
            # A consumer needs a group id; one that never subscribes never joins it.
            config = {**self._config, "group.id": group or "tidemark-offsets"}
            self._consumers[group] = Consumer(config, logger=client_logger())
        return self._consumers[group]
