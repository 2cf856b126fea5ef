"""State in a compacted topic that has one writer for each partition, whatever stands still.

A worker that stands still for longer than its session (a stopped process, a swapped-out machine)
does not know that another one has taken its partitions over. When it goes on, it may be in the
middle of a checkpoint, and what it writes then would lie over the newer state. Kafka fences such
a writer: each partition's state is written in transactions under one transactional id, and whoever
takes a partition over announces itself under that id before it reads. From then on everything
that an earlier owner writes is refused, and what it had begun is rolled back.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import Producer as Client

from streams.backends.kafka.compacted import read_compacted
from streams.backends.kafka.librdkafka import client_logger, kafka_error, translate
from streams.backends.kafka.producer_options import ProducerOptions, client_config
from streams.backends.kafka.security import librdkafka_config
from streams.errors import StillWaiting, Superseded, Unavailable

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from streams.backends.kafka.broker import Broker
    from streams.ports import Outgoing, Producer, RawMessage

_ANSWER_S = 15.0
_TRANSACTION_S = 60.0
_FENCED = {
    KafkaError._FENCED,  # noqa: SLF001 - their public names
    KafkaError.PRODUCER_FENCED,
    KafkaError.INVALID_PRODUCER_EPOCH,
}


class FencedState:
    """State of a real broker; implements ``streams.ports.StateStore``.

    Args:
        broker: the broker.
        topic: the compacted topic.
        others: deletes what is left in partitions that are not owned, when a source has moved.
        options: limits and times.
    """

    def __init__(
        self, broker: Broker, topic: str, others: Producer, options: ProducerOptions
    ) -> None:
        self._broker = broker
        self._topic = topic
        self._others = others
        self._options = options
        self._writers: dict[int, _Writer] = {}

    def claim(self, partition: int) -> list[RawMessage]:
        """Shut earlier owners of a partition out, then return the newest value of each key.

        Raises:
            Unavailable: the brokers do not answer.
            Misconfigured: the user may not use the transactional id, or the topic.
        """
        self._writers[partition] = _Writer(self._client(partition), self._topic, partition)
        broker = self._broker
        return list(read_compacted(broker.bootstrap, broker.security, self._topic, [partition]))

    def save(self, messages: Sequence[Outgoing]) -> None:
        """Write messages; of each partition all or none. Returns when they are durable.

        Raises:
            Superseded: another worker has claimed a partition since.
            Unavailable: the brokers do not answer; call again with the same messages.
        """
        in_order = sorted(messages, key=lambda one: one.partition or 0)
        for partition, group in groupby(in_order, key=lambda one: one.partition or 0):
            if partition in self._writers:
                self._writers[partition].write(list(group))
            else:
                self._others.send(list(group))
                self._others.flush(_TRANSACTION_S)

    def release(self, partitions: Collection[int]) -> None:
        """Give partitions up; others may have claimed them already."""
        for partition in partitions:
            self._writers.pop(partition, None)

    def _client(self, partition: int) -> Client:
        config = client_config(self._options, reports=False)
        return Client(
            {
                **config,
                **librdkafka_config(self._broker.security),
                "bootstrap.servers": self._broker.bootstrap,
                "transactional.id": f"{self._topic}-{partition}",
                "transaction.timeout.ms": int(_TRANSACTION_S * 1000),
                "delivery.timeout.ms": int(_TRANSACTION_S * 1000),
            },
            logger=client_logger(),
        )


class _Writer:
    """The writer of one partition: one transaction after another.

    A transaction that was not confirmed is finished before the next call begins another: what is
    retried is the commit, not the writing.
    """

    def __init__(self, client: Client, topic: str, partition: int) -> None:
        self._client = client
        self._place = f"the state of partition {partition} in {topic}"
        self._under_way: Sequence[Outgoing] | None = None
        self._lost = False
        try:
            client.init_transactions(_ANSWER_S)
        except KafkaException as error:
            raise self._translated(error, "claiming") from error

    def write(self, messages: Sequence[Outgoing]) -> None:
        if self._under_way is not None and self._under_way != messages:
            self._commit()  # of a caller who did not wait for it
        if self._under_way is None:
            self._begin(messages)
        self._commit()

    def _commit(self) -> None:
        self._check()
        try:
            self._client.commit_transaction(_ANSWER_S)
        except KafkaException as error:
            raise self._given_up(error) from error
        self._under_way = None

    def _check(self) -> None:
        if self._lost:
            raise Superseded(f"writing {self._place}: another worker has taken it over")

    def _begin(self, messages: Sequence[Outgoing]) -> None:
        self._check()
        try:
            self._client.begin_transaction()
            self._under_way = messages
            for one in messages:
                self._client.produce(one.topic, one.value, one.key, one.partition or 0)
                self._client.poll(0)
        except KafkaException as error:
            raise self._given_up(error) from error
        except BufferError as error:
            self._abort()
            raise Unavailable(f"writing {self._place}: the producer's queue is full") from error

    def _given_up(self, error: KafkaException) -> Exception:
        found = kafka_error(error)
        if found.retriable() and not found.txn_requires_abort():
            return StillWaiting(f"writing {self._place}: {found.str()}")
        if found.txn_requires_abort():
            self._abort()
        return self._translated(error, "writing")

    def _abort(self) -> None:
        self._under_way = None
        try:
            self._client.abort_transaction(_ANSWER_S)
        except KafkaException as error:
            raise self._translated(error, "writing") from error

    def _translated(self, error: KafkaException, doing: str) -> Exception:
        found = kafka_error(error)
        if found.code() in _FENCED:
            self._lost = True
            return Superseded(f"{doing} {self._place}: another worker has taken it over")
        return translate(error, f"{doing} {self._place}")


class PlainState:
    """State of the in-process cluster, which knows no transactions; nobody is shut out there."""

    def __init__(self, broker: Broker, topic: str, producer: Producer) -> None:
        self._broker = broker
        self._topic = topic
        self._producer = producer

    def claim(self, partition: int) -> list[RawMessage]:
        """Return the newest value of each key of a partition."""
        broker = self._broker
        return list(read_compacted(broker.bootstrap, broker.security, self._topic, [partition]))

    def save(self, messages: Sequence[Outgoing]) -> None:
        """Write messages; returns when they are durable."""
        self._producer.send(messages)
        self._producer.flush(_TRANSACTION_S)

    def release(self, partitions: Collection[int]) -> None:
        """Do nothing."""
