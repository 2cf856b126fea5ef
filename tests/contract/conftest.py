"""The embedded brokers and a ClickHouse server, started once per session."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

import pytest

from streams.backends.kafka.broker import Broker
from streams.backends.kafka.local import LocalKafka, start_test_kafka
from streams.backends.kafka.opening import BrokerOptions, open_broker
from streams.backends.kafka.topics import ensure_topics, topic_specs
from streams.topics import Topics
from tests.support.clickhouse_server import running_clickhouse
from tests.support.kafka import kafka_jars

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.clickhouse_server import ClickHouseServer

__all__ = ["kafka_jars"]

_prefixes = itertools.count()
_NODES = {"one-node": 1, "three-nodes": 3}
# Tests wait for the cleaner.
_PROPERTIES = {"log.cleaner.backoff.ms": "100", "log.initial.task.delay.ms": "100"}


@pytest.fixture(
    scope="session",
    params=["in-process", *(pytest.param(name, marks=pytest.mark.kafka) for name in _NODES)],
)
def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalKafka | None]:
    """An Apache Kafka of one and of three nodes; None stands for the in-process cluster."""
    nodes = _NODES.get(request.param)
    if nodes is None:
        yield None
        return
    folder = tmp_path_factory.mktemp(request.param)
    jars = request.getfixturevalue("kafka_jars")
    with start_test_kafka(folder, nodes=nodes, jars=jars, properties=_PROPERTIES) as kafka:
        yield kafka
    assert not kafka.alive()
    closed = list(folder.glob("data/node-*/.kafka_cleanshutdown"))
    assert len(closed) == nodes, "a broker did not close its logs in order"


@pytest.fixture(scope="session")
def broker(
    cluster: LocalKafka | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    """A broker of each kind."""
    if cluster is None:
        with open_broker(BrokerOptions("in-process", tmp_path_factory.mktemp("broker"))) as running:
            yield running
    else:
        pid = os.getpid()
        yield Broker(cluster.bootstrap, "apache-kafka-local", owner_pid=pid, backend=cluster)


@pytest.fixture(scope="session")
def copies(cluster: LocalKafka | None) -> int:
    """Replicas of topics: as many as there are nodes."""
    return len(cluster.nodes) if cluster else 1


@pytest.fixture
def topics(broker: Broker, copies: int) -> Topics:
    """Fresh topics with four partitions, for messages of up to 2 MiB."""
    names = Topics(prefix=f"contract-{next(_prefixes)}")
    ensure_topics(broker, topic_specs(names, 4, copies, 2 * 1024 * 1024))
    return names


@pytest.fixture
def not_in_process(cluster: LocalKafka | None, request: pytest.FixtureRequest) -> None:
    """The test shows what librdkafka's cluster cannot do; the mark ``lacks`` says what."""
    if cluster is None:
        reason = request.node.get_closest_marker("lacks").args[0]
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))


@pytest.fixture(scope="session")
def one_clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseServer]:
    """A server that all tests of the session share; ask for ``clickhouse_server``."""
    with running_clickhouse(tmp_path_factory.mktemp("server") / "clickhouse") as server:
        yield server


@pytest.fixture
def clickhouse_server(one_clickhouse: ClickHouseServer) -> Iterator[ClickHouseServer]:
    """The server, well at the beginning and at the end."""
    one_clickhouse.heal()
    yield one_clickhouse
    one_clickhouse.heal()
