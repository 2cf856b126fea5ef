"""Brokers, once per session: both embedded ones, and one with TLS and users."""

from __future__ import annotations

import gc
import warnings
from typing import TYPE_CHECKING

import pytest

from tests.support.brokers import broker, in_process, kafka
from tests.support.kafka import kafka_jars
from tests.support.secure_kafka import SecureKafka, secure_kafka

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

_LEFT_BY_AIOKAFKA = (
    "Unclosed AIOKafkaConnection",
    "unclosed transport",
    "loop is closed",
    r"unclosed <socket\.socket .*raddr=",
)
"""Anything else that a test leaves, a file or a listening socket, is an error as ever."""

__all__ = ["broker", "in_process", "kafka", "kafka_jars"]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Collect what a test with a real broker left, when its loop and its log hold it no more."""
    try:
        return (yield)
    finally:
        if item.get_closest_marker("kafka"):
            with warnings.catch_warnings():
                for left in _LEFT_BY_AIOKAFKA:
                    warnings.filterwarnings("ignore", left, ResourceWarning)
                gc.collect()


@pytest.fixture(scope="session")
def secure(kafka_jars: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    """A real Apache Kafka with TLS, client certificates and every SASL mechanism."""
    with secure_kafka(tmp_path_factory.mktemp("secure"), kafka_jars) as found:
        yield found
