"""A lane: batches pass through steps in threads, overlapped, and are acknowledged in order.

Faust delivers, the lane works. Each step runs in a thread of its own, so that tokenizing batch
``n + 1`` hides behind inference on batch ``n``; the event loop never blocks. A batch is
acknowledged only when its last step has returned (its results are durable) and every batch before
it has been acknowledged. An exception that leaves a step is fatal: nothing more is acknowledged,
and whatever restarts the worker reads those messages again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from streams.errors import TidemarkError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from streams.ports import RawMessage


class StepTimeout(TidemarkError):  # noqa: N818 - named by its consequence
    """A step did not return in time; its thread cannot be stopped, so the process must end."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a lane.

    Attributes:
        name: for logs and metrics.
        run: called in the step's thread with what the step before returned.
        waits: it may wait for a database or a broker that is away, for as long as that takes.
    """

    name: str
    run: Callable[[Any], Any]
    waits: bool = False


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
    acknowledge: Callable[[], Awaitable[None]]


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
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False
        self._saving = asyncio.Lock()
        self.failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    def start(self) -> None:
        """Start the steps' tasks on the running loop."""
        self._tasks = [
            asyncio.create_task(self._guarded(self._work(position)), name=f"lane-{step.name}")
            for position, step in enumerate(self._steps)
        ]
        if self._checkpoint is not None:
            self._tasks.append(asyncio.create_task(self._guarded(self._ticker())))

    @property
    def at_work(self) -> int:
        """Batches submitted and not yet acknowledged."""
        return self._at_work + len(self._pending)

    async def submit(
        self, messages: Sequence[RawMessage], acknowledge: Callable[[], Awaitable[None]]
    ) -> None:
        """Hand over a batch; waits while the lane is full, for ever once it is closing."""
        await self._room.acquire()
        if self._closing or self.failed.done():
            await asyncio.Event().wait()
        self._at_work += 1
        self._idle.clear()
        await self._queues[0].put((_Batch(messages, acknowledge), messages))

    def fail(self, error: BaseException) -> None:
        """Acknowledge nothing more, and hand the error to whoever watches ``failed``."""
        if not self.failed.done():
            self.failed.set_result(error)

    async def drain(self, timeout: float) -> bool:
        """Finish and acknowledge what is in flight; returns False when that took too long."""
        self._closing = True
        ending: asyncio.Future[Any] = asyncio.ensure_future(self._guarded(self._finish_all()))
        waits: set[asyncio.Future[Any]] = {ending, self.failed}
        done, _ = await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        return ending in done and not self.failed.done()

    async def _finish_all(self) -> None:
        await self._idle.wait()
        # A checkpoint may wait for a database that is away: it counts for the bound, too.
        await self._save_if_due(force=True)

    async def close(self) -> None:
        """Stop the tasks; unacknowledged batches will be delivered again."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for pool in self._pools:
            pool.shutdown(wait=False, cancel_futures=True)

    async def _guarded(self, work: Awaitable[None]) -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - handed to the supervisor, never lost
            self.fail(error)

    async def _work(self, position: int) -> None:
        last = position == len(self._steps) - 1
        while True:
            batch, value = await self._queues[position].get()
            result = await self._run(position, self._steps[position].run, value)
            if last:
                await self._finish(batch)
            else:
                await self._queues[position + 1].put((batch, result))

    async def _run(self, position: int, function: Callable[..., Any], *args: Any) -> Any:
        loop = asyncio.get_running_loop()
        call = loop.run_in_executor(self._pools[position], function, *args)
        step = self._steps[position]
        try:
            return await asyncio.wait_for(call, None if step.waits else self._timeout)
        except asyncio.TimeoutError as error:
            raise StepTimeout(
                f"step {step.name} took longer than {self._timeout:g} s; the worker stops so that "
                "its messages are read again (TIDEMARK_INFERENCE_TIMEOUT sets the bound)"
            ) from error

    async def _finish(self, batch: _Batch) -> None:
        self._pending.append(batch)
        if self._checkpoint is None:
            await self._acknowledge(len(self._pending))
        else:
            await self._save_if_due()
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
            covered = len(self._pending)
            await self._run(len(self._steps) - 1, self._checkpoint.save)
            await self._acknowledge(covered)

    def _pending_messages(self) -> int:
        return sum(len(batch.messages) for batch in self._pending)

    async def _acknowledge(self, count: int) -> None:
        for _ in range(min(count, len(self._pending))):
            await self._pending.popleft().acknowledge()
