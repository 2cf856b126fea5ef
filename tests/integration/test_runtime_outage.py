"""A broker that goes: an outage is waited out, the end of an embedded one ends the worker."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from streams.backends.kafka.broker import Broker
from streams.backends.kafka.local import start_test_kafka
from streams.backends.memory import MemoryWarehouse
from streams.runtime import wiring
from streams.runtime.faust_app import AppOptions
from tests.support.brokers import nothing_left, own_settings
from tests.support.commands import environment, running_command
from tests.support.fakes import FakeEnricher
from tests.support.runtime import (
    committed,
    documents,
    fresh_prefix,
    parts_of,
    platform_on,
    publish,
    running,
    settings_for,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from streams.backends.kafka.local import LocalKafka
    from streams.config import Settings

__all__ = ["nothing_left", "own_settings"]

COUNT = 400
BOUND_S = 40
SESSION_S = 6.0
"""The least that Kafka takes."""


def _settings(folder: Path) -> Settings:
    return settings_for(folder / "data", topic_prefix=fresh_prefix("outage"))


async def _kill_and_start(kafka: LocalKafka) -> None:
    await asyncio.to_thread(kafka.nodes[0].kill)
    await asyncio.sleep(1)
    await asyncio.to_thread(kafka.nodes[0].start)
    await asyncio.to_thread(kafka.wait_ready)


async def _stand_still(kafka: LocalKafka) -> None:
    """For longer than a session: when it wakes up, it may take all members for dead."""
    node = psutil.Process(kafka.nodes[0].pid)
    node.send_signal(signal.SIGSTOP)
    await asyncio.sleep(SESSION_S + 2)
    node.send_signal(signal.SIGCONT)


@pytest.mark.kafka
@pytest.mark.parametrize("outage", [_kill_and_start, _stand_still])
async def test_an_outage_is_waited_out(
    outage: Callable[[LocalKafka], Awaitable[None]],
    tmp_path: Path,
    kafka_jars: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A broker that is gone or stands still: all lands, and nothing twice.

    Nothing is read twice either, unless the broker took the member for dead: what that one had read
    and not committed is the next one's.
    """

    def options(**given: Any) -> AppOptions:
        return AppOptions(**{**given, "commit_interval": 0.2, "session_timeout": SESSION_S})

    monkeypatch.setattr(wiring, "AppOptions", options)
    warehouse = MemoryWarehouse()
    pause = threading.Event()

    def dawdle(_texts: object) -> None:
        pause.wait(0.05)

    slow = FakeEnricher(core_hook=dawdle)
    with start_test_kafka(tmp_path / "kafka", jars=kafka_jars) as kafka:
        broker = Broker(kafka.bootstrap, "external")
        platform = platform_on(broker, _settings(tmp_path))
        publish(platform, documents(COUNT))
        async with running(platform, parts_of(warehouse, slow)) as session:
            await session.until(lambda: sum(committed(platform, "enrich").values()) > 0)
            await outage(kafka)
            await session.finish()
    assert len(warehouse.documents) == len(warehouse.deliveries) == COUNT
    assert sum(one.documents for one in warehouse.stats) == COUNT
    assert sum(slow.batches) == COUNT or outage is _stand_still
    assert sum(slow.batches) >= COUNT


def test_the_end_of_a_shared_broker_ends_the_worker(tmp_path: Path) -> None:
    """Exit 1 with a clear line, and soon, although nobody takes what the role still holds."""
    data = tmp_path / "data"
    env = environment(data, kafka="auto")
    owner = ("broker", "--in-process", "--data", str(data))
    with (
        running_command(*owner, env=env, log=tmp_path / "broker.log") as broker,
        ExitStack() as stack,
    ):
        broker.until(lambda: "TIDEMARK_KAFKA=" in broker.output)
        roles = ("worker", "--role", "land")
        worker = stack.enter_context(running_command(*roles, env=env, log=tmp_path / "worker.log"))
        worker.until(lambda: '"event": "ready"' in worker.output)
        broker.signal(signal.SIGKILL)
        assert worker.wait(BOUND_S) == 1
        told = f"is gone: its owner (process {broker.process.pid}) ended"
        assert told in worker.output.splitlines()[-1]
