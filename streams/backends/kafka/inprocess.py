"""librdkafka's cluster inside this process: for trying out, forgets everything on exit.

It speaks the Kafka protocol on loopback, creates any topic that is asked for with four partitions,
keeps at most 5 MiB per partition and silently evicts what is older, consumed or not. Tidemark's
producers therefore hold back (``flow.py``) and its consumers look for gaps (``gaps.py``).
"""

from __future__ import annotations

from confluent_kafka import KafkaException, Producer

from streams.backends.kafka.librdkafka import silent_logger
from streams.errors import Unavailable

PARTITIONS = 4
"""Partitions of every topic; librdkafka offers no setting for it."""

EVICTION_BYTES = 5 * 1024 * 1024
"""Bytes of a partition beyond which the oldest messages are gone."""

_ANSWER_SECONDS = 10.0


class InProcessCluster:
    """A cluster that lives as long as this object and its process."""

    def __init__(self, nodes: int = 1) -> None:
        """Start it.

        Raises:
            Unavailable: it does not answer.
        """
        config = {"bootstrap.servers": "", "test.mock.num.brokers": nodes}
        self._host: Producer | None = Producer(config, logger=silent_logger())
        try:
            brokers = self._host.list_topics(timeout=_ANSWER_SECONDS).brokers.values()
        except KafkaException as error:
            raise Unavailable(f"librdkafka's in-process cluster does not start: {error}") from error
        self.bootstrap = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)

    def alive(self) -> bool:
        """Whether it has not been stopped."""
        return self._host is not None

    def stop(self) -> None:
        """End it; everything in it is gone."""
        self._host = None
