"""Messages from Faust's consumer to the agent, many at a time.

Faust takes every message through two tasks, a lock, four coroutines and two turns of the event
loop: 80 to 100 microseconds, more than most jobs around a message take. None of it is needed for a
message that can be put into the agent's queue at once, which is nearly every one. So
``BulkConsumer`` puts those there itself, while Faust's own fetcher asks it for the next message;
and ``batches`` empties the queue without a stream in between.

Whatever is not plain is left to Faust, message by message: a full queue (it waits for room),
offsets that jump or come again, a topic with several agents, flow that is suspended. Partitions
that were revoked or paused, and messages of an older generation, Faust's ``getmany`` has taken out
before. So nothing is delivered here that it would not deliver itself, and in the same order.

One thing is not done: a queue that fills does not pause its partition. Faust then fetches from the
others, and when there are none, or none with messages, it sleeps a second while the agent has
nothing left to do: with a backlog, a third of the time. All partitions end in one queue here, and
what bounds memory is that the next fetch waits until the one before is in it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import faust

from streams.runtime.faust_consumer import LaneConsumer, LaneTransport

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from faust.types import TP

_KNOWN = {"0.15.3"}
_TURN = 256  # messages between two turns of the event loop


def bulk_intake_fits() -> bool:
    """Whether this version of Faust is one whose inside the bulk intake was written for."""
    return faust.__version__ in _KNOWN


class BulkConsumer(LaneConsumer):
    """Puts messages into the agent's queue without a task for each."""

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:
        """Yield only those messages that need Faust's own way of delivering."""
        count = 0
        async for tp, message in super().getmany(timeout):
            if not self._put(tp, message):
                yield tp, message
                continue
            count += 1
            if count % _TURN == 0:
                await asyncio.sleep(0)

    def _put(self, tp: TP, message: Any) -> bool:
        """Put a message into its agent's queue; False when there is anything to wait for."""
        read = self._read_offset[tp]
        if read is not None and not 0 <= message.offset - read <= 1:
            return False
        channels = self.app.topics._tp_index.get(tp)  # noqa: SLF001 - no other way to ask
        if channels is None or len(channels) != 1 or not self.app.flow_control.is_active():
            return False
        (channel,) = channels
        if channel.queue.full():
            return False
        message.refcount += 1
        event = self.app.create_event(message.key, message.value, message.headers, message)
        channel.queue.force_put_nowait(event)
        self._read_offset[tp] = message.offset
        return True


class BulkTransport(LaneTransport):
    """Faust's Kafka transport with that consumer."""

    Consumer = BulkConsumer


async def batches(stream: Any, most: int, within: float) -> AsyncGenerator[list[Any], None]:
    """Yield up to ``most`` events at a time, ``within`` seconds of the first; acknowledge nothing.

    What ``stream.noack_take`` does, without a turn of the event loop for each of them.
    """
    intake = _Intake(stream.channel.queue)
    try:
        while not stream.should_stop:
            yield await intake.batch(most, within)
    except StopAsyncIteration:  # how Faust tells an agent that it is over
        return
    finally:
        intake.close()


class _Intake:
    """Takes events out of one queue; nobody else may."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue
        self._coming: asyncio.Future[Any] | None = None

    async def batch(self, most: int, within: float) -> list[Any]:
        loop = asyncio.get_running_loop()
        events = [await self._next(None)]
        deadline = loop.time() + within
        while True:
            while len(events) < most and self._coming is None and not self._queue.empty():
                events.append(self._queue.get_nowait())
            left = deadline - loop.time()
            if len(events) >= most or left <= 0:
                return events
            event = await self._next(left)
            if event is not None:
                events.append(event)

    async def _next(self, timeout: float | None) -> Any:
        """Return the next event, or None when none came in time.

        The one that is waited for is waited for again next time: a cancelled wait could lose it.
        """
        if self._coming is None:
            self._coming = asyncio.ensure_future(self._queue.get())
        done, _ = await asyncio.wait({self._coming}, timeout=timeout)
        if not done:
            return None
        event, self._coming = self._coming.result(), None
        return event

    def close(self) -> None:
        if self._coming is not None:
            self._coming.cancel()
