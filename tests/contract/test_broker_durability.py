"""What only a real Apache Kafka does: durability, limits, look-ups by time, retention, compaction.

The in-process cluster's lacks are strict xfails: the day it can, a test says so.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import TYPE_CHECKING

import aiokafka
import pytest
from aiokafka.structs import TopicPartition as AioPartition
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.backends.kafka.gaps import GapCheck
from streams.backends.kafka.offsets import OffsetReader
from streams.backends.kafka.producer import open_producer
from streams.backends.kafka.topics import TopicSpec, ensure_topics
from streams.ports import Outgoing
from tests.support.messages import read_all, send, subscribe, take

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.backends.kafka.broker import Broker
    from streams.backends.kafka.local import LocalKafka
    from streams.topics import Topics

MAX_MESSAGE = 2 * 1024 * 1024
_PATIENCE_S = 60.0


def eventually(claim: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not claim():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.1)
    return True


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_any_compression_is_read_by_both_clients(
    broker: Broker, topics: Topics, codec: str
) -> None:
    """Producers of others choose theirs; librdkafka and aiokafka read all of them."""
    producer = Producer(
        {"bootstrap.servers": broker.bootstrap, "compression.type": codec, "linger.ms": 50}
    )
    values = [b"%d " % number * 100 for number in range(20)]
    for value in values:
        producer.produce(topics.documents, value, b"key", partition=1)
    assert producer.flush(30) == 0
    assert [message.value for message in read_all(broker, topics.documents)] == values
    assert asyncio.run(_read_with_aiokafka(broker.bootstrap, topics.documents, 20)) == values


@pytest.mark.lacks("a limit on messages")
@pytest.mark.usefixtures("not_in_process")
def test_the_broker_itself_refuses_what_is_too_large(broker: Broker, topics: Topics) -> None:
    """A producer of others meets the topic's limit."""
    producer = Producer({"bootstrap.servers": broker.bootstrap, "message.max.bytes": 10_000_000})
    failures: list[int] = []
    producer.produce(
        topics.documents,
        os.urandom(MAX_MESSAGE + 1),
        on_delivery=lambda error, _message: failures.append(error.code() if error else 0),
    )
    assert producer.flush(30) == 0
    assert failures == [KafkaError.MSG_SIZE_TOO_LARGE]


@pytest.mark.lacks("look-ups by time")
@pytest.mark.usefixtures("not_in_process")
def test_offsets_are_found_by_time(broker: Broker, topics: Topics) -> None:
    """The first message at or after a moment, by the broker's clock; none after the last."""
    for value in (b"0", b"1"):
        send(broker, topics, [Outgoing(topics.documents, b"k", value, partition=2)])
        threading.Event().wait(0.01)
    times = [message.origin.received_at for message in read_all(broker, topics.documents)]
    assert times == sorted(times)
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "times"})
    asked = [TopicPartition(topics.documents, 2, moment) for moment in (times[0], times[1])]
    found = [consumer.offsets_for_times([one], timeout=30)[0].offset for one in asked]
    (late,) = consumer.offsets_for_times(
        [TopicPartition(topics.documents, 2, times[1] + 3_600_000)], timeout=30
    )
    consumer.close()
    assert (found, late.offset) == ([0, 1], -1)


@pytest.mark.lacks("deletion of records")
@pytest.mark.usefixtures("not_in_process")
def test_what_was_deleted_before_it_was_read_is_a_gap(broker: Broker, topics: Topics) -> None:
    """Retention that overtakes a consumer is seen, in front of its first message too."""
    sent = [Outgoing(topics.documents, b"k", b"%d" % n, partition=0) for n in range(10)]
    send(broker, topics, sent)
    first = subscribe(broker, topics.group("enrich"), topics.documents)
    assert [value for _, _, value in take(first, 3)] == [b"0", b"1", b"2"]
    first.close()
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    for future in admin.delete_records([TopicPartition(topics.documents, 0, 7)]).values():
        future.result(30)
    with OffsetReader(broker.bootstrap) as reader:
        lag = [one for one in reader.lag(topics.group("enrich"), [topics.documents]) if one.end]
    assert [(one.committed, one.low, one.end, one.messages) for one in lag] == [(3, 7, 10, 3)]
    gaps = GapCheck()
    gaps.start(topics.documents, 0, 3)
    second = subscribe(broker, topics.group("enrich"), topics.documents)
    for partition, offset, _ in take(second, 3):
        gaps.observe(topics.documents, partition, offset)
    second.close()
    assert gaps.missing == 4


