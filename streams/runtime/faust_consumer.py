"""Faust's Kafka consumer, with acknowledgements that count what the lane has finished, only.

Faust keeps a list of acknowledged offsets for every partition and commits up to its first hole.
That list is written to by more than the agent: the pure-Python stream acknowledges messages that
it passes over in a rebalance, ``take`` acknowledges in a ``finally``, the end of ``noack_take``
turns automatic acknowledgements on again. And with nothing committed yet, or after a rebalance, a
hole at the head of the list is not seen. Here none of this counts. The lane finishes batches in
order, so one number for each partition says all: the offset after the last finished message.

A rebalance revokes all partitions (aiokafka speaks the eager protocol only). Faust then waits for
what is in flight, without a bound; but when the group's patience is over, its coordinator goes on
without this member. So the wait is bounded here, and what is not finished by then is abandoned:
never acknowledged, and read again by whoever gets the partition.

A worker that is kept waiting, by a model or by a database that is away, fetches nothing, and
aiokafka would take it for dead after ``broker_max_poll_interval`` and leave the group. It is dead
when its event loop stands still: so it polls from there, without taking anything.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka.errors import IllegalGenerationError
from faust.transport.drivers import aiokafka as driver
from mode import Service
from mode.utils.futures import notify

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    import faust
    from faust.types import TP


_END_S = 5.0


@dataclass(frozen=True, slots=True)
class Revocation:
    """How a consumer gives its partitions back; times in seconds.

    Attributes:
        timeout: bound on finishing what is in flight.
        settle: finishes and acknowledges it, or abandons what takes longer than the bound.
    """

    timeout: float
    settle: Callable[[float], Awaitable[bool]]


class LaneConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]  # untyped
    """Commits as the member that it was when the messages were read, or not at all.

    aiokafka repeats a commit until it succeeds, each time as the member that it is by then. One
    that has been shut out of its group is nobody for a moment; and from nobody the broker takes
    commits as soon as the group is empty. A worker that stood still while another did its work
    would set the offsets back to its own.
    """

    async def on_start(self) -> None:
        """Start the consumer with commits that cannot change their member."""
        await super().on_start()
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001 - there is no public way
        send = coordinator._do_commit_offsets  # noqa: SLF001

        async def send_as_member(assignment: Any, offsets: Any) -> None:
            if coordinator.generation != self.app.consumer_generation_id:
                raise IllegalGenerationError(coordinator.group_id)
            await send(assignment, offsets)

        coordinator._do_commit_offsets = send_as_member  # noqa: SLF001

    def _start_thread(self) -> None:
        """Serve, then end what still runs in the thread's loop before the loop is closed.

        ``mode`` does so in its last step, which a consumer that is stopped in mid-rebalance does
        not reach; its tasks and connections would be left to the garbage collector.
        """
        self._close_thread_loop_on_stop = False
        try:
            super()._start_thread()
        finally:
            _end(self.thread_loop)


def _end(loop: asyncio.AbstractEventLoop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=_END_S))
    loop.close()


class LaneConsumer(driver.Consumer):  # type: ignore[misc]  # untyped
    """Commits what ``finish`` was told, and gives partitions back within a bound."""

    logger = driver.Consumer.logger

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._next: dict[TP, int] = {}
        self._revocation: Revocation = self.transport.revocation
        self._poll_every = self.app.conf.broker_max_poll_interval / 4

    def _new_consumer_thread(self) -> LaneConsumerThread:
        return LaneConsumerThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def adrift(self) -> bool:
        """Whether the broker that coordinates the group is not known, or has gone."""
        # Where Faust looks, too, when it wants to know how aiokafka is.
        consumer = self._thread._consumer  # noqa: SLF001
        return consumer is None or consumer._coordinator.coordinator_id is None  # noqa: SLF001

    def current(self, message: Any) -> bool:
        """Whether a message was read in the assignment that is in force, and is not to be left."""
        generation: int = self.app.consumer_generation_id
        return bool(message.generation_id == generation and self.app.flow_control.is_active())

    def finish(self, messages: Iterable[Any]) -> None:
        """Let messages be committed; of one partition in the order of their offsets.

        Those of an assignment that is over are passed over: others read them by now.
        """
        generation = self.app.consumer_generation_id
        for message in messages:
            if message.generation_id == generation:
                self._next[message.tp] = message.offset + 1
            self.leave(message)
        notify(self._waiting_for_ack)

    def leave(self, message: Any) -> None:
        """Wait for a message no more: it is finished, or others will read it."""
        message.acked = True
        self._unacked_messages.discard(message)

    def ack(self, message: Any) -> bool:
        """Do nothing: only ``finish`` counts."""
        self.leave(message)
        return False

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> list[TP]:
        return [tp for tp in self._next if topics is None or tp in topics or tp.topic in topics]

    def _new_offset(self, tp: TP) -> int | None:
        return self._next.get(tp)

    async def _commit_offsets(self, offsets: Mapping[TP, int], **options: Any) -> bool:
        before = {tp: self._committed_offset[tp] for tp in offsets}
        done = bool(await super()._commit_offsets(offsets, **options))
        if not done:  # Faust notes them as committed all the same, and would not try again
            self._committed_offset.update(before)
        return done

    async def wait_empty(self) -> None:
        """Finish what is in flight, or abandon it when that takes too long; then commit."""
        deadline = self.loop.time() + self._revocation.timeout
        await self._revocation.settle(self._revocation.timeout)
        self._unacked_messages.clear()
        committing = asyncio.ensure_future(self._commit_all())
        left = max(1.0, deadline - self.loop.time())
        done, _ = await asyncio.wait({committing}, timeout=left)
        if not done:
            committing.cancel()

    async def _commit_all(self) -> None:
        # Joining a commit that is under way already would leave out what was finished since.
        await self.maybe_wait_for_commit_to_finish()
        await self.commit()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Give partitions back; what was finished of them has been committed by then."""
        await super().on_partitions_revoked(revoked)
        for tp in revoked:
            self._next.pop(tp, None)

    @Service.task  # type: ignore[untyped-decorator]
    async def _keep_polling(self) -> None:
        async for _ in self.itertimer(self._poll_every, name="poll"):
            self._note_activity()

    def _note_activity(self) -> None:
        """Tell aiokafka that somebody is there, also while a rebalance is under way.

        Faust polls nothing then. When giving partitions back has taken longer than the poll
        interval, aiokafka waits for a poll before it joins again, and Faust for the join before it
        polls: both stood still for ever.
        """
        consumer = self._thread._consumer  # noqa: SLF001 - there is no public way
        if consumer is not None:
            # One assignment, so that the consumer's own thread may do the same at any moment.
            consumer._subscription._last_fetch_ended = time.monotonic()  # noqa: SLF001


class LaneTransport(driver.Transport):  # type: ignore[misc]  # untyped
    """Faust's Kafka transport with that consumer."""

    Consumer = LaneConsumer

    def __init__(self, app: faust.App, revocation: Revocation) -> None:
        super().__init__(app.conf.broker_consumer, app)
        self.revocation = revocation
