"""What Tidemark relies on, over librdkafka's in-process cluster and over a real Apache Kafka."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

import pytest

from streams.backends.kafka.alerts import read_topic
from streams.backends.kafka.compacted import read_compacted
from streams.backends.kafka.gaps import GapCheck
from streams.backends.kafka.offsets import OffsetReader
from streams.backends.kafka.producer import open_producer
from streams.backends.kafka.topics import ensure_topics, topic_specs
from streams.errors import InvalidDocument
from streams.ports import Outgoing
from tests.support.messages import read_all, send, subscribe, take

if TYPE_CHECKING:
    from streams.backends.kafka.broker import Broker
    from streams.topics import Topics

MAX_MESSAGE = 2 * 1024 * 1024


def test_messages_arrive_as_they_were_sent(broker: Broker, topics: Topics) -> None:
    """Key, value and headers are bytes that nobody touches, null included."""
    sent = [
        Outgoing(topics.documents, b"k\x00", b"\xff\x00value", {"h": b"\x01\x02"}),
        Outgoing(topics.documents, b"gone", None),
        Outgoing(topics.documents, None, b"no key"),
    ]
    send(broker, topics, sent)
    received = read_all(broker, topics.documents)
    expected = {(m.key, m.value, tuple(m.headers.items())) for m in sent}
    assert expected == {(m.key, m.value, tuple(m.headers.items())) for m in received}
    assert all(message.origin.received_at > 1_500_000_000_000 for message in received)


@pytest.mark.parametrize(
    ("key", "murmur2"),
    [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536)],
)
def test_a_key_has_the_partition_of_java_clients(
    broker: Broker, topics: Topics, key: bytes, murmur2: int
) -> None:
    """Hashes are those of the tests of Apache Kafka's own ``Utils.murmur2``."""
    send(broker, topics, [Outgoing(topics.documents, key, b"x")])
    (message,) = read_all(broker, topics.documents)
    assert (murmur2 & 0x7FFFFFFF) % 4 == message.origin.partition


def test_order_is_kept_within_a_partition(broker: Broker, topics: Topics) -> None:
    """Messages of one key arrive in the order in which they were sent, offsets without holes."""
    values = [b"%d" % number for number in range(3000)]
    send(broker, topics, [Outgoing(topics.documents, b"one", value) for value in values])
    received = read_all(broker, topics.documents)
    assert values == [message.value for message in received]
    assert list(range(3000)) == [message.origin.offset for message in received]


def test_a_message_at_the_limit_passes_and_a_larger_one_is_refused(
    broker: Broker, topics: Topics
) -> None:
    """The refusal names sizes, leaves the other messages alone, and is known before sending."""
    largest = MAX_MESSAGE - 512 - len(b"large")
    value = random.Random(1).randbytes(largest)
    with open_producer(broker, topics, MAX_MESSAGE) as producer:
        producer.send([Outgoing(topics.documents, b"large", value)])
        refused = Outgoing(topics.documents, b"large", value + b"x")
        assert producer.refusal(refused) is not None
        with pytest.raises(InvalidDocument, match=f"{MAX_MESSAGE - 511} bytes") as caught:
            producer.send([Outgoing(topics.documents, b"fine", b"1"), refused])
        producer.send([Outgoing(topics.documents, b"fine", b"2")])
    assert caught.value.code == "message-too-large"
    assert {value, b"2"} == {message.value for message in read_all(broker, topics.documents)}


def test_committed_offsets_survive_the_consumer(broker: Broker, topics: Topics) -> None:
    """A group goes on where it committed, and the offsets say what is left."""
    send(broker, topics, [Outgoing(topics.documents, b"one", b"%d" % n) for n in range(10)])
    group = topics.group("enrich")
    first = subscribe(broker, group, topics.documents)
    assert [value for _, _, value in take(first, 4)] == [b"0", b"1", b"2", b"3"]
    first.close()
    with OffsetReader(broker.bootstrap) as reader:
        lag = [lag for lag in reader.lag(group, [topics.documents]) if lag.end]
    assert [(one.committed, one.end, one.messages) for one in lag] == [(4, 10, 6)]
    second = subscribe(broker, group, topics.documents)
    assert [b"%d" % n for n in range(4, 10)] == [value for _, _, value in take(second, 6)]
    second.close()


