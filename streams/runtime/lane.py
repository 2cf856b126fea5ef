"""A lane: batches pass through steps in threads, overlapped, and are acknowledged in order.

Faust delivers, the lane works. Each step runs in a thread of its own, so that tokenizing batch
``n + 1`` hides behind inference on batch ``n``; the event loop never blocks. A batch is
acknowledged only when its last step has returned (its results are durable) and every batch before
it has been acknowledged. An exception that leaves a step is fatal: its batch and those behind it
are never acknowledged, and whatever restarts the worker reads those messages again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from streams.errors import Superseded, TidemarkError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from streams.ports import RawMessage


_LEAST_S = 0.1
_SUPERSEDED_S = 30.0


class StepTimeout(TidemarkError):  # noqa: N818 - named by its consequence
    """A step did not return in time; its thread cannot be stopped, so the process must end."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a lane.

    Attributes:
        name: for logs and metrics.
        run: called in the step's thread with what the step before returned.
        waits: whether it waits, for a database or a broker that is away, when its time is over:
            that may last as long as it takes.
    """

    name: str
    run: Callable[[Any], Any]
    waits: Callable[[], bool] = lambda: False


class Checkpoint(Protocol):
    """Makes the effects of all batches so far durable; called in the last step's thread."""

    def due(self, pending_messages: int) -> bool:
        """Whether to make a checkpoint now."""
        ...

    def save(self) -> None:
        """Make everything durable; the lane acknowledges when this returns."""
        ...


@dataclass(slots=True)
class _Batch:
    messages: Sequence[RawMessage]
    acknowledge: Callable[[], object]
    intake: int


