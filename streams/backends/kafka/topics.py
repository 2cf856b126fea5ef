"""Create Tidemark's topics, and say where existing ones differ; never change them silently."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from streams.backends.kafka.inprocess import PARTITIONS as IN_PROCESS_PARTITIONS
from streams.backends.kafka.librdkafka import client_logger, kafka_error, translate
from streams.backends.kafka.security import librdkafka_config
from streams.backends.kafka.topic_specs import TopicSpec, topic_limits, topic_specs
from streams.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.backends.kafka.broker import Broker

__all__ = [
    "TopicDifference",
    "TopicSpec",
    "TopicsReport",
    "ensure_topics",
    "topic_limits",
    "topic_specs",
]

_SECONDS = 30.0
_LOOK_AGAIN_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class TopicDifference:
    """A setting of an existing topic that is not as it should be."""

    topic: str
    setting: str
    expected: str
    actual: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.setting} is {self.actual}, should be {self.expected}"


@dataclass(frozen=True, slots=True)
class TopicsReport:
    """What ``ensure_topics`` found and did."""

    created: tuple[str, ...]
    existing: tuple[str, ...]
    differences: tuple[TopicDifference, ...]


def ensure_topics(
    broker: Broker, specs: Sequence[TopicSpec], timeout: float = _SECONDS
) -> TopicsReport:
    """Create what is missing, compare what exists, wait until clients can use all of it.

    Raises:
        Misconfigured: the user may not create topics, or a setting is impossible.
        Unavailable: the broker does not answer in time.
    """
    deadline = time.monotonic() + timeout
    config = {**librdkafka_config(broker.security), "bootstrap.servers": broker.bootstrap}
    client = AdminClient(config, logger=client_logger())
    if broker.kind == "in-process":
        return _ensure_in_process(client, specs, deadline)
    existing = set(_partitions(client, deadline)) & {spec.name for spec in specs}
    created = _create(client, [spec for spec in specs if spec.name not in existing], deadline)
    counts = _wait_for(client, specs, deadline)
    kept = [spec for spec in specs if spec.name not in created]
    return TopicsReport(
        created=tuple(spec.name for spec in specs if spec.name in created),
        existing=tuple(spec.name for spec in kept),
        differences=(
            *_count_differences(kept, counts),
            *_config_differences(client, kept, deadline),
        ),
    )


def _ensure_in_process(
    client: AdminClient, specs: Sequence[TopicSpec], deadline: float
) -> TopicsReport:
    """Name every topic once, which makes it; that cluster knows no settings and one copy."""
    existing = set(_partitions(client, deadline)) & {spec.name for spec in specs}
    for spec in specs:
        client.list_topics(spec.name, timeout=_left(deadline))
    counts = _wait_for(client, specs, deadline)
    return TopicsReport(
        created=tuple(spec.name for spec in specs if spec.name not in existing),
        existing=tuple(spec.name for spec in specs if spec.name in existing),
        differences=tuple(
            TopicDifference(
                spec.name, "partitions", str(spec.partitions), str(IN_PROCESS_PARTITIONS)
            )
            for spec in specs
            if counts[spec.name][0] != spec.partitions
        ),
    )


def _create(client: AdminClient, specs: Sequence[TopicSpec], deadline: float) -> set[str]:
    if not specs:
        return set()
    asked = [
        NewTopic(spec.name, spec.partitions, spec.replication, config=dict(spec.config))
        for spec in specs
    ]
    created = set()
    for name, future in client.create_topics(asked, request_timeout=_left(deadline)).items():
        try:
            future.result()
            created.add(name)
        except KafkaException as error:
            # Another process was faster; the topic is compared like any that exists.
            if kafka_error(error).code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise translate(error, f"creating topic {name}") from error
    return created


def _wait_for(
    client: AdminClient, specs: Sequence[TopicSpec], deadline: float
) -> dict[str, tuple[int, int]]:
    """Wait until every topic is there with a leader for each partition."""
    pause = threading.Event()
    while True:
        counts = _partitions(client, deadline)
        missing = [spec.name for spec in specs if spec.name not in counts]
        if not missing:
            return counts
        if time.monotonic() > deadline:
            raise Unavailable(f"topics {', '.join(missing)} did not appear in time; try again")
        pause.wait(_LOOK_AGAIN_SECONDS)


def _partitions(client: AdminClient, deadline: float) -> dict[str, tuple[int, int]]:
    """Return partitions and replicas of each topic whose partitions all have a leader."""
    try:
        found = client.list_topics(timeout=_left(deadline)).topics
    except KafkaException as error:
        raise translate(error, "reading the topics") from error
    return {
        name: (len(topic.partitions), min(len(p.replicas) for p in topic.partitions.values()))
        for name, topic in found.items()
        if topic.partitions and all(p.leader >= 0 for p in topic.partitions.values())
    }


def _count_differences(
    specs: Sequence[TopicSpec], counts: Mapping[str, tuple[int, int]]
) -> list[TopicDifference]:
    return [
        TopicDifference(spec.name, setting, str(expected), str(actual))
        for spec in specs
        for setting, expected, actual in (
            ("partitions", spec.partitions, counts[spec.name][0]),
            ("replication", spec.replication, counts[spec.name][1]),
        )
        if expected != actual
    ]


def _config_differences(
    client: AdminClient, specs: Sequence[TopicSpec], deadline: float
) -> list[TopicDifference]:
    if not specs:
        return []
    asked = {spec.name: ConfigResource(ResourceType.TOPIC, spec.name) for spec in specs}
    answers = client.describe_configs(list(asked.values()), request_timeout=_left(deadline))
    try:
        actual = {resource.name: future.result() for resource, future in answers.items()}
    except KafkaException as error:
        raise translate(error, "reading the topics' settings") from error
    return [
        TopicDifference(spec.name, name, expected, str(actual[spec.name][name].value))
        for spec in specs
        for name, expected in spec.config.items()
        if actual[spec.name][name].value != expected
    ]


def _left(deadline: float) -> float:
    return max(0.1, deadline - time.monotonic())
