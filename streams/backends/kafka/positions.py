"""What the ledger asks a broker: which topic it is, how far it reaches, what is in a range."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.backends.kafka.alerts import reached_end
from streams.backends.kafka.librdkafka import client_logger
from streams.backends.kafka.offsets import OffsetReader
from streams.backends.kafka.security import librdkafka_config
from streams.errors import Unavailable
from streams.stages.ledger import Position

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.backends.kafka.broker import Broker
    from streams.stages.ledger import Partition, Range

_SECONDS = 5.0
_POLL_SECONDS = 0.2
_MOST_MESSAGES = 1_000


class KafkaPositions:
    """Offsets of topics and groups, without joining any group; for one thread."""

    def __init__(self, broker: Broker, timeout: float = _SECONDS) -> None:
        self._config = {
            **librdkafka_config(broker.security),
            "bootstrap.servers": broker.bootstrap,
        }
        # That cluster has one life: its address tells one from the next.
        self._identity = broker.bootstrap if broker.kind == "in-process" else None
        self._reader = OffsetReader(broker.bootstrap, broker.security, timeout)
        self._admin: AdminClient | None = None
        self._timeout = timeout

    def generation(self, topic: str) -> str:
        """Return what tells this topic from another one of the same name, as far as can be told."""
        if self._identity is not None:
            return self._identity
        if self._admin is None:
            self._admin = AdminClient(self._config, logger=client_logger())
        try:
            cluster = self._admin.list_topics(topic, timeout=self._timeout).cluster_id
            asked = self._admin.describe_topics(
                TopicCollection([topic]), request_timeout=self._timeout
            )
            return f"{cluster}/{asked[topic].result(self._timeout).topic_id}"
        except (KafkaException, TimeoutError):
            return ""

    def positions(self, group: str, topics: Sequence[str]) -> dict[Partition, Position]:
        """Return how far a group has come in every partition, and how far these reach.

        The commits are read first: an end that is read later only shows more to come.

        Raises:
            Unavailable: the broker does not answer.
        """
        return {
            (lag.topic, lag.partition): Position(lag.committed, lag.low, lag.end)
            for lag in self._reader.lag(group, topics)
        }

    def low(self, topic: str, partition: int) -> int:
        """Return the first offset that a partition keeps.

        Raises:
            Unavailable: the broker does not answer.
        """
        return next(one.low for one in self._reader.extents([topic]) if one.partition == partition)

    def present(self, topic: str, partition: int, offsets: Range) -> list[Range]:
        """Return the offsets of a range that the partition has messages for, in order.

        Reads at most a thousand messages; what lies beyond them is taken to be there.

        Raises:
            Unavailable: the broker does not answer.
        """
        if offsets[1] <= self.low(topic, partition):
            return []
        consumer = self._consumer()
        try:
            consumer.assign([TopicPartition(topic, partition, offsets[0])])
            return self._read(consumer, topic, offsets)
        finally:
            consumer.close()

    def close(self) -> None:
        """Release the connections."""
        self._reader.close()

    def _consumer(self) -> Consumer:
        config = {
            **self._config,
            "group.id": "tidemark-ledger",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            # As the enrich role reads: messages of an aborted transaction are messages, too.
            "isolation.level": "read_uncommitted",
            "fetch.wait.max.ms": 100,
        }
        return Consumer(config, logger=client_logger())

    def _read(self, consumer: Consumer, topic: str, offsets: Range) -> list[Range]:
        first, after = offsets
        found: list[Range] = []
        deadline = time.monotonic() + self._timeout
        for _ in range(_MOST_MESSAGES):
            message = None
            while message is None and time.monotonic() < deadline:
                message = consumer.poll(_POLL_SECONDS)
            if message is None:
                raise Unavailable(f"reading {topic}: the broker does not answer; try again")
            offset = message.offset()
            if reached_end(message, f"reading {topic}") or offset is None or offset >= after:
                return found
            first = offset + 1
            if found and found[-1][1] == offset:
                found[-1] = (found[-1][0], first)
            else:
                found.append((offset, first))
        return [*found, (first, after)] if first < after else found
