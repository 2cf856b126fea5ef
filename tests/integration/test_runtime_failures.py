"""When something around the roles fails: they wait or they stop, and lose nothing either way."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from streams.backends.kafka.alerts import read_topic
from streams.backends.kafka.offsets import OffsetReader
from streams.backends.memory import MemoryWarehouse
from streams.errors import Unavailable
from streams.runtime import faust_app, wiring
from streams.runtime.lane import StepTimeout
from streams.runtime.lookback import look_back
from streams.runtime.worker import WorkerFailed
from streams.stages.guard import Record
from tests.support.brokers import nothing_left, own_settings
from tests.support.fake_registry import fake_registry
from tests.support.fakes import FakeEnricher
from tests.support.flaky import FlakyProducer, FlakyWarehouse
from tests.support.runtime import (
    Session,
    committed,
    documents,
    fresh_prefix,
    parts_of,
    platform_on,
    publish,
    running,
    send_raw,
    settings_for,
)

if TYPE_CHECKING:
    from pathlib import Path

    from streams.backends.kafka.broker import Broker
    from streams.ports import RawMessage
    from streams.runtime.platform import Platform

__all__ = ["nothing_left", "own_settings"]

pytestmark = pytest.mark.kafka

COUNT = 200
BEFORE_JUDGEMENT = 200
"""The guard judges from so many messages on."""


def _platform(broker: Broker, folder: Path, **changes: object) -> Platform:
    settings = settings_for(folder, topic_prefix=fresh_prefix("failing"), **changes)
    return platform_on(broker, settings)


def _ids(warehouse: MemoryWarehouse) -> list[str]:
    return sorted(one.doc_id for one in warehouse.documents)


EVERY_ID = sorted(f"doc-{number}" for number in range(COUNT))


async def _rest(platform: Platform, warehouse: MemoryWarehouse) -> None:
    """Start new roles after others have stopped, and run until all is through."""
    again = platform_on(platform.broker, platform.settings)
    async with running(again, parts_of(warehouse)) as session:
        await session.finish()


async def test_garbage_stops_the_worker(kafka: Broker, tmp_path: Path) -> None:
    """Nothing is acknowledged that is not in the dead letters, and most of the topic is left."""
    platform = _platform(kafka, tmp_path)
    garbage = [(None, b"\xff%d" % number) for number in range(1000)]
    sent = send_raw(kafka, platform.topics.documents, garbage)
    warehouse = MemoryWarehouse()
    async with running(platform, parts_of(warehouse)) as session:
        with pytest.raises(WorkerFailed, match=r"role enrich stopped: \d+ of the last \d+ messa"):
            await session.worker.wait()
    done = committed(platform, "enrich")
    assert sum(done.values()) < BEFORE_JUDGEMENT
    letters = read_topic(
        kafka.bootstrap,
        kafka.security,
        platform.topics.dead_letters,
        from_beginning=True,
        follow=False,
    )
    acknowledged = {one.value for one in sent if one.offset < done.get(one.place[:2], 0)}
    assert acknowledged <= {_raw_value(platform, letter) for letter in letters}


async def test_a_restart_buys_garbage_nothing(kafka: Broker, tmp_path: Path) -> None:
    """Whatever starts the worker again and again, not one bad message more passes; good ones do."""
    platform = _platform(kafka, tmp_path)
    send_raw(kafka, platform.topics.documents, [(None, b"\xff%d" % n) for n in range(1000)])
    done = []
    for _ in range(4):
        again = platform_on(kafka, platform.settings)
        async with running(again, parts_of(MemoryWarehouse()), ["enrich"]) as session:
            with pytest.raises(WorkerFailed, match="messages are bad, over the limit of 50%"):
                await session.worker.wait()
        done.append(sum(committed(platform, "enrich").values()))
    assert 0 < done[0] == done[-1] < BEFORE_JUDGEMENT
    assert look_back(platform) == Record(done[0], done[0])

    mended = platform_on(kafka, settings_for(tmp_path, topic_prefix=platform.settings.topic_prefix))
    _skip_to_end(mended)
    publish(mended, documents(COUNT))
    warehouse = MemoryWarehouse()
    async with running(mended, parts_of(warehouse)) as session:
        await session.until(lambda: len(warehouse.documents) == COUNT)


def _skip_to_end(platform: Platform) -> None:
    """What an operator does with garbage that nobody wants: commit past it."""
    topic = platform.topics.documents
    consumer = Consumer(
        {
            "bootstrap.servers": platform.broker.bootstrap,
            "group.id": platform.topics.group("enrich"),
        }
    )
    with closing(OffsetReader(platform.broker.bootstrap)) as reader:
        ends = [TopicPartition(topic, one.partition, one.end) for one in reader.extents([topic])]
    consumer.commit(offsets=ends, asynchronous=False)
    consumer.close()


def _raw_value(platform: Platform, message: RawMessage) -> bytes | None:
    from schemas.messages import DeadLetter  # noqa: PLC0415

    return platform.codec.decode(DeadLetter, message.value).value


async def test_a_failing_database_is_waited_for(kafka: Broker, tmp_path: Path) -> None:
    """Landing pauses, however long it takes, and goes on where it was; nothing is lost."""
    # Shorter than the outage (0.2 + 0.4 + 0.8 + 1.6 s between five tries, give or take a third):
    # a database that is away is no model that hangs.
    platform = _platform(kafka, tmp_path, inference_timeout="1s")
    warehouse = FlakyWarehouse()
    warehouse.failure = Unavailable("the database does not answer")
    publish(platform, documents(COUNT))
    async with running(platform, parts_of(warehouse)) as session:
        await session.until(lambda: warehouse.refused > 4 and _enriched(platform) == COUNT)
        assert committed(platform, "land") == {}
        assert session.worker.healthy == {"enrich": True, "drift": True, "land": True}
        assert set(session.worker.waiting) == {"land"}
        warehouse.failure = None
        await session.finish()
    assert _ids(warehouse) == EVERY_ID
    assert sum(one.documents for one in warehouse.stats) == COUNT


def _enriched(platform: Platform) -> int:
    return sum(committed(platform, "enrich").values())


async def test_a_stop_while_the_database_fails(kafka: Broker, tmp_path: Path) -> None:
    """A graceful stop gives up after its bound; the next worker lands what was left."""
    platform = _platform(kafka, tmp_path, shutdown_timeout="1s")
    broken = FlakyWarehouse()
    broken.failure = Unavailable("the database does not answer")
    publish(platform, documents(COUNT))
    loop = asyncio.get_running_loop()
    async with running(platform, parts_of(broken)) as session:
        await session.until(lambda: broken.refused > 0 and _enriched(platform) == COUNT)
        asked = loop.time()
    assert loop.time() - asked < 10  # two bounds a role, never the database's time
    assert committed(platform, "land") == {}
    warehouse = MemoryWarehouse()
    await _rest(platform, warehouse)
    assert _ids(warehouse) == EVERY_ID


async def test_a_failing_producer_loses_nothing(
    kafka: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a failed flush has dropped is sent again: documents, statistics, state."""
    opened: dict[str, FlakyProducer] = {}
    real = wiring.role_producer

    def flaky(platform: Platform, role: str) -> FlakyProducer:
        opened[role] = FlakyProducer(real(platform, role), failures=2)
        return opened[role]

    monkeypatch.setattr(wiring, "role_producer", flaky)
    platform = _platform(kafka, tmp_path)
    warehouse = MemoryWarehouse()
    publish(platform, documents(COUNT))
    async with running(platform, parts_of(warehouse)) as session:
        await session.finish()
    assert {role: one.failures for role, one in opened.items()} == {
        "enrich": 0,
        "drift": 0,
        "land": 2,  # had nothing to send
    }
    assert _ids(warehouse) == EVERY_ID
    assert sum(one.documents for one in warehouse.stats) == COUNT