@pytest.mark.lacks("compaction")
@pytest.mark.usefixtures("not_in_process")
def test_compaction_leaves_the_newest_of_each_key(
    broker: Broker, topics: Topics, cluster: LocalKafka | None, copies: int
) -> None:
    """Older values of a key go, so that a restart need not read them."""
    name = f"{topics.prefix}.compacted"
    config = {
        "cleanup.policy": "compact",
        "segment.bytes": str(1 << 20),
        "min.cleanable.dirty.ratio": "0.01",
        "max.message.bytes": str(MAX_MESSAGE),
    }
    ensure_topics(broker, [TopicSpec(name, 1, copies, config)])
    large = os.urandom(600_000)
    with open_producer(broker, topics, MAX_MESSAGE) as producer:
        for number in range(6):
            producer.send([Outgoing(name, b"a", b"%d" % number + large)])
            producer.flush(60)
        producer.send([Outgoing(name, b"b", b"last")])
    patience = 0.5 if cluster is None else _PATIENCE_S
    assert eventually(lambda: len(read_all(broker, name)) < 7, patience)
    newest = {message.key: (message.value or b"")[:1] for message in read_all(broker, name)}
    assert newest == {b"a": b"5", b"b": b"l"}


@pytest.mark.lacks("durability")
@pytest.mark.usefixtures("not_in_process")
def test_messages_and_commits_survive_a_restart(
    broker: Broker, topics: Topics, cluster: LocalKafka | None
) -> None:
    """Every node is stopped and started, one after the other."""
    assert cluster is not None, "the in-process cluster ends with its process"
    sent = [Outgoing(topics.documents, b"k", b"%d" % n, partition=0) for n in range(10)]
    send(broker, topics, sent)
    group = topics.group("enrich")
    first = subscribe(broker, group, topics.documents)
    assert len(list(take(first, 4))) == 4
    first.close()
    restart(cluster)
    second = subscribe(broker, group, topics.documents)
    assert [value for _, _, value in take(second, 6)] == [b"%d" % n for n in range(4, 10)]
    second.close()


@pytest.mark.lacks("restarts")
@pytest.mark.usefixtures("not_in_process")
def test_a_killed_broker_neither_loses_nor_doubles(
    broker: Broker, topics: Topics, cluster: LocalKafka | None
) -> None:
    """Our producer is idempotent: kill -9 in mid-stream leaves each message once, in order."""
    assert cluster is not None, "the in-process cluster ends with its process"
    values = [b"%06d" % number + bytes(500) for number in range(6000)]
    with open_producer(broker, topics, MAX_MESSAGE) as producer:
        for start in range(0, len(values), 200):
            if start == 1000:
                cluster.nodes[0].kill()
            producer.send(
                [Outgoing(topics.documents, b"k", one) for one in values[start : start + 200]]
            )
        cluster.nodes[0].start()
        producer.flush(_PATIENCE_S)
    cluster.wait_ready()
    assert [message.value for message in read_all(broker, topics.documents)] == values


def restart(cluster: LocalKafka) -> None:
    """Stop every node and start it again, one after the other."""
    for node in cluster.nodes:
        node.stop()
        node.start()
        cluster.wait_ready()


async def _read_with_aiokafka(bootstrap: str, topic: str, count: int) -> list[bytes]:
    consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([AioPartition(topic, 1)])
        await consumer.seek_to_beginning()
        return [(await asyncio.wait_for(consumer.getone(), 60)).value for _ in range(count)]
    finally:
        await consumer.stop()
