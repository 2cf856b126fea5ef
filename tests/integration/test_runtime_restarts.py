"""Workers that come and go in mid-stream: nothing is lost, nothing done twice for nothing."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from streams.backends.memory import MemoryWarehouse
from tests.support.brokers import nothing_left, own_settings
from tests.support.fakes import FakeEnricher
from tests.support.runtime import (
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

    from streams.backends.kafka.broker import Broker
    from streams.config import Settings

__all__ = ["nothing_left", "own_settings"]

pytestmark = pytest.mark.kafka

COUNT = 500


def _settings(folder: Path) -> Settings:
    return settings_for(folder, topic_prefix=fresh_prefix("restarts"))


def _slow() -> FakeEnricher:
    pause = threading.Event()

    def dawdle(_texts: object) -> None:
        pause.wait(0.12)

    return FakeEnricher(core_hook=dawdle)


def _landed(warehouse: MemoryWarehouse, least: int) -> bool:
    return len(warehouse.documents) >= least


def _check_whole(warehouse: MemoryWarehouse) -> None:
    assert sorted(f"doc-{number}" for number in range(COUNT)) == sorted(
        one.doc_id for one in warehouse.documents
    )
    assert len(warehouse.deliveries) == COUNT
    assert sum(one.documents for one in warehouse.stats) == COUNT


async def test_stops_in_mid_stream(kafka: Broker, tmp_path: Path) -> None:
    """Three workers after another, two of them stopped at work: each document goes through once."""
    settings = _settings(tmp_path)
    warehouse, model = MemoryWarehouse(), _slow()
    publish(platform_on(kafka, settings), documents(COUNT))
    for least in (100, 250):
        platform = platform_on(kafka, settings)
        async with running(platform, parts_of(warehouse, model)) as session:
            await session.until(partial(_landed, warehouse, least))
        assert len(warehouse.documents) < COUNT
    async with running(platform_on(kafka, settings), parts_of(warehouse, model)) as session:
        await session.finish()
    _check_whole(warehouse)
    assert sum(model.batches) == COUNT


async def test_a_second_worker_joins_and_the_first_leaves(kafka: Broker, tmp_path: Path) -> None:
    """Partitions, and the drift state with them, move twice in mid-stream."""
    settings = _settings(tmp_path)
    warehouse = MemoryWarehouse()
    second_model = _slow()
    publish(platform_on(kafka, settings), documents(COUNT))
    first, second = platform_on(kafka, settings), platform_on(kafka, settings)
    async with running(second, parts_of(warehouse, second_model)) as staying:
        async with running(first, parts_of(warehouse, _slow())) as leaving:
            await leaving.until(partial(_landed, warehouse, COUNT // 4))
            assert staying.worker.healthy == leaving.worker.healthy
        await staying.finish()
    _check_whole(warehouse)
    assert sum(second_model.batches) > 0
