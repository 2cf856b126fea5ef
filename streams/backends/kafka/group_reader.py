"""A consumer group read by a thread of its own, outside the roles."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, KafkaException

from streams.backends.kafka.alerts import raw_message, reached_end
from streams.backends.kafka.librdkafka import client_logger, translate
from streams.backends.kafka.offsets import OffsetReader
from streams.backends.kafka.security import librdkafka_config
from streams.errors import TidemarkError

if TYPE_CHECKING:
    from streams.backends.kafka.broker import Broker
    from streams.ports import RawMessage


class GroupReader:
    """Reads a topic as a member of a group; for one thread.

    Args:
        broker: where the topic is.
        topic: its name.
        group: its offsets are this group's; they are committed by ``commit`` alone.
        beside: the group that this one accompanies: where it has no offset, it begins where that
            one stands, else with the oldest message.
    """

    def __init__(self, broker: Broker, topic: str, group: str, beside: str) -> None:
        self._broker = broker
        self._topic = topic
        self._beside = beside
        self._consumer = Consumer(
            {
                **librdkafka_config(broker.security),
                "bootstrap.servers": broker.bootstrap,
                "group.id": group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 100,
                "session.timeout.ms": 10_000,
                "heartbeat.interval.ms": 3_000,
                # The reader may be slow; when it hangs, others take its partitions.
                "max.poll.interval.ms": 600_000,
                "queued.max.messages.kbytes": 16_384,
            },
            logger=client_logger(),
        )
        self._consumer.subscribe([topic], on_assign=self._assigned)

    def take(self, most: int, seconds: float) -> list[RawMessage]:
        """Return the next messages, at most so many; waits at most so long for the first.

        Raises:
            TidemarkError: the broker does not answer, or refuses.
        """
        doing = f"reading {self._topic}"
        found = self._consumer.consume(most, seconds)
        return [raw_message(one) for one in found if not reached_end(one, doing)]

    def commit(self) -> None:
        """Commit all that was taken.

        Raises:
            TidemarkError: the broker does not answer, or the group is in a rebalance, which goes on
                with the next ``take``: what is not committed is taken again, by whoever owns it.
        """
        try:
            self._consumer.commit(asynchronous=False)
        except KafkaException as error:
            raise translate(error, f"committing offsets of {self._topic}") from error

    def close(self) -> None:
        """Leave the group and release the connection."""
        self._consumer.close()

    def _assigned(self, consumer: Any, partitions: list[Any]) -> None:
        with suppress(KafkaException, TidemarkError):  # then with the oldest message
            self._place(consumer, partitions)
        consumer.assign(partitions)

    def _place(self, consumer: Any, partitions: list[Any]) -> None:
        known = {one.partition: one.offset for one in consumer.committed(partitions, timeout=10.0)}
        if all(offset >= 0 for offset in known.values()):
            return
        with OffsetReader(self._broker.bootstrap, self._broker.security) as reader:
            starts = reader.committed(self._beside, [self._topic])
        for one in partitions:
            if known.get(one.partition, -1) < 0:
                one.offset = starts.get((self._topic, one.partition), one.offset)
