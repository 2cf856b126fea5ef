"""Fixtures of the runtime's tests: both embedded brokers, a quiet environment, no leftovers."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from streams.backends.kafka.opening import BrokerOptions, open_broker
from streams.logs import _QUIET
from streams.runtime import drift_role, wiring
from streams.runtime.faust_app import AppOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from streams.backends.kafka.broker import Broker

_PATIENCE_S = 10.0
_PASSES = 3  # what one frees may free more


@pytest.fixture(scope="session")
def kafka(kafka_jars: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A real Apache Kafka on this machine."""
    data = tmp_path_factory.mktemp("kafka")
    with open_broker(BrokerOptions("local", data, 24 << 20, jars=kafka_jars)) as broker:
        yield broker


@pytest.fixture(scope="session")
def in_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The cluster of librdkafka in this process."""
    with open_broker(BrokerOptions("in-process", tmp_path_factory.mktemp("broker"))) as broker:
        yield broker


@pytest.fixture(params=["in-process", pytest.param("apache-kafka", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest) -> Broker:
    """One after the other."""
    name = "kafka" if request.param == "apache-kafka" else "in_process"
    found: Broker = request.getfixturevalue(name)
    return found


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Settings of this machine do not leak in; checkpoints and commits are quick."""
    monkeypatch.setattr(drift_role, "_INTERVAL_MS", 200)
    monkeypatch.setattr(wiring, "AppOptions", _quick_commits)
    # Faust gives agents a second to declare tables, of which we have none.
    monkeypatch.setattr("faust.tables.manager.TableManager.sleep", _at_once)
    for name in [name for name in os.environ if name.startswith("TIDEMARK_")]:
        if not name.startswith("TIDEMARK_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def own_logs() -> Iterator[None]:
    """What a command does to logging ends with the test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in _QUIET}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """No test leaves a thread behind: neither a step's, nor a consumer's, nor a sampler's."""
    for name in ("kafka", "in_process"):
        if name in request.fixturenames:
            request.getfixturevalue(name)
    if "collected" in request.fixturenames:
        request.getfixturevalue("collected")  # it ends after this one
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + _PATIENCE_S
    pause = threading.Event()
    while (left := _started_since(before)) and time.monotonic() < deadline:
        pause.wait(0.02)
    if "collected" in request.fixturenames:
        # After the loop and the threads have ended: they hold what is to be collected, and so do
        # the errors in the captured log.
        caplog: pytest.LogCaptureFixture = request.getfixturevalue("collected")
        for record in (*caplog.get_records("setup"), *caplog.get_records("call")):
            record.exc_info = None
        for _ in range(_PASSES):
            gc.collect()
    assert left == [], f"threads that still run: {left}"


@pytest.fixture
def collected(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What a test leaves is collected while its warnings are still its own; by the one above."""
    return caplog


def left_open(test: Callable[..., object]) -> Callable[..., object]:
    """Mark a test whose Faust app cannot end in order; a process ends right after.

    A start that fails leaves the loops of Faust's threads open, and a broker that refuses leaves
    connections in the middle of a login; on a busy machine Faust's threads are cut off in what
    they wait for. Needs the fixture ``collected``.
    """
    cut_off = "(?s)Exception in thread .*CancelledError"
    for ignored in (
        "ignore::pytest.PytestUnraisableExceptionWarning",
        f"ignore:{cut_off}:pytest.PytestUnhandledThreadExceptionWarning",
    ):
        test = pytest.mark.filterwarnings(ignored)(test)
    marked: Callable[..., object] = pytest.mark.usefixtures("collected")(test)
    return marked


def _quick_commits(**options: Any) -> AppOptions:
    return AppOptions(**{**options, "commit_interval": 0.2})


async def _at_once(_service: object, _seconds: float) -> None:
    await asyncio.sleep(0)


def _started_since(before: set[threading.Thread]) -> list[str]:
    # The test's event loop, and with it the default executor, closes after this fixture.
    return sorted(
        thread.name
        for thread in set(threading.enumerate()) - before
        if not thread.name.startswith("asyncio_")
    )