async def test_an_unexpected_error_in_a_step_stops_the_worker(
    kafka: Broker, tmp_path: Path
) -> None:
    """Nothing of the failed role is acknowledged; the next worker does it all."""
    platform = _platform(kafka, tmp_path)
    broken = FlakyWarehouse()
    broken.failure = ValueError("out of cheese")
    publish(platform, documents(COUNT))
    async with running(platform, parts_of(broken)) as session:
        with pytest.raises(WorkerFailed, match="role land stopped: ValueError: out of cheese"):
            await session.worker.wait()
        assert session.worker.healthy["land"] is False
    assert committed(platform, "land") == {}
    warehouse = MemoryWarehouse()
    await _rest(platform, warehouse)
    assert _ids(warehouse) == EVERY_ID


async def test_an_error_while_messages_are_taken_in_stops_the_worker(
    kafka: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faust would restart its agent behind them, and commits would stand still silently."""
    real = faust_app._raw

    def broken(message: Any) -> RawMessage:
        if message.topic.endswith("documents") and message.offset == COUNT // 8:
            raise TypeError("a message that nobody can take in")
        return real(message)

    monkeypatch.setattr(faust_app, "_raw", broken)
    platform = _platform(kafka, tmp_path)
    warehouse = MemoryWarehouse()
    publish(platform, documents(COUNT))
    async with running(platform, parts_of(warehouse)) as session:
        with pytest.raises(WorkerFailed, match="role enrich stopped: TypeError: a message that"):
            await _failure(session)
    assert max(committed(platform, "enrich").values(), default=0) <= COUNT // 8
    monkeypatch.setattr(faust_app, "_raw", real)
    await _rest(platform, warehouse)
    assert _ids(warehouse) == EVERY_ID
    assert Counter(one.outcome for one in warehouse.deliveries) == {"landed": COUNT}


async def test_a_model_that_hangs_stops_the_worker(kafka: Broker, tmp_path: Path) -> None:
    """The step is named, nothing of its batch is acknowledged, and the stop does not hang."""
    platform = _platform(kafka, tmp_path, inference_timeout="300ms")
    free = threading.Event()
    publish(platform, documents(COUNT))

    def hang(_texts: object) -> None:
        free.wait(30)

    hanging = FakeEnricher(core_hook=hang)
    async with running(platform, parts_of(MemoryWarehouse(), hanging)) as session:
        with pytest.raises(WorkerFailed, match=r"step core took longer than 0\.3 s") as caught:
            await _failure(session)
    free.set()
    assert isinstance(caught.value.__cause__, StepTimeout)
    assert committed(platform, "enrich") == {}


async def _failure(session: Session) -> None:
    await asyncio.wait_for(session.worker.wait(), 30)


async def test_a_schema_registry_that_is_away_is_waited_for(kafka: Broker, tmp_path: Path) -> None:
    """By all roles, to write and to read; then everything lands."""
    with fake_registry() as registry:
        first = _platform(kafka, tmp_path, schema_registry=registry.url)
        publish(first, documents(COUNT))
        registry.refuse = 503
        fresh = platform_on(kafka, first.settings)
        async with running(fresh, parts_of(MemoryWarehouse()), ["enrich"]) as session:
            await session.until(lambda: "enrich" in session.worker.waiting)
            assert session.worker.healthy == {"enrich": True}
            registry.refuse = None
            await session.until(lambda: _enriched(fresh) == COUNT)
        registry.refuse = 503
        late = platform_on(kafka, first.settings)
        warehouse = MemoryWarehouse()
        async with running(late, parts_of(warehouse), ["drift", "land"]) as session:
            await session.until(lambda: set(session.worker.waiting) == {"drift", "land"})
            assert committed(late, "land") == {}
            registry.refuse = None
            await session.until(lambda: len(warehouse.documents) == COUNT)
            await session.until(lambda: session.worker.waiting == {})
    assert _ids(warehouse) == EVERY_ID
