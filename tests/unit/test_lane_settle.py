"""A lane in a rebalance: bounded work, nothing abandoned is ever acknowledged, life goes on."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from streams.runtime.lane import Checkpoint, Lane, Step
from tests.unit.test_lane import _Acks, _messages


async def _take(lane: Lane, acks: _Acks, first: int, count: int = 1) -> None:
    batch = _messages(first, count)
    await lane.submit(batch, acks.of(batch))


async def test_what_is_finished_in_time_is_acknowledged() -> None:
    """A rebalance in quiet waters redelivers nothing, and new batches pass afterwards."""
    lane, acks = Lane([Step("a", list), Step("b", list)], in_flight=3, timeout=5), _Acks()
    lane.start()
    for offset in range(3):
        await _take(lane, acks, offset)
    assert await lane.settle(5)
    assert acks.offsets == [0, 1, 2]
    await _take(lane, acks, 9)
    assert await lane.drain(5)
    await lane.close()
    assert acks.offsets == [0, 1, 2, 9]


async def test_what_takes_too_long_is_abandoned() -> None:
    """Neither the batch at work nor those behind it are acknowledged or worked on further."""
    gate, seen = threading.Event(), list[int]()
    lane = Lane(
        [Step("slow", lambda m: gate.wait(5) and m), Step("next", lambda m: seen.append(len(m)))],
        in_flight=2,
        timeout=6,
    )
    acks = _Acks()
    lane.start()
    await _take(lane, acks, 0)
    await _take(lane, acks, 1)
    waiting = asyncio.create_task(_take(lane, acks, 2))
    await asyncio.sleep(0)
    assert not await lane.settle(0.05)
    gate.set()
    await asyncio.wait_for(waiting, 5)
    await _take(lane, acks, 7, count=3)
    assert await lane.drain(5)
    await lane.close()
    assert (acks.offsets, seen) == ([7, 8, 9], [3])


class _Gated(Checkpoint):
    """Always due; the first save waits for its gate."""

    def __init__(self) -> None:
        self.begun, self.gate = threading.Event(), threading.Event()
        self.log: list[str] = []

    def due(self, pending_messages: int) -> bool:
        return pending_messages > 0

    def save(self) -> None:
        self.begun.set()
        self.gate.wait(5)
        self.log.append("saved")


async def test_a_checkpoint_that_is_too_late_acknowledges_nothing() -> None:
    """Its batches belong to others by then; the state is forgotten after it, not during it."""
    checkpoint, acks = _Gated(), _Acks()
    lane = Lane([Step("a", list)], in_flight=1, timeout=6, checkpoint=checkpoint, tick=0.01)
    lane.start()
    await _take(lane, acks, 0)
    assert await asyncio.to_thread(checkpoint.begun.wait, 5)
    assert not await lane.settle(0.05, lambda: checkpoint.log.append("forgotten"))
    checkpoint.gate.set()
    await _take(lane, acks, 5)
    assert await lane.drain(5)
    await lane.close()
    assert (acks.offsets, checkpoint.log) == ([5], ["saved", "forgotten", "saved"])


async def test_a_checkpoint_is_made_for_a_rebalance() -> None:
    """What waits for its checkpoint need not be done again by the next owner."""

    class Never(_Gated):
        def due(self, pending_messages: int) -> bool:
            return pending_messages > 100

    checkpoint: Any = Never()
    checkpoint.gate.set()
    acks = _Acks()
    lane = Lane([Step("a", list)], in_flight=2, timeout=6, checkpoint=checkpoint)
    lane.start()
    await _take(lane, acks, 0)
    assert await lane.settle(5)
    assert (acks.offsets, checkpoint.log) == ([0], ["saved"])
    await lane.close()


async def test_a_failure_while_settling_is_handed_out() -> None:
    """An error of a revoked batch is an error of the worker all the same."""

    def broken(_messages: object) -> None:
        raise ValueError("broken")

    lane, acks = Lane([Step("a", broken)], in_flight=1, timeout=5), _Acks()
    lane.start()
    await _take(lane, acks, 0)
    assert not await lane.settle(5)
    await lane.close()
    assert (str(lane.failed.result()), acks.offsets) == ("broken", [])
