"""The lane: order, overlap, backpressure, checkpoints and failure."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from schemas.messages import Origin
from streams.ports import RawMessage
from streams.runtime.lane import Checkpoint, Lane, Step, StepTimeout


def _messages(first: int, count: int) -> list[RawMessage]:
    return [RawMessage(Origin("t", 0, first + i, 0), None, b"x") for i in range(count)]


class _Acks:
    def __init__(self) -> None:
        self.offsets: list[int] = []

    def of(self, messages: list[RawMessage]) -> Any:
        def acknowledge() -> None:
            self.offsets.extend(message.origin.offset for message in messages)

        return acknowledge


async def _run(lane: Lane, batches: list[list[RawMessage]]) -> _Acks:
    acks = _Acks()
    lane.start()
    for batch in batches:
        await lane.submit(batch, acks.of(batch))
    assert await lane.drain(10)
    await lane.close()
    return acks


async def test_acknowledges_in_order() -> None:
    """Batches are acknowledged in the order in which they were submitted."""
    lane = Lane([Step("a", list), Step("b", list)], in_flight=3, timeout=5)
    acks = await _run(lane, [_messages(10 * i, 10) for i in range(5)])
    assert acks.offsets == list(range(50))


async def test_steps_overlap() -> None:
    """The first step works on batch two while the second step still holds batch one."""
    second_batch_arrived = threading.Event()

    def first(messages: list[RawMessage]) -> list[RawMessage]:
        if messages[0].origin.offset == 1:
            second_batch_arrived.set()
        return messages

    def second(_messages: object) -> bool:
        return second_batch_arrived.wait(5)

    lane = Lane([Step("a", first), Step("b", second)], in_flight=2, timeout=6)
    acks = await _run(lane, [_messages(0, 1), _messages(1, 1)])
    assert acks.offsets == [0, 1]


async def test_failure_acknowledges_nothing_more() -> None:
    """After an exception no later batch is acknowledged and the error is handed out."""

    def step(messages: list[RawMessage]) -> None:
        if messages[0].origin.offset >= 1:
            raise ValueError("broken")

    acks = _Acks()
    lane = Lane([Step("a", step)], in_flight=4, timeout=5)
    lane.start()
    for offset in range(3):
        batch = _messages(offset, 1)
        await lane.submit(batch, acks.of(batch))
    error = await asyncio.wait_for(lane.failed, 5)
    assert isinstance(error, ValueError)
    assert not await lane.drain(1)
    await lane.close()
    assert acks.offsets == [0]


async def test_a_failure_does_not_cut_off_what_is_ahead_of_it() -> None:
    """A batch that had passed the step that fails is finished and acknowledged before the end."""
    gate = threading.Event()

    def first(messages: list[RawMessage]) -> list[RawMessage]:
        if messages[0].origin.offset == 1:
            raise ValueError("broken")
        return messages

    def second(_messages: object) -> bool:
        return gate.wait(5)

    acks = _Acks()
    lane = Lane([Step("a", first), Step("b", second)], in_flight=4, timeout=6)
    lane.start()
    for offset in range(3):
        batch = _messages(offset, 1)
        await lane.submit(batch, acks.of(batch))
    await asyncio.wait_for(lane.failed, 5)
    draining = asyncio.create_task(lane.drain(5))
    done, _ = await asyncio.wait({draining}, timeout=0.1)
    assert (done, acks.offsets) == (set(), [])
    gate.set()
    assert not await asyncio.wait_for(draining, 5)
    await lane.close()
    assert acks.offsets == [0]


async def test_a_failure_waits_no_longer_than_asked_for_what_is_ahead() -> None:
    """A step that hangs ahead of the one that failed does not hold up the end."""
    gate = threading.Event()

    def first(messages: list[RawMessage]) -> list[RawMessage]:
        if messages[0].origin.offset == 1:
            raise ValueError("broken")
        return messages

    acks = _Acks()
    lane = Lane([Step("a", first), Step("b", lambda _: gate.wait(20))], in_flight=4, timeout=30)
    lane.start()
    for offset in range(2):
        batch = _messages(offset, 1)
        await lane.submit(batch, acks.of(batch))
    await asyncio.wait_for(lane.failed, 5)
    assert not await asyncio.wait_for(lane.drain(0.05), 5)
    await lane.close()
    gate.set()
    assert acks.offsets == []


async def test_submit_waits_when_full() -> None:
    """No more than the stated number of batches is taken while the steps are busy."""
    gate = threading.Event()
    lane = Lane([Step("a", lambda _: gate.wait(5))], in_flight=2, timeout=6)
    acks = _Acks()
    lane.start()
    for offset in range(2):
        await lane.submit(_messages(offset, 1), acks.of(_messages(offset, 1)))
    third = asyncio.create_task(lane.submit(_messages(2, 1), acks.of(_messages(2, 1))))
    done, _ = await asyncio.wait({third}, timeout=0.1)
    assert done == set()
    gate.set()
    await asyncio.wait_for(third, 5)
    assert await lane.drain(5)
    await lane.close()
    assert acks.offsets == [0, 1, 2]


class _EveryThird(Checkpoint):
    def __init__(self) -> None:
        self.saves = 0

    def due(self, pending_messages: int) -> bool:
        return pending_messages >= 3

    def save(self) -> None:
        self.saves += 1


async def test_checkpoint_defers_acknowledgement() -> None:
    """With a checkpoint, batches are acknowledged only once it has been saved."""
    checkpoint = _EveryThird()
    lane = Lane([Step("a", list)], in_flight=1, timeout=5, checkpoint=checkpoint)
    acks = _Acks()
    lane.start()
    for offset in range(5):
        await lane.submit(_messages(offset, 1), acks.of(_messages(offset, 1)))
    while lane.at_work > 2:
        await asyncio.sleep(0)
    assert (checkpoint.saves, acks.offsets) == (1, [0, 1, 2])
    assert await lane.drain(5)
    await lane.close()
    assert (checkpoint.saves, acks.offsets) == (2, [0, 1, 2, 3, 4])


async def test_timeout_is_named() -> None:
    """A step that hangs fails the lane with an error that names the step."""
    gate = threading.Event()
    lane = Lane([Step("core", lambda _: gate.wait(5))], in_flight=1, timeout=0.05)
    lane.start()
    await lane.submit(_messages(0, 1), _Acks().of([]))
    error = await asyncio.wait_for(lane.failed, 5)
    gate.set()
    await lane.close()
    with pytest.raises(StepTimeout, match="step core took longer"):
        raise error


class _Slow(Checkpoint):
    """Always due; each save waits for its gate."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.gate = threading.Event()

    def due(self, pending_messages: int) -> bool:
        return pending_messages > 0

    def save(self) -> None:
        self.started.set()
        assert self.gate.wait(5)


