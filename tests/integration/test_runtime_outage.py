"""A broker that goes: an outage is waited out, the end of an embedded one ends the worker."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from streams.backends.clickhouse import open_warehouse
from streams.backends.kafka.broker import Broker
from streams.backends.kafka.local import start_test_kafka
from streams.backends.memory import MemoryWarehouse
from streams.runtime.service import serving
from streams.runtime.web_port import choose_port
from streams.runtime.worker import WorkerFailed
from streams.topics import ROLES
from tests.support.brokers import nothing_left, own_settings
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
    from pathlib import Path

    from streams.config import Settings

__all__ = ["nothing_left", "own_settings"]

pytestmark = pytest.mark.kafka

COUNT = 400
BOUND_S = 15


def _settings(folder: Path, **changes: object) -> Settings:
    return settings_for(folder / "data", topic_prefix=fresh_prefix("outage"), **changes)


async def test_an_outage_is_waited_out(tmp_path: Path, kafka_jars: Path) -> None:
    """Kill -9 of the broker in mid-stream and its return: everything lands, nothing twice."""
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
            await asyncio.to_thread(kafka.nodes[0].kill)
            await asyncio.sleep(1)
            await asyncio.to_thread(kafka.nodes[0].start)
            await asyncio.to_thread(kafka.wait_ready)
            await session.finish()
    assert len(warehouse.documents) == len(warehouse.deliveries) == COUNT
    assert sum(one.documents for one in warehouse.stats) == COUNT


# aiokafka's own thread trips over the closed connections while it stops.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_the_end_of_an_embedded_broker_ends_the_worker(
    tmp_path: Path, kafka_jars: Path
) -> None:
    """With a clear line, and soon, although nobody takes what the roles still hold."""
    loop = asyncio.get_running_loop()
    settings = _settings(tmp_path)
    warehouse = open_warehouse(settings.clickhouse_url)
    with start_test_kafka(tmp_path / "kafka", jars=kafka_jars) as kafka:
        broker = Broker(kafka.bootstrap, "apache-kafka-local", owner_pid=1)
        platform = platform_on(broker, settings)
        web = choose_port("127.0.0.1", 0)
        publish(platform, documents(COUNT))
        async with serving(platform, parts_of(warehouse), ROLES, web) as running_roles:
            await asyncio.to_thread(kafka.nodes[0].kill)
            with pytest.raises(WorkerFailed, match=r"role all stopped: the broker at .* is gone"):
                await asyncio.wait_for(running_roles.worker.wait(), 30)
            ended = loop.time()
    warehouse.close()
    assert loop.time() - ended < BOUND_S
