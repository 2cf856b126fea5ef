"""Both embedded brokers, started once per session for the contract suite."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from streams.backends.kafka.opening import BrokerOptions, open_broker
from streams.backends.kafka.topics import ensure_topics, topic_specs
from streams.topics import Topics
from tests.support.kafka import kafka_jars

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.backends.kafka.broker import Broker

__all__ = ["kafka_jars"]

_prefixes = itertools.count()


@pytest.fixture(
    scope="session",
    params=["in-process", pytest.param("apache-kafka-local", marks=pytest.mark.kafka)],
)
def broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    """A broker of each kind."""
    data = tmp_path_factory.mktemp(request.param)
    if request.param == "in-process":
        options = BrokerOptions("in-process", data)
    else:
        options = BrokerOptions("local", data, jars=request.getfixturevalue("kafka_jars"))
    with open_broker(options) as running:
        yield running


@pytest.fixture
def topics(broker: Broker) -> Topics:
    """Fresh topics with four partitions, for messages of up to 2 MiB."""
    names = Topics(prefix=f"contract-{next(_prefixes)}")
    ensure_topics(broker, topic_specs(names, 4, 1, 2 * 1024 * 1024))
    return names