async def test_batch_that_comes_during_a_checkpoint_waits_for_the_next() -> None:
    """Only batches that were finished when a checkpoint began are acknowledged by it."""
    checkpoint = _Slow()
    lane = Lane([Step("a", list)], in_flight=3, timeout=6, checkpoint=checkpoint, tick=0.01)
    acks = _Acks()
    lane.start()
    await lane.submit(_messages(0, 1), acks.of(_messages(0, 1)))
    assert await asyncio.to_thread(checkpoint.started.wait, 5)
    await lane.submit(_messages(1, 1), acks.of(_messages(1, 1)))
    assert acks.offsets == []
    checkpoint.gate.set()
    assert await lane.drain(5)
    await lane.close()
    assert acks.offsets == [0, 1]


async def test_no_checkpoint_after_a_failure() -> None:
    """A step that raised may have left half a batch in the state: nothing more is saved."""

    def step(messages: list[RawMessage]) -> None:
        if messages[0].origin.offset == 1:
            raise ValueError("half done")

    checkpoint = _EveryThird()
    lane = Lane([Step("a", step)], in_flight=3, timeout=5, checkpoint=checkpoint, tick=0.01)
    acks = _Acks()
    lane.start()
    for offset in range(2):
        await lane.submit(_messages(offset, 1), acks.of(_messages(offset, 1)))
    await asyncio.wait_for(lane.failed, 5)
    assert not await lane.drain(1)
    await lane.close()
    assert (checkpoint.saves, acks.offsets) == (0, [])


async def test_a_step_that_waits_has_no_bound() -> None:
    """A database that is away for longer than a model may take stops nothing."""
    gate = threading.Event()
    lane = Lane([Step("w", lambda _: gate.wait(5), waits=lambda: True)], in_flight=1, timeout=0.02)
    acks = _Acks()
    lane.start()
    await lane.submit(_messages(0, 1), acks.of(_messages(0, 1)))
    done, _ = await asyncio.wait({lane.failed}, timeout=0.1)
    assert done == set()
    gate.set()
    assert await lane.drain(5)
    await lane.close()
    assert acks.offsets == [0]


class _Stuck(Checkpoint):
    """A checkpoint that waits for a database which is away."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.gate = threading.Event()

    def due(self, pending_messages: int) -> bool:
        return pending_messages > 0

    def save(self) -> None:
        self.begun.set()
        self.gate.wait(5)


async def test_a_checkpoint_that_waits_does_not_hold_up_a_stop() -> None:
    """The bound of a drain holds for the last checkpoint too; its batch is not acknowledged."""
    stuck, acks = _Stuck(), _Acks()
    lane = Lane([Step("a", list, waits=lambda: True)], in_flight=1, timeout=5, checkpoint=stuck)
    lane.start()
    await lane.submit(_messages(0, 1), acks.of(_messages(0, 1)))
    assert await asyncio.to_thread(stuck.begun.wait, 5)
    assert not await asyncio.wait_for(lane.drain(0.05), 2)
    await lane.close()
    stuck.gate.set()
    assert acks.offsets == []


async def test_a_checkpoint_that_fails_ends_the_drain() -> None:
    """The error is handed out like any other; the drain reports that it did not end well."""

    def broken() -> None:
        raise ValueError("no room on the disk")

    checkpoint = _EveryThird()
    checkpoint.save = broken  # type: ignore[method-assign]
    acks = _Acks()
    lane = Lane([Step("a", list)], in_flight=1, timeout=5, checkpoint=checkpoint)
    lane.start()
    await lane.submit(_messages(0, 1), acks.of(_messages(0, 1)))
    assert not await lane.drain(5)
    await lane.close()
    assert (str(lane.failed.result()), acks.offsets) == ("no room on the disk", [])
