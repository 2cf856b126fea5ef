"""The producer when the broker fails it."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from streams.backends.kafka.broker import Broker
from streams.backends.kafka.inprocess import InProcessCluster
from streams.backends.kafka.librdkafka import translate, worst
from streams.backends.kafka.producer import Counted, KafkaProducer, ProducerOptions
from streams.backends.kafka.topics import TopicSpec, ensure_topics
from streams.errors import InvalidDocument, Misconfigured, Unavailable
from streams.ports import Outgoing

NOBODY = "127.0.0.1:1"


def test_an_unanswered_flush_is_unavailable() -> None:
    """The line says how many messages and how long."""
    producer = KafkaProducer(NOBODY, options=ProducerOptions(delivery_timeout=60))
    producer.send([Outgoing("topic", b"k", b"v"), Outgoing("topic", b"k", b"v")])
    with pytest.raises(Unavailable, match=r"2 message\(s\) were not acknowledged within 0 s"):
        producer.flush(0.1)


def test_a_failed_delivery_is_raised_at_flush() -> None:
    """Once: the next flush has nothing to complain about."""
    producer = KafkaProducer(NOBODY, options=ProducerOptions(delivery_timeout=1.0))
    producer.send([Outgoing("topic", b"k", b"v")])
    with pytest.raises(Unavailable, match=r"1 message\(s\) were not delivered"):
        producer.flush(30)
    producer.flush(1)


def test_what_was_handed_over_is_counted() -> None:
    """Messages and bytes of key, value and headers, by topic."""
    cluster = InProcessCluster()
    broker = Broker(cluster.bootstrap, "in-process")
    ensure_topics(broker, [TopicSpec("a", 4, 1), TopicSpec("b", 4, 1)])
    with KafkaProducer(cluster.bootstrap) as producer:
        producer.send([Outgoing("a", b"key", b"value", {"h": b"12"}), Outgoing("a", None, None)])
        producer.send([Outgoing("b", None, b"1")])
        assert {"a": Counted(2, 11), "b": Counted(1, 1)} == producer.counts
    cluster.stop()


def test_a_missing_topic_is_not_made_by_sending() -> None:
    """A topic that is made on demand would have the broker's settings instead of Tidemark's."""
    cluster = InProcessCluster()
    producer = KafkaProducer(cluster.bootstrap, options=ProducerOptions(delivery_timeout=0.5))
    producer.send([Outgoing("nowhere", None, b"1")])
    with pytest.raises(Unavailable, match="were not delivered"):
        producer.flush(30)
    client = AdminClient({"bootstrap.servers": cluster.bootstrap})
    assert "nowhere" not in client.list_topics(timeout=10).topics
    cluster.stop()


def test_limits_are_those_of_the_topic() -> None:
    """A dead letter may be larger than the document that it holds."""
    options = ProducerOptions(limits={"small": 2000, "large": 4000}, default_limit=3000)
    producer = KafkaProducer(NOBODY, options=options)
    sizes = {
        topic: producer.refusal(Outgoing(topic, None, bytes(3000))) is None
        for topic in ("small", "other", "large")
    }
    assert sizes == {"small": False, "other": False, "large": True}
    with pytest.raises(InvalidDocument, match="message of 3000 bytes; topic small takes 1488"):
        producer.send([Outgoing("small", None, bytes(3000))])


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (KafkaError.MSG_SIZE_TOO_LARGE, Misconfigured),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, Misconfigured),
        (KafkaError._AUTHENTICATION, Misconfigured),
        (KafkaError._TRANSPORT, Unavailable),
        (KafkaError.NOT_ENOUGH_REPLICAS, Unavailable),
        (KafkaError._MSG_TIMED_OUT, Unavailable),
    ],
)
def test_errors_are_named_by_their_consequence(code: int, kind: type[Exception]) -> None:
    """Either trying again can help, or it cannot."""
    assert type(translate(KafkaException(KafkaError(code)), "sending")) is kind


def test_the_telling_error_comes_first() -> None:
    """Behind 'all brokers are down' there is often a wrong password."""
    down = KafkaError(KafkaError._ALL_BROKERS_DOWN)
    lost = KafkaError(KafkaError._TRANSPORT)
    denied = KafkaError(KafkaError._AUTHENTICATION)
    assert denied == worst([down, lost, denied])
    assert lost == worst([down, lost])
    assert worst([]) is None
