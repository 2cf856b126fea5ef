"""What is delivered in bulk: what Faust would deliver itself, in its order, and nothing else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka.structs import ConsumerRecord, TopicPartition
from faust.types import TP

from streams.backends.kafka.gaps import GapCheck
from streams.metrics import Metrics
from streams.runtime import faust_intake
from streams.runtime.faust_app import AppOptions, Hooks, build_app
from streams.runtime.faust_consumer import LaneConsumer
from streams.runtime.faust_intake import BulkConsumer, batches
from streams.runtime.lane import Lane, Step

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

FIRST = TP("documents", 0)
SECOND = TP("documents", 1)
GENERATION = 7
BATCH = 8  # the queue takes twice as many


@pytest.fixture
async def build(tmp_path: Path) -> AsyncIterator[Callable[[], Any]]:
    lane = Lane([Step("a", list)], in_flight=2, timeout=5)
    built: list[Any] = []

    def make() -> Any:
        options = AppOptions(
            role="enrich",
            group="g",
            topics=["documents"],
            bootstrap="127.0.0.1:1",
            data=tmp_path,
            batch_documents=BATCH,
            batch_wait=0.05,
            batches_in_flight=2,
            max_message_bytes=1000,
        )
        hooks = Hooks("enrich", GapCheck(), Metrics(), lambda *_: None, lambda: None)
        app = build_app(options, lane, hooks)
        app.consumer_generation_id = GENERATION
        app.flow_control.resume()
        built.append(app)
        return app

    yield make
    await lane.close()
    for app in built:
        app.consumer._thread.thread_loop.close()


@pytest.fixture
def app(build: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """An app whose two partitions are assigned to one agent."""
    app = build()
    consumer = app.consumer
    consumer._set_active_tps({FIRST, SECOND})
    monkeypatch.setattr(consumer, "highwater", lambda _tp: 0)
    app.stream_of_test = app.stream(app.topic("documents", key_type=bytes, value_type=bytes))
    channel = app.stream_of_test.channel
    for place in (FIRST, SECOND):
        app.topics._tp_index[place] = {channel}
    app.channel_of_test = channel
    return app


def _record(place: TP, offset: int) -> ConsumerRecord[bytes, bytes]:
    return ConsumerRecord(*place, offset, offset, 0, b"k", b"v", None, 1, 1, ())


def _fetches(app: Any, monkeypatch: pytest.MonkeyPatch, *places: tuple[TP, Sequence[int]]) -> None:
    """Let the next fetch bring these offsets, under aiokafka's own kind of partition."""
    fetched = {
        TopicPartition(*place): [_record(place, offset) for offset in offsets]
        for place, offsets in places
    }

    async def records(_timeout: float) -> tuple[Any, set[TP]]:
        return fetched, app.consumer._get_active_partitions()

    monkeypatch.setattr(app.consumer, "_wait_next_records", records)


async def _left_to_faust(app: Any) -> list[int]:
    return [message.offset async for _, message in app.consumer.getmany(timeout=0)]


def _queued(app: Any) -> list[tuple[int, int]]:
    events = list(app.channel_of_test.queue._queue)
    return [(event.message.partition, event.message.offset) for event in events]


