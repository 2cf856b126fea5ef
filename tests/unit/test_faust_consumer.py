"""What is committed: what the lane has finished in this assignment, and nothing else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from faust.events import Event
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from streams.backends.kafka.gaps import GapCheck
from streams.metrics import Metrics
from streams.runtime import faust_consumer
from streams.runtime.faust_app import AppOptions, Hooks, build_app
from streams.runtime.lane import Lane, Step

if TYPE_CHECKING:
    from pathlib import Path

PLACE = TP("documents", 0)
GENERATION = 7


def _message(offset: int, generation: int = GENERATION, place: TP = PLACE) -> ConsumerMessage:
    return ConsumerMessage(
        place.topic,
        place.partition,
        offset,
        0.0,
        0,
        [],
        None,
        b"x",
        None,
        tp=place,
        generation_id=generation,
    )


@pytest.fixture
async def app(tmp_path: Path) -> Any:
    lane = Lane([Step("a", list)], in_flight=2, timeout=5)
    options = AppOptions(
        role="enrich",
        group="g",
        topics=["documents"],
        bootstrap="127.0.0.1:1",
        data=tmp_path,
        batch_documents=4,
        batch_wait=0.05,
        batches_in_flight=2,
        max_message_bytes=1000,
    )
    hooks = Hooks("enrich", GapCheck(), Metrics(), lambda *_: None, lambda: None)
    built = build_app(options, lane, hooks)
    built.consumer_generation_id = GENERATION
    built.topics._acking_topics.add("documents")
    built.flow_control.resume()
    yield built
    await lane.close()
    built.consumer._thread.thread_loop.close()


def _committable(consumer: Any) -> dict[TP, int]:
    found: dict[TP, int] = consumer._filter_committable_offsets(
        list(consumer._filter_tps_with_pending_acks())
    )
    return found


async def test_the_end_of_what_is_finished_is_committed(app: Any) -> None:
    """Of each partition the offset after the last finished message, once."""
    other = TP("documents", 1)
    app.consumer.finish([_message(3), _message(4), _message(9, place=other)])
    assert _committable(app.consumer) == {PLACE: 5, other: 10}
    app.consumer._committed_offset.update({PLACE: 5, other: 9})
    assert _committable(app.consumer) == {other: 10}


async def test_what_another_assignment_read_is_not_committed(app: Any) -> None:
    """A batch that ends after a rebalance counts no more, and nobody waits for it."""
    late = _message(3, generation=GENERATION - 1)
    app.consumer.track_message(late)
    app.consumer.finish([late])
    assert _committable(app.consumer) == {}
    assert list(app.consumer.unacked) == []


async def test_a_revoked_partition_is_forgotten(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its offsets are another member's now."""

    async def nothing(*_: object) -> None:
        return

    app.consumer.finish([_message(3)])
    monkeypatch.setattr(app.consumer, "_on_partitions_revoked", nothing)
    await app.consumer.on_partitions_revoked({PLACE})
    assert _committable(app.consumer) == {}


async def _pass_over(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Faust's pure-Python stream meet a message that was read before a rebalance."""
    monkeypatch.setattr("faust.streams._CStreamIterator", None)
    channel = app.channel(value_type=bytes)
    stream = app.stream(channel)
    for offset, generation in ((5, GENERATION - 1), (6, GENERATION)):
        message = _message(offset, generation)
        message.incref()
        await channel.put(Event(app, None, b"x", {}, message))
    taking = stream.noack_take(1, within=0.05)
    async for events in taking:
        assert [event.message.offset for event in events] == [6]
        break
    await taking.aclose()
    await stream.stop()


async def test_faust_alone_acknowledges_what_it_passes_over(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trap: nobody has processed offset 5, and Faust's own consumer would commit 6."""
    plain = driver.Consumer(
        driver.Transport([], app),
        callback=app.topics.on_message,
        on_partitions_revoked=None,
        on_partitions_assigned=None,
    )
    app.consumer._thread.thread_loop.close()
    monkeypatch.setattr(app, "_consumer", plain)
    await _pass_over(app, monkeypatch)
    assert plain._filter_committable_offsets([PLACE]) == {PLACE: 6}
    plain._thread.thread_loop.close()


async def test_the_extension_does_not(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with the lane's consumer: nothing to commit."""
    await _pass_over(app, monkeypatch)
    assert _committable(app.consumer) == {}


def test_what_a_thread_leaves_running_is_ended() -> None:
    """Its loop closes without a pending task, which the garbage collector would complain of."""
    loop = asyncio.new_event_loop()
    left = loop.create_task(asyncio.Event().wait())
    faust_consumer._end(loop)
    assert left.cancelled()
    assert loop.is_closed()
