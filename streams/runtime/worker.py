"""A worker: one or more roles in one process, until told to stop or until one fails."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any

from streams.errors import TidemarkError
from streams.runtime.waiting import Waiting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import structlog

    from streams.runtime.role_runner import RoleRunner

_LOOK_S = 1.0
_PASSING_S = 5.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class WorkerFailed(TidemarkError):  # noqa: N818 - named by its consequence
    """A role failed; nothing that it had not finished was acknowledged."""


class Worker:
    """Runs roles side by side on one event loop.

    Args:
        runners: the roles, in the order in which documents pass through them.
        shutdown_timeout: seconds for all in-flight batches to be finished and committed.
        board: what the roles wait for.
    """

    def __init__(
        self,
        runners: Sequence[RoleRunner],
        *,
        shutdown_timeout: float,
        log: structlog.stdlib.BoundLogger,
        board: Waiting | None = None,
    ) -> None:
        self._runners = runners
        self._board = board or Waiting()
        self._timeout = shutdown_timeout
        self._log = log
        self._started: list[RoleRunner] = []
        self.stop_requested = asyncio.Event()
        self._aborted: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    @property
    def healthy(self) -> dict[str, bool]:
        """Role -> whether it runs."""
        return {runner.role: runner.running for runner in self._runners}

    @property
    def waiting(self) -> Mapping[str, str]:
        """Role -> what it waits for; a role that waits is well, but does not get on."""
        adrift = {
            runner.role: "has no connection to its consumer group: are the brokers away?"
            for runner in self._runners
            if runner.adrift
        }
        return {**adrift, **self._board.now()}

    def abort(self, error: BaseException) -> None:
        """End ``wait`` with an error that no role noticed; call it on the loop."""
        if not self._aborted.done():
            self._aborted.set_result(error)

    async def start(self) -> None:
        """Start all roles side by side: each waits seconds for its consumer group.

        Topics keep what one role produces before another reads it.
        """
        self._started = list(self._runners)
        starting = [runner.start() for runner in self._runners]
        for outcome in await asyncio.gather(*starting, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def tell(self) -> None:
        """Say when roles wait and when they get on again; runs until cancelled.

        Not when they wait in passing, as at the start, when the broker makes their groups.
        """
        since: dict[str, float] = {}
        told: set[str] = set()
        clock = asyncio.get_running_loop().time
        while True:
            waiting, now = self.waiting, clock()
            for role, reason in waiting.items():
                if now - since.setdefault(role, now) >= _PASSING_S and role not in told:
                    told.add(role)
                    self._log.warning("waiting", role=role, reason=reason)
            for role in since.keys() - waiting.keys():
                lasted = now - since.pop(role)
                if role in told:
                    told.remove(role)
                    self._log.info("going on", role=role, after_s=round(lasted))
            await asyncio.sleep(_LOOK_S)

    def stop_on_signals(self) -> None:
        """Stop gracefully on SIGINT and SIGTERM; a second signal ends the process at once."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._on_signal, number)

    def _on_signal(self, number: int) -> None:
        self._log.info("stopping", signal=signal.Signals(number).name)
        self.stop_requested.set()
        for each in _SIGNALS:
            asyncio.get_running_loop().remove_signal_handler(each)

    async def wait(self) -> None:
        """Wait for a stop request.

        Raises:
            WorkerFailed: a role failed; carries its one-line reason.
        """
        stop = asyncio.ensure_future(self.stop_requested.wait())
        failures = {
            asyncio.ensure_future(runner.failure()): runner.role for runner in self._runners
        }
        waits: set[asyncio.Future[Any]] = {stop, self._aborted, *failures}
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in waits - done - {self._aborted}:
            task.cancel()
        if self._aborted in done:
            raise _failed("all", self._aborted.result())
        for task, role in failures.items():
            if task in done:
                raise _failed(role, task.result())

    async def stop(self) -> None:
        """Stop all roles in the order in which documents pass through them.

        When the worker was aborted, nobody is there who would take what is in flight.
        """
        timeout = 0.0 if self._aborted.done() else self._timeout
        deadline = asyncio.get_running_loop().time() + timeout
        for runner in self._started:
            left = max(1.0, deadline - asyncio.get_running_loop().time())
            await runner.stop(left)
        self._started.clear()


def _failed(role: str, error: BaseException) -> WorkerFailed:
    text = str(error) if isinstance(error, TidemarkError) else f"{type(error).__name__}: {error}"
    failure = WorkerFailed(
        f"role {role} stopped: {text}. Nothing unfinished was acknowledged: start again to go on"
    )
    failure.__cause__ = error
    return failure