def test_nothing_is_lost_behind_a_slow_consumer(broker: Broker, topics: Topics) -> None:
    """Twice as much as the in-process cluster keeps passes through, without gap or double."""
    noise = random.Random(2).randbytes(1 << 20)
    sent = [b"%d-" % n + noise[n * 31 : n * 31 + 2000] for n in range(20_000)]

    def produce() -> None:
        with open_producer(broker, topics, MAX_MESSAGE) as producer:
            for start in range(0, len(sent), 128):
                producer.send(
                    [
                        Outgoing(topics.documents, value[:8], value)
                        for value in sent[start : start + 128]
                    ]
                )

    sender = threading.Thread(target=produce)
    sender.start()
    consumer = subscribe(broker, topics.group("enrich"), topics.documents)
    gaps, received = GapCheck(), []
    for partition, offset, value in take(consumer, len(sent)):
        gaps.observe(topics.documents, partition, offset)
        received.append(value)
    sender.join()
    consumer.close()
    assert gaps.missing == 0
    assert sorted(sent) == sorted(received)


def test_compacted_state_is_the_newest_of_each_key(broker: Broker, topics: Topics) -> None:
    """Later values win, a null value deletes its key."""
    writes = [(b"a", b"1"), (b"b", b"1"), (b"a", b"2"), (b"b", None), (b"c", b"1")]
    send(broker, topics, [Outgoing(topics.state, key, value) for key, value in writes])
    restored = read_compacted(broker.bootstrap, broker.security, topics.state, range(4))
    assert {one.key: one.value for one in restored} == {b"a": b"2", b"c": b"1"}


def test_reading_from_the_end_shows_only_what_comes_later(broker: Broker, topics: Topics) -> None:
    """A follower does not see older alerts."""
    send(broker, topics, [Outgoing(topics.alerts, b"k", b"old")])
    seen: list[bytes | None] = []
    enough = threading.Event()

    def follow() -> None:
        for message in read_topic(
            broker.bootstrap,
            broker.security,
            topics.alerts,
            from_beginning=False,
            follow=True,
            stopped=enough.is_set,
        ):
            seen.append(message.value)
            enough.set()

    follower = threading.Thread(target=follow)
    follower.start()
    while not enough.is_set():
        send(broker, topics, [Outgoing(topics.alerts, b"k", b"new")])
        enough.wait(0.2)
    follower.join()
    assert {b"new"} == set(seen)


def test_topics_that_exist_are_compared_and_left_alone(
    broker: Broker, topics: Topics, copies: int
) -> None:
    """Creating again creates nothing; another number of partitions is reported, not changed."""
    same = ensure_topics(broker, topic_specs(topics, 4, copies, MAX_MESSAGE))
    assert ((), topics.all, ()) == (same.created, same.existing, same.differences)
    other = ensure_topics(broker, topic_specs(topics, 6, copies, MAX_MESSAGE))
    assert {(name, "partitions", "6", "4") for name in topics.all} == {
        (one.topic, one.setting, one.expected, one.actual) for one in other.differences
    }
    with OffsetReader(broker.bootstrap) as reader:
        assert reader.partitions(topics.documents) == [0, 1, 2, 3]


@pytest.mark.lacks("settings of topics")
@pytest.mark.usefixtures("not_in_process")
def test_topic_settings_are_compared(broker: Broker, topics: Topics, copies: int) -> None:
    """A topic that takes smaller messages than configured is reported."""
    report = ensure_topics(broker, topic_specs(topics, 4, copies, 2 * MAX_MESSAGE))
    settings = {(one.topic, one.setting, one.actual) for one in report.differences}
    assert (topics.documents, "max.message.bytes", str(MAX_MESSAGE)) in settings
    assert topics.state not in {one.topic for one in report.differences}


def test_the_broker_says_what_it_is(broker: Broker) -> None:
    """The start-up line warns where messages do not last."""
    assert broker.owned
    assert broker.alive()
    assert (broker.kind == "in-process") == ("not durable" in broker.describe())
    assert broker.bootstrap in broker.describe()
