"""How far the roles have come: offsets of their consumer groups, and waiting for all of it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streams.backends.kafka.librdkafka import silent_logger
from streams.topics import ROLES
from tests.fault.worker import HarnessFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.topics import Role, Topics

_LOOK_S = 0.5
_ANSWER_S = 5.0


@dataclass(frozen=True, slots=True)
class Standing:
    """Messages that each role has committed, and that it still has to consume."""

    committed: dict[Role, int]
    lag: dict[Role, int]

    @property
    def drained(self) -> bool:
        """Whether nothing is left to do."""
        return not any(self.lag.values())


class Offsets:
    """Asks the broker, few times for all partitions together.

    Args:
        bootstrap: addresses of the brokers.
        topics: names.
        partitions: of each topic.
    """

    def __init__(self, bootstrap: str, topics: Topics, partitions: int) -> None:
        self._topics = topics
        self._partitions = range(partitions)
        self._config = {"bootstrap.servers": bootstrap, "reconnect.backoff.max.ms": 500}
        self._alone = threading.Lock()  # the sampler's thread asks, too
        self._connect()

    def _connect(self) -> None:
        self._admin = AdminClient(self._config, logger=silent_logger())
        # Not the admin client's question for groups: librdkafka ends the process (a segmentation
        # fault in rd_kafka_cgrp_op) when a coordinator that moves or dies refuses it.
        self._consumers = {
            role: Consumer(
                {**self._config, "group.id": self._topics.group(role), "enable.auto.commit": False},
                logger=silent_logger(),
            )
            for role in ROLES
        }

    def standing(self) -> Standing | None:
        """Return where the roles are; None while the broker is away."""
        with self._alone:
            return self._asked()

    def _asked(self) -> Standing | None:
        try:
            # Commits first: an end that is read later can only make the lag larger.
            committed = {role: self._committed(role) for role in ROLES}
            ends = self._ends()
        except KafkaException:
            # New clients: one that has asked a broker in its last moment may wait for ever.
            for consumer in self._consumers.values():
                consumer.close()
            self._connect()
            return None
        lag = {
            role: sum(
                max(0, end - committed[role].get(place, 0))
                for place, end in ends.items()
                if place[0] in self._topics.consumed_by(role)
            )
            for role in ROLES
        }
        return Standing({role: sum(found.values()) for role, found in committed.items()}, lag)

    def _committed(self, role: Role) -> dict[tuple[str, int], int]:
        asked = [
            TopicPartition(topic, one)
            for topic in self._topics.consumed_by(role)
            for one in self._partitions
        ]
        found = self._consumers[role].committed(asked, timeout=_ANSWER_S)
        return {(one.topic, one.partition): one.offset for one in found if one.offset >= 0}

    def _ends(self) -> dict[tuple[str, int], int]:
        consumed = {topic for role in ROLES for topic in self._topics.consumed_by(role)}
        places = [TopicPartition(topic, one) for topic in consumed for one in self._partitions]
        asked: Any = dict.fromkeys(places, OffsetSpec.latest())
        admin: Any = self._admin  # its stubs want an argument that it does not need
        answer = admin.list_offsets(asked, request_timeout=_ANSWER_S)
        return {(tp.topic, tp.partition): future.result().offset for tp, future in answer.items()}

    def drain(
        self,
        patience: float,
        evidence: Callable[[], str],
        tell: Callable[[Standing], object] = lambda _: None,
    ) -> Standing:
        """Wait until committed offsets are the end offsets, at two looks one after the other.

        Args:
            patience: seconds without any progress after which it is given up.
            evidence: what to show then.
            tell: called at every look.

        Raises:
            HarnessFailed: the roles do not get on.
        """
        moved, before, drained = time.monotonic(), None, 0
        pause = threading.Event()
        while drained < 2:
            standing = self.standing()
            if standing is not None:
                tell(standing)
                drained = drained + 1 if standing.drained else 0
                if standing != before:
                    moved, before = time.monotonic(), standing
            if time.monotonic() - moved > patience:
                raise HarnessFailed(
                    f"no progress for {patience:g} s; {before}; logs end with\n{evidence()}"
                )
            pause.wait(_LOOK_S)
        assert before is not None
        return before

    def until(self, claim: Callable[[Standing], bool], seconds: float, what: str) -> Standing:
        """Wait until a claim about the roles holds.

        Raises:
            HarnessFailed: it does not in time.
        """
        deadline = time.monotonic() + seconds
        pause = threading.Event()
        while True:
            standing = self.standing()
            if standing is not None and claim(standing):
                return standing
            if time.monotonic() > deadline:
                raise HarnessFailed(f"{what} did not happen within {seconds:g} s: {standing}")
            pause.wait(_LOOK_S)
