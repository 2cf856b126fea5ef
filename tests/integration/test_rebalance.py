"""Partitions that change hands in mid-stream: bounded work, and no commit of what is not done."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread

from streams.backends.memory import MemoryWarehouse
from streams.errors import Unavailable
from streams.runtime import faust_app, wiring
from streams.runtime.faust_app import AppOptions
from tests.support.brokers import nothing_left, own_settings
from tests.support.fakes import FakeEnricher
from tests.support.flaky import FlakyWarehouse
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
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from streams.backends.kafka.broker import Broker
    from streams.ports import Text
    from streams.runtime.platform import Platform
    from tests.support.runtime import Sent, Session

__all__ = ["nothing_left", "own_settings"]

pytestmark = pytest.mark.kafka

COUNT = 400
LONG_S = 9.0
"""Over a session of 6 s, the least that Kafka takes."""
EVERY_ID = sorted(f"doc-{number}" for number in range(COUNT))


def _platforms(broker: Broker, folder: Path, count: int) -> list[Platform]:
    settings = settings_for(folder, topic_prefix=fresh_prefix("rebalance"), batch_documents=8)
    return [platform_on(broker, settings) for _ in range(count)]


def _options(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    def build(**options: Any) -> AppOptions:
        return AppOptions(**{**options, "commit_interval": 0.2, **changes})

    monkeypatch.setattr(wiring, "AppOptions", build)


class _Watched:
    """Remembers which documents went through the model, and judges every commit by it."""

    def __init__(self, sent: Sequence[Sent]) -> None:
        self._texts = {one.place[1:]: number for number, one in enumerate(sent)}
        self._done: set[int] = set()
        self.early: list[tuple[int, int]] = []
        self.commits = 0

    def model(self, pause_s: float) -> FakeEnricher:
        pause = threading.Event()

        def seen(texts: Sequence[Text]) -> None:
            pause.wait(pause_s)
            self._done.update(int(one.text.split()[2]) for one in texts)

        return FakeEnricher(core_hook=seen)

    def committed(self, least: int) -> bool:
        return self.commits >= least or len(self._done) == COUNT

    def on_commit(self, offsets: Mapping[Any, int]) -> None:
        for place, end in offsets.items():
            if place.topic.endswith("documents"):
                self.commits += 1
                self.early += [
                    (place.partition, offset)
                    for offset in range(end)
                    if self._texts[place.partition, offset] not in self._done
                ]


@pytest.mark.parametrize("build", ["bulk", "stream"])
async def test_no_commit_runs_ahead_in_a_rebalance(
    build: str, kafka: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is passed over when members come and go, nobody commits it.

    By our own intake, and by Faust's stream in pure Python, which acknowledges what it passes over.
    """
    if build == "stream":
        monkeypatch.setattr("faust.streams._CStreamIterator", None)
        monkeypatch.setattr(faust_app, "bulk_intake_fits", lambda: False)
    staying, *others = _platforms(kafka, tmp_path, 3)
    watched = _Watched(publish(staying, documents(COUNT)))
    real = AIOKafkaConsumerThread._commit

    async def judged(thread: Any, offsets: Mapping[Any, int]) -> bool:
        watched.on_commit(offsets)
        return bool(await real(thread, offsets))

    monkeypatch.setattr(AIOKafkaConsumerThread, "_commit", judged)
    warehouse = MemoryWarehouse()
    async with running(staying, parts_of(warehouse, watched.model(0.05))) as session:
        for other in others:
            await session.until(partial(watched.committed, 1))
            async with running(other, parts_of(warehouse, watched.model(0.05)), ("enrich",)):
                before = watched.commits
                await session.until(partial(watched.committed, before + 2))
        await session.finish()
    assert watched.early == []
    assert sorted(one.doc_id for one in warehouse.documents) == EVERY_ID
    assert sum(one.documents for one in warehouse.stats) == COUNT


async def test_a_long_inference_keeps_its_partitions(
    kafka: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that takes longer than session and poll interval breaks nothing; done once each."""
    _options(monkeypatch, session_timeout=6.0, poll_interval=2.0, batch_documents=COUNT)
    (platform,) = _platforms(kafka, tmp_path, 1)
    pause = threading.Event()
    model = FakeEnricher(core_hook=lambda _: _long(pause))
    publish(platform, documents(COUNT // 4))
    async with running(platform, parts_of(MemoryWarehouse(), model), ("enrich",)) as session:
        generations = _generations(session)
        await session.until(lambda: sum(committed(platform, "enrich").values()) == COUNT // 4)
        assert _generations(session) == generations
    assert sum(model.batches) == COUNT // 4


def _generations(session: Session) -> list[int]:
    return [runner._app.consumer_generation_id for runner in session.worker._runners]


async def test_a_database_that_is_away_for_long_costs_no_partition(
    kafka: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading pauses for many poll intervals; the member stays, and nothing is read again."""
    _options(monkeypatch, poll_interval=0.5)
    (platform,) = _platforms(kafka, tmp_path, 1)
    publish(platform, documents(COUNT))
    warehouse = FlakyWarehouse()
    warehouse.failure = Unavailable("the database does not answer")
    async with running(platform, parts_of(warehouse)) as session:
        await session.until(lambda: sum(committed(platform, "enrich").values()) == COUNT)
        generations = _generations(session)
        read = platform.metrics.received_by("land")
        await asyncio.sleep(5)
        assert set(session.worker.waiting) == {"land"}
        assert _generations(session) == generations
        warehouse.failure = None
        await session.finish()
        assert _generations(session) == generations
    # No more was held than two batches at work and one that waits for its turn.
    assert read <= 3 * wiring._LAND_MESSAGES
    assert sorted(one.doc_id for one in warehouse.documents) == EVERY_ID
    assert sum(one.documents for one in warehouse.stats) == COUNT


@pytest.mark.parametrize(("bound", "poll_interval"), [(0.5, 300.0), (4.0, 1.0)])
async def test_a_rebalance_does_not_wait_for_a_long_inference(
    bound: float,
    poll_interval: float,
    kafka: Broker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is in flight is abandoned after the bound: the next owner does it, the first never.

    Also when the bound is longer than the poll interval: nobody polls while partitions are given
    back, and the member that gave them back must join again all the same.
    """
    _options(monkeypatch, revocation_timeout=bound, poll_interval=poll_interval)
    first, second = _platforms(kafka, tmp_path, 2)
    publish(first, documents(COUNT))
    stuck, free = threading.Event(), threading.Event()

    def hang(_texts: object) -> None:
        stuck.set()
        free.wait(60)

    warehouse = MemoryWarehouse()
    async with running(first, parts_of(warehouse, FakeEnricher(core_hook=hang)), ("enrich",)) as a:
        await a.until(stuck.is_set)
        async with running(second, parts_of(warehouse)) as b:
            await b.until(lambda: len(committed(second, "enrich")) == 2)
            free.set()
            await b.finish()
            (waiting,) = a.worker._runners
            await a.until(lambda: not waiting._app.rebalancing)
    assert sorted(one.doc_id for one in warehouse.documents) == EVERY_ID
    assert sum(one.documents for one in warehouse.stats) == COUNT


def _long(pause: threading.Event) -> None:
    pause.wait(LONG_S)