async def test_a_fetch_goes_to_the_agent_at_once(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Oldest first over the partitions; Faust is left nothing to deliver."""
    _fetches(app, monkeypatch, (FIRST, [1, 2, 3]), (SECOND, [1, 2]))
    assert await _left_to_faust(app) == []
    assert _queued(app) == [(0, 1), (1, 1), (0, 2), (1, 2), (0, 3)]
    assert (app.consumer._read_offset[FIRST], app.consumer._read_offset[SECOND]) == (3, 2)


async def test_a_full_queue_leaves_the_rest_to_faust(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which waits for room; none is put beyond the bound, none passed over."""
    _fetches(app, monkeypatch, (FIRST, range(20)))
    assert await _left_to_faust(app) == list(range(16, 20))
    assert _queued(app) == [(0, offset) for offset in range(16)]


async def test_offsets_that_jump_or_come_again_are_left_to_faust(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It notes the gap, and drops what has been read."""
    app.consumer._read_offset[FIRST] = 10
    _fetches(app, monkeypatch, (FIRST, [9, 10, 11, 14]))
    assert await _left_to_faust(app) == [9, 14]
    assert _queued(app) == [(0, 10), (0, 11)]


async def test_a_revocation_in_the_middle_of_a_fetch(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ends it: what was queued is cleared, and nothing comes after."""
    monkeypatch.setattr(faust_intake, "_TURN", 4)
    _fetches(app, monkeypatch, (FIRST, range(12)))
    reading = asyncio.ensure_future(_left_to_faust(app))
    await asyncio.sleep(0)
    assert len(_queued(app)) == 4
    app.consumer.stop_flow()
    app.flow_control.suspend()
    app.flow_control.clear()
    app.channel_of_test.queue.clear()
    assert await reading == []
    assert _queued(app) == []


async def test_another_generation_in_the_middle_of_a_fetch(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was fetched before an assignment is not delivered after it."""
    monkeypatch.setattr(faust_intake, "_TURN", 4)
    _fetches(app, monkeypatch, (FIRST, range(12)))
    reading = asyncio.ensure_future(_left_to_faust(app))
    await asyncio.sleep(0)
    app.consumer_generation_id = GENERATION + 1
    assert await reading == []
    assert [offset for _, offset in _queued(app)] == [0, 1, 2, 3]
    assert not any(app.consumer.current(e.message) for e in app.channel_of_test.queue._queue)


async def test_a_paused_partition_gets_nothing(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others go on."""
    _fetches(app, monkeypatch, (FIRST, [1, 2]), (SECOND, [1, 2]))
    app.consumer.pause_partitions({FIRST})
    assert await _left_to_faust(app) == []
    assert _queued(app) == [(1, 1), (1, 2)]


async def test_suspended_flow_leaves_all_to_faust(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which waits until it is resumed."""
    app.flow_control.suspend()
    _fetches(app, monkeypatch, (FIRST, [1, 2]))
    assert await _left_to_faust(app) == [1, 2]
    assert _queued(app) == []


async def test_two_agents_of_one_topic_are_left_to_faust(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts the references of a message that both get."""
    app.topics._tp_index[FIRST].add(app.topic("documents"))
    _fetches(app, monkeypatch, (FIRST, [1, 2]))
    assert await _left_to_faust(app) == [1, 2]


async def test_a_filling_queue_pauses_no_partition(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faust would, and sleep a second when none is left to fetch from."""
    _fetches(app, monkeypatch, (FIRST, range(13)), (SECOND, range(3)))
    assert await _left_to_faust(app) == []
    assert app.channel_of_test.queue.full()
    assert app.consumer._get_active_partitions() == {FIRST, SECOND}


async def test_batches_are_full_or_late(app: Any) -> None:
    """As many as there may be, or what came in time; in order, none left out."""
    queue = app.channel_of_test.queue
    for number in range(11):
        queue.force_put_nowait(number)
    taking = batches(app.stream_of_test, BATCH, 0.01)
    assert await taking.__anext__() == list(range(8))
    assert await taking.__anext__() == [8, 9, 10]
    for number in (11, 12):
        queue.force_put_nowait(number)
    assert await taking.__anext__() == [11, 12]
    await taking.aclose()


async def test_a_full_batch_waits_no_longer(app: Any) -> None:
    """However long it might wait for more."""
    taking = batches(app.stream_of_test, BATCH, 3600.0)
    coming = asyncio.ensure_future(taking.__anext__())
    for number in range(BATCH + 1):
        await asyncio.sleep(0)
        app.channel_of_test.queue.force_put_nowait(number)
    assert await coming == list(range(BATCH))
    await taking.aclose()


async def test_batches_end_when_the_agent_is_told_to(app: Any) -> None:
    """Whether it waits at that moment or finds the notice later."""
    waiting = batches(app.stream_of_test, BATCH, 0.02)
    coming = asyncio.ensure_future(waiting.__anext__())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    app.channel_of_test._throw(StopAsyncIteration())
    with pytest.raises(StopAsyncIteration):
        await coming
    app.channel_of_test.queue.force_put_nowait(1)
    app.channel_of_test._throw(StopAsyncIteration())
    with pytest.raises(StopAsyncIteration):
        await batches(app.stream_of_test, BATCH, 0.02).__anext__()


def test_an_unknown_version_of_faust_is_left_alone(
    build: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bulk intake knows Faust's inside: it takes part where that is the one it knows."""
    assert isinstance(build().consumer, BulkConsumer)
    monkeypatch.setattr("faust.__version__", "0.16.0")
    assert type(build().consumer) is LaneConsumer
