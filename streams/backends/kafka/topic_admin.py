"""Requests about topics to a cluster, each bounded by one deadline."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewTopic,
    ResourceType,
)

from streams.backends.kafka.librdkafka import client_logger, kafka_error, translate
from streams.backends.kafka.security import librdkafka_config
from streams.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.backends.kafka.broker import Broker
    from streams.backends.kafka.topic_specs import TopicSpec

_LOOK_AGAIN_SECONDS = 0.1
_FORBIDDEN = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED)


class TopicAdmin:
    """An administrator's client with ``timeout`` seconds for everything it does."""

    def __init__(self, broker: Broker, timeout: float) -> None:
        config = {**librdkafka_config(broker.security), "bootstrap.servers": broker.bootstrap}
        self._client = AdminClient(config, logger=client_logger())
        self._deadline = time.monotonic() + timeout

    def counts(self) -> dict[str, tuple[int, int]]:
        """Return partitions and replicas of each topic whose partitions all have a leader.

        Raises:
            Misconfigured: the user or TLS is wrong.
            Unavailable: the broker does not answer.
        """
        try:
            found = self._client.list_topics(timeout=self._left()).topics
        except KafkaException as error:
            raise translate(error, "reading the topics") from error
        return {
            name: (len(topic.partitions), min(len(p.replicas) for p in topic.partitions.values()))
            for name, topic in found.items()
            if topic.partitions and all(p.leader >= 0 for p in topic.partitions.values())
        }

    def wait_for(self, names: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Wait until every topic is there with a leader for each partition; return ``counts``.

        Raises:
            Unavailable: one did not appear in time.
        """
        pause = threading.Event()
        while True:
            counts = self.counts()
            missing = [name for name in names if name not in counts]
            if not missing:
                return counts
            if time.monotonic() > self._deadline:
                raise Unavailable(f"topics {', '.join(missing)} did not appear in time; try again")
            pause.wait(_LOOK_AGAIN_SECONDS)

    def name(self, topic: str) -> None:
        """Ask for a topic by its name, which makes it on a cluster that creates on demand."""
        self._client.list_topics(topic, timeout=self._left())

    def create(self, specs: Sequence[TopicSpec]) -> set[str]:
        """Create topics; return the names of those that nobody else made meanwhile.

        Raises:
            Misconfigured: the user may not, or a setting is impossible.
            Unavailable: the broker does not answer.
        """
        if not specs:
            return set()
        asked = [
            NewTopic(spec.name, spec.partitions, spec.replication, config=dict(spec.config))
            for spec in specs
        ]
        created = set()
        answers = self._client.create_topics(asked, request_timeout=self._left())
        for name, future in answers.items():
            try:
                future.result()
                created.add(name)
            except KafkaException as error:
                code = kafka_error(error).code()
                if code in _FORBIDDEN:
                    raise _not_allowed(name) from error
                # Another process was faster; the topic is compared like any that exists.
                if code != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise translate(error, f"creating topic {name}") from error
        return created

    def settings(self, names: Sequence[str]) -> dict[str, dict[str, ConfigEntry]] | None:
        """Return the settings in force for each topic; None where the user may not see them.

        Raises:
            Unavailable: the broker does not answer.
        """
        if not names:
            return {}
        asked = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        answers = self._client.describe_configs(asked, request_timeout=self._left())
        try:
            return {resource.name: future.result() for resource, future in answers.items()}
        except KafkaException as error:
            if kafka_error(error).code() in _FORBIDDEN:
                return None
            raise translate(error, "reading the topics' settings") from error

    def alter(self, changes: Mapping[str, Mapping[str, str]]) -> None:
        """Set settings of topics, leaving their others alone; wait until the broker shows them.

        The controller answers first; the brokers hear of it a moment later.

        Raises:
            Misconfigured: the user may not, or a value is impossible.
            Unavailable: the broker does not answer, or does not show them in time.
        """
        asked = [
            ConfigResource(
                ResourceType.TOPIC,
                topic,
                incremental_configs=[
                    ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
                    for name, value in settings.items()
                ],
            )
            for topic, settings in changes.items()
        ]
        answers = self._client.incremental_alter_configs(asked, request_timeout=self._left())
        for resource, future in answers.items():
            try:
                future.result()
            except KafkaException as error:
                raise translate(error, f"altering topic {resource.name}") from error
        self._wait_until_set(changes)

    def _wait_until_set(self, changes: Mapping[str, Mapping[str, str]]) -> None:
        pause = threading.Event()
        while (found := self.settings(list(changes))) is not None:
            waiting = [
                f"{topic}: {name}"
                for topic, settings in changes.items()
                for name, value in settings.items()
                if name not in found[topic] or found[topic][name].value != value
            ]
            if not waiting:
                return
            if time.monotonic() > self._deadline:
                raise Unavailable(f"the broker does not show yet what was set: {waiting[0]}")
            pause.wait(_LOOK_AGAIN_SECONDS)

    def _left(self) -> float:
        return max(0.1, self._deadline - time.monotonic())


def is_inherited(entry: ConfigEntry) -> bool:
    """Whether a topic's setting is the broker's and not its own."""
    return ConfigSource(entry.source) is not ConfigSource.DYNAMIC_TOPIC_CONFIG


def _not_allowed(name: str) -> Misconfigured:
    return Misconfigured(
        f"topic {name} is missing, and this user may not create it: let an administrator run "
        "`tidemark topics create`, or create what `tidemark topics create --dry-run` prints"
    )
