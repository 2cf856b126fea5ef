"""Both embedded brokers, once per session."""

from __future__ import annotations

from tests.support.brokers import broker, in_process, kafka
from tests.support.kafka import kafka_jars

__all__ = ["broker", "in_process", "kafka", "kafka_jars"]
