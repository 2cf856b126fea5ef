"""Fixtures for tests that need a real Apache Kafka; import them, or name this module a plugin."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from streams.backends.kafka.jars import provide_jars
from streams.backends.kafka.java import find_java
from streams.errors import TidemarkError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def kafka_jars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with Apache Kafka's jars, kept between sessions; skips without Java, not in CI."""
    cache = tmp_path_factory.getbasetemp().parent / "tidemark-kafka"
    try:
        find_java(os.environ)
        provide_jars(cache, os.environ)
    except TidemarkError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    return cache