class Lane:
    """Runs batches through ``steps`` in order.

    Args:
        steps: functions; each gets what the one before returned, the first the batch's messages.
        in_flight: batches at work at a time; ``submit`` waits when there are as many.
        timeout: seconds that one step may take, unless it ``waits``.
        checkpoint: for a role with state: batches are acknowledged at its checkpoints only.
        tick: seconds between looks whether an idle lane's checkpoint is due.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        *,
        in_flight: int,
        timeout: float,
        checkpoint: Checkpoint | None = None,
        tick: float = 0.5,
    ) -> None:
        self._steps = steps
        self._timeout = timeout
        self._checkpoint = checkpoint
        self._tick = tick
        self._room = asyncio.Semaphore(in_flight)
        self._queues: list[asyncio.Queue[tuple[_Batch, Any]]] = [
            asyncio.Queue(maxsize=1) for _ in steps
        ]
        self._pools = [ThreadPoolExecutor(1, f"tidemark-{step.name}") for step in steps]
        self._pending: deque[_Batch] = deque()
        self._at_work = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._held = [0] * len(steps)  # batches that wait for a step, or are in it
        self._moved = asyncio.Event()
        self._broken = -1  # the last step that failed
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False
        self._saving = asyncio.Lock()
        self._endings: set[asyncio.Future[None]] = set()
        self._superseded_at: float | None = None
        self._intake = 0
        self._kept_from = 0
        self.failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    def start(self) -> None:
        """Start the steps' tasks on the running loop."""
        self._tasks = [
            asyncio.create_task(
                self._guarded(self._work(position), position), name=f"lane-{step.name}"
            )
            for position, step in enumerate(self._steps)
        ]
        if self._checkpoint is not None:
            self._tasks.append(asyncio.create_task(self._guarded(self._ticker())))

    @property
    def at_work(self) -> int:
        """Batches submitted and not yet acknowledged."""
        return self._at_work + len(self._pending)

    async def submit(
        self, messages: Sequence[RawMessage], acknowledge: Callable[[], object]
    ) -> None:
        """Hand over a batch; waits while the lane is full, for ever once it is closing.

        A batch that still waits when ``settle`` is called is dropped.
        """
        intake = self._intake
        await self._room.acquire()
        if self._closing or self.failed.done():
            await asyncio.Event().wait()
        if intake != self._intake:
            self._room.release()
            return
        self._at_work += 1
        self._held[0] += 1
        self._idle.clear()
        await self._queues[0].put((_Batch(messages, acknowledge, intake), messages))

    def fail(self, error: BaseException) -> None:
        """Acknowledge nothing more, and hand the error to whoever watches ``failed``."""
        if not self.failed.done():
            self.failed.set_result(error)

    async def settle(self, timeout: float, then: Callable[[], object] = lambda: None) -> bool:
        """Give back all that was submitted, for a rebalance; the lane goes on afterwards.

        What is finished within ``timeout`` seconds is acknowledged, what takes longer never: it
        is dropped before its next step.

        Args:
            timeout: bound on all of it.
            then: called in the last step's thread, after what that is at, before anything new.

        Returns:
            Whether everything was finished.
        """
        self._intake += 1
        deadline = asyncio.get_running_loop().time() + timeout
        settled = await self._ended(self._finish_all(), timeout)
        if not settled:
            self._kept_from = self._intake
            self._pending.clear()
        left = deadline - asyncio.get_running_loop().time()
        await self._ended(self._in_thread(-1, then), max(_LEAST_S, left))
        self._superseded_at = None
        return settled

    async def drain(self, timeout: float) -> bool:
        """Finish and acknowledge what is in flight; returns False when that took too long.

        After a failure only what had passed the step that failed: to leave it would be to do
        again what is nearly done.
        """
        self._closing = True
        deadline = asyncio.get_running_loop().time() + timeout
        drained = await self._ended(self._finish_all(), timeout)
        if self.failed.done() and self._checkpoint is None:
            left = deadline - asyncio.get_running_loop().time()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._finish_ahead(), left)
        return drained

    async def _ended(self, work: Awaitable[Any], timeout: float) -> bool:
        """Wait for something; it goes on when that takes too long, for no thread can be stopped."""
        ending: asyncio.Future[None] = asyncio.ensure_future(self._guarded(work))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)
        waits: set[asyncio.Future[Any]] = {ending, self.failed}
        done, _ = await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        return ending in done and not self.failed.done()

    async def _finish_all(self) -> None:
        await self._idle.wait()
        # A checkpoint may wait for a database that is away: it counts for the bound, too.
        await self._save_if_due(force=True)

    async def _finish_ahead(self) -> None:
        """Wait until nothing is left that is ahead of the step that failed."""
        while self._broken >= 0 and any(self._held[self._broken + 1 :]):
            self._moved.clear()
            await self._moved.wait()

    async def close(self) -> None:
        """Stop the tasks; unacknowledged batches will be delivered again."""
        self._closing = True
        ending = {*self._tasks, *self._endings}
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        for pool in self._pools:
            pool.shutdown(wait=False, cancel_futures=True)

    async def _guarded(self, work: Awaitable[None], position: int = -1) -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - handed to the supervisor, never lost
            self._broken = max(self._broken, position)
            self._moved.set()
            self.fail(error)

    async def _work(self, position: int) -> None:
        last = position == len(self._steps) - 1
        while True:
            batch, value = await self._queues[position].get()
            if self._abandoned(batch):
                self._leave(position)
                continue
            result = await self._run(position, self._steps[position].run, value)
            if last:
                await self._finish(batch)
            else:
                self._held[position] -= 1
                self._held[position + 1] += 1
                await self._queues[position + 1].put((batch, result))

    async def _run(self, position: int, function: Callable[..., Any], *args: Any) -> Any:
        call = self._in_thread(position, function, *args)
        step = self._steps[position]
        while not (await asyncio.wait({call}, timeout=self._timeout))[0]:
            if not step.waits():
                raise StepTimeout(
                    f"step {step.name} took longer than {self._timeout:g} s; the worker stops so "
                    "that its messages are read again (TIDEMARK_INFERENCE_TIMEOUT sets the bound)"
                )
        return call.result()

    def _in_thread(
        self, position: int, function: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._pools[position], function, *args)

    def _abandoned(self, batch: _Batch) -> bool:
        return batch.intake < self._kept_from

    async def _finish(self, batch: _Batch) -> None:
        if not self._abandoned(batch):
            self._pending.append(batch)
            if self._checkpoint is None:
                self._acknowledge([batch])
            else:
                await self._save_if_due()
        self._leave(len(self._steps) - 1)

    def _leave(self, position: int) -> None:
        self._held[position] -= 1
        self._moved.set()
        self._at_work -= 1
        self._room.release()
        if self._at_work == 0:
            self._idle.set()

    async def _ticker(self) -> None:
        while True:
            await asyncio.sleep(self._tick)
            await self._save_if_due()

    async def _save_if_due(self, *, force: bool = False) -> None:
        """Make a checkpoint and acknowledge the batches that it covers.

        One at a time: a batch that finishes while it is being written waits for the next one. None
        after a failure: a step that raised may have left half of a batch in the role's state.
        """
        async with self._saving:
            if self._checkpoint is None or not self._pending or self.failed.done():
                return
            if not force and not self._checkpoint.due(self._pending_messages()):
                return
            covered = list(self._pending)
            try:
                await self._run(len(self._steps) - 1, self._checkpoint.save)
            except Superseded as error:
                self._let_go(error)
            else:
                self._superseded_at = None
                self._acknowledge(covered)

    def _let_go(self, error: Superseded) -> None:
        """Acknowledge nothing that was done: others do it again. Soon a rebalance tells us so.

        Raises:
            Superseded: it never did. Then only a new start puts things right.
        """
        now = asyncio.get_running_loop().time()
        if self._superseded_at is None:
            self._superseded_at = now
        elif now - self._superseded_at > _SUPERSEDED_S:
            raise error
        self._pending.clear()

    def _pending_messages(self) -> int:
        return sum(len(batch.messages) for batch in self._pending)

    def _acknowledge(self, batches: Sequence[_Batch]) -> None:
        """Acknowledge the oldest of the pending batches, unless they were abandoned meanwhile."""
        for batch in batches:
            if not self._abandoned(batch):
                self._pending.popleft()
                batch.acknowledge()
