"""Topics on a real Apache Kafka that creates on demand and where a user has few rights."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import aiokafka
import pytest
from aiokafka.errors import UnknownTopicOrPartitionError
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from streams.backends.kafka.alerts import read_topic
from streams.backends.kafka.broker import Broker
from streams.backends.kafka.local import start_test_kafka
from streams.backends.kafka.plan import make_plan
from streams.backends.kafka.ports import choose_ports
from streams.backends.kafka.producer import KafkaProducer, ProducerOptions
from streams.backends.kafka.security import KafkaSecurity
from streams.backends.kafka.topic_creation import forbid_creation_on_demand
from streams.backends.kafka.topics import (
    TopicSpec,
    alter_topics,
    check_topics,
    ensure_topics,
    topic_specs,
)
from streams.errors import Misconfigured, TidemarkError
from streams.ports import Outgoing
from streams.topics import Topics
from tests.support.kafka import kafka_jars

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from streams.ports import RawMessage

__all__ = ["kafka_jars"]

pytestmark = pytest.mark.kafka

BOB = KafkaSecurity("SASL_PLAINTEXT", "PLAIN", "bob", "of-bob")
_numbers = itertools.count()


@pytest.fixture(scope="module")
def brokers(
    tmp_path_factory: pytest.TempPathFactory, kafka_jars: Path
) -> Iterator[tuple[Broker, Broker]]:
    """The same broker as an administrator and as bob, who may nothing yet, see it."""
    folder = tmp_path_factory.mktemp("topics")
    (port,) = choose_ports(folder / "login", 1)
    login = f"SASL_PLAINTEXT://127.0.0.1:{port}"
    (node,) = make_plan(folder, 1, None).nodes
    properties = {
        "auto.create.topics.enable": "true",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "listeners": f"PLAINTEXT://127.0.0.1:{node.port},{login},"
        f"CONTROLLER://127.0.0.1:{node.controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{node.port},{login}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,"
        "SASL_PLAINTEXT:SASL_PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl_plaintext.plain.sasl.jaas.config": "org.apache.kafka.common.security"
        '.plain.PlainLoginModule required user_bob="of-bob";',
    }
    with start_test_kafka(folder, jars=kafka_jars, properties=properties) as kafka:
        external = Broker(f"127.0.0.1:{port}", "external", security=BOB)
        yield Broker(kafka.bootstrap, "external"), external


@pytest.fixture
def admin(brokers: tuple[Broker, Broker]) -> Broker:
    return brokers[0]


@pytest.fixture
def bob(brokers: tuple[Broker, Broker]) -> Broker:
    return brokers[1]


@pytest.fixture
def topics() -> Topics:
    return Topics(f"topics-{next(_numbers)}")


def client_of(broker: Broker) -> AdminClient:
    return AdminClient({"bootstrap.servers": broker.bootstrap})


def make(broker: Broker, name: str, partitions: int) -> None:
    """A topic as somebody else makes one, without settings of its own."""
    client = client_of(broker)
    client.create_topics([NewTopic(name, partitions, 1)])[name].result(30)
    ensure_topics(broker, [TopicSpec(name, partitions, 1)])


def allow(broker: Broker, names: tuple[str, ...], *operations: AclOperation) -> None:
    bindings = [
        AclBinding(
            ResourceType.TOPIC, name, ResourcePatternType.LITERAL, "User:bob", "*", operation,
            AclPermissionType.ALLOW,
        )
        for name in names
        for operation in operations
    ]  # fmt: skip
    client = client_of(broker)
    for answer in client.create_acls(bindings).values():
        answer.result(30)


def eventually(claim: Callable[[], bool]) -> None:
    """Wait until the broker has taken new rights in."""
    deadline = time.monotonic() + 30
    pause = threading.Event()
    while not claim():
        assert time.monotonic() < deadline
        pause.wait(0.05)


def test_what_was_created_is_as_it_should_be(admin: Broker, topics: Topics) -> None:
    """Every setting that was asked for is in force on the broker."""
    specs = topic_specs(topics, 3, 1, 2 << 20)
    assert check_topics(admin, specs).missing == topics.all
    assert ensure_topics(admin, specs).created == topics.all
    report = check_topics(admin, specs)
    assert (report.missing, report.differences, report.remarks) == ((), (), ())


def test_settings_that_differ_are_told_and_altered_on_request_only(
    admin: Broker, topics: Topics
) -> None:
    """Starting changes nothing; ``alter`` does, and leaves other settings alone."""
    make(admin, topics.documents, 3)
    specs = topic_specs(topics, 3, 1, 2 << 20)
    for _ in range(2):
        differences = ensure_topics(admin, specs).differences
        told = {str(one) for one in differences}
        assert (
            f"{topics.documents}: max.message.bytes is 33554432 (the broker's default), should be "
            "2097152" in told
        )
        assert {one.topic for one in differences} == {topics.documents}
    alter_topics(admin, differences)
    assert check_topics(admin, specs).differences == ()


def test_topics_that_belong_together_have_as_many_partitions(admin: Broker, topics: Topics) -> None:
    """State is made like the enriched documents; where it is not like them, nobody starts."""
    make(admin, topics.enriched, 6)
    report = ensure_topics(admin, topic_specs(topics, 4, 1, 2 << 20))
    apart = {(one.topic, one.actual) for one in report.differences if one.setting == "partitions"}
    assert (topics.enriched, "6") in apart
    other = Topics(f"{topics.prefix}-apart")
    make(admin, other.enriched, 6)
    make(admin, other.state, 4)
    for look in (ensure_topics, check_topics):
        with pytest.raises(Misconfigured, match=r"enriched has 6 partitions and .*state 4") as told:
            look(admin, topic_specs(other, 4, 1, 2 << 20))
        assert "\n" not in str(told.value)


def test_a_user_with_few_rights_goes_on_where_the_topics_exist(
    admin: Broker, bob: Broker, topics: Topics
) -> None:
    """Where they do not, one line says who can help."""
    specs = topic_specs(topics, 1, 1, 2 << 20)
    with pytest.raises(Misconfigured, match="may not create it") as told:
        ensure_topics(bob, specs)
    assert "\n" not in str(told.value)
    ensure_topics(admin, specs)
    allow(admin, topics.all, AclOperation.READ)
    eventually(lambda: check_topics(bob, specs).missing == ())
    report = ensure_topics(bob, specs)
    assert (report.existing, report.differences) == (topics.all, ())
    assert "DescribeConfigs" in report.remarks[0]
    allow(admin, topics.all, AclOperation.DESCRIBE_CONFIGS)
    eventually(lambda: ensure_topics(bob, specs).remarks == ())
    longer = [replace(s, config={**s.config, "min.insync.replicas": "2"}) for s in specs]
    with pytest.raises(Misconfigured, match="may not"):
        alter_topics(bob, check_topics(bob, longer).differences)


def test_an_impossible_replication_is_told(admin: Broker, topics: Topics) -> None:
    """One broker cannot keep three copies."""
    with pytest.raises(Misconfigured, match="TIDEMARK_REPLICATION"):
        ensure_topics(admin, topic_specs(topics, 1, 3, 2 << 20))


def test_nobody_makes_a_topic_on_demand(admin: Broker, topics: Topics) -> None:
    """Though the broker would: not our producer, no consumer, neither client."""
    options = ProducerOptions(delivery_timeout=1.0)
    producer = KafkaProducer(admin.bootstrap, options=options)
    producer.send([Outgoing(f"{topics.prefix}-producer", None, b"1")])
    with pytest.raises(TidemarkError, match="were not delivered"):
        producer.flush(30)
    with pytest.raises(Misconfigured, match="does not exist"):
        list(_read(admin, f"{topics.prefix}-reader"))
    consumer = Consumer({"bootstrap.servers": admin.bootstrap, "group.id": topics.prefix})
    consumer.subscribe([f"{topics.prefix}-librdkafka"])
    consumer.poll(1.0)
    consumer.close()
    forbid_creation_on_demand()
    asyncio.run(_ask_with_aiokafka(admin.bootstrap, f"{topics.prefix}-aiokafka"))
    made = client_of(admin).list_topics(timeout=30).topics
    assert [name for name in made if name.startswith(topics.prefix)] == []


def test_old_documents_are_not_deleted_before_they_are_read(admin: Broker, topics: Topics) -> None:
    """The broker's clock decides how long a message is kept, not a producer's."""
    ensure_topics(admin, topic_specs(topics, 1, 1, 2 << 20))
    producer = Producer({"bootstrap.servers": admin.bootstrap})
    producer.produce(topics.documents, b"from 1987", timestamp=552_000_000_000)
    assert producer.flush(30) == 0
    (message,) = _read(admin, topics.documents)
    assert message.origin.received_at > 1_700_000_000_000


def _read(broker: Broker, topic: str) -> list[RawMessage]:
    return list(
        read_topic(broker.bootstrap, broker.security, topic, from_beginning=True, follow=False)
    )


async def _ask_with_aiokafka(bootstrap: str, topic: str) -> None:
    consumer = aiokafka.AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id=topic, request_timeout_ms=2000
    )
    try:
        with pytest.raises(UnknownTopicOrPartitionError):
            await consumer.start()
    finally:
        await consumer.stop()
