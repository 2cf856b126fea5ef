"""One running role: its lane, its Faust app, its failure and its graceful end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from streams.errors import TidemarkError, Unavailable
from streams.runtime.lane import Lane

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import structlog

    from streams.runtime.faust_app import AppOptions, Hooks
    from streams.runtime.lane import Checkpoint, Step


class Companion(Protocol):
    """Something that runs in a thread of its own while the role does."""

    def start(self) -> None:
        """Begin; returns at once."""
        ...

    def stop(self) -> None:
        """End within seconds; called once, whether or not it has begun."""
        ...


@dataclass(frozen=True, slots=True)
class RolePlan:
    """All that is needed to start a role; times in seconds."""

    options: AppOptions
    hooks: Hooks
    steps: Sequence[Step]
    step_timeout: float
    checkpoint: Checkpoint | None = None
    tick: float = 0.5
    close: Callable[[], None] | None = None
    abandon: Callable[[], None] | None = None
    companions: Sequence[Companion] = ()


class RoleRunner:
    """Starts a role once; build another runner to start it again."""

    def __init__(
        self,
        plan: RolePlan,
        log: structlog.stdlib.BoundLogger,
        mount_web: Callable[[Any], None] | None = None,
    ) -> None:
        self._plan = plan
        self._log = log
        self._mount_web = mount_web
        self._lane: Lane | None = None
        self._app: Any = None

    @property
    def role(self) -> str:
        """Name of the role."""
        return self._plan.options.role

    @property
    def running(self) -> bool:
        """Whether the role has started and has not failed."""
        if self._lane is None or self._app is None or self._lane.failed.done():
            return False
        return not (self._app.crashed or self._app.should_stop)

    @property
    def adrift(self) -> bool:
        """Whether the role runs, but has no connection to its consumer group."""
        return self.running and bool(self._app.consumer.adrift)

    @property
    def at_work(self) -> int:
        """Batches read and not yet acknowledged."""
        return self._lane.at_work if self._lane else 0

    async def start(self) -> None:
        """Start the lane, then the app that feeds it; returns when the app is ready."""
        from streams.runtime.faust_app import build_app  # noqa: PLC0415 - faust is slow to import

        plan = self._plan
        for companion in plan.companions:
            companion.start()
        self._lane = Lane(
            plan.steps,
            in_flight=plan.options.batches_in_flight,
            timeout=plan.step_timeout,
            checkpoint=plan.checkpoint,
            tick=plan.tick,
        )
        self._lane.start()
        self._app = build_app(plan.options, self._lane, plan.hooks)
        self._app.finalize()
        if self._mount_web is not None:
            self._mount_web(self._app.web.web_app)
        await self._start_app()
        self._log.info("role started", group=plan.options.group, topics=list(plan.options.topics))

    async def _start_app(self) -> None:
        from streams.runtime.faust_security import consumer_error  # noqa: PLC0415 - see start

        starting = asyncio.ensure_future(self._app.start())
        refused = asyncio.ensure_future(consumer_error(self._app))
        try:
            await asyncio.wait({starting, refused}, return_when=asyncio.FIRST_COMPLETED)
            error = starting.exception() if starting.done() else refused.result()
        finally:
            starting.cancel()
            refused.cancel()
        if error is not None:
            raise await self._told_clearly(error) from error

    async def failure(self) -> BaseException:
        """Wait until the role fails; returns why."""
        assert self._lane is not None  # noqa: S101 - start comes first, by construction
        from streams.runtime.faust_security import consumer_error  # noqa: PLC0415 - see start

        app_ends = asyncio.ensure_future(self._app.wait_until_stopped())
        refused = asyncio.ensure_future(consumer_error(self._app))
        waits = {self._lane.failed, app_ends, refused}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            app_ends.cancel()
            refused.cancel()
        if self._lane.failed.done():
            return self._lane.failed.result()
        if refused.done():
            return await self._told_clearly(refused.result())
        reason: BaseException | None = self._app.crash_reason
        if reason is None:
            return Unavailable(f"the Kafka consumer of role {self.role} ended by itself")
        return await self._told_clearly(reason)

    async def _told_clearly(self, error: BaseException) -> BaseException:
        from streams.runtime.faust_security import clear_error  # noqa: PLC0415 - see start

        options = self._plan.options
        return await clear_error(
            error, options.bootstrap, options.security, options.group, options.topics
        )

    async def stop(self, timeout: float) -> bool:
        """Finish, commit and stop; returns False when in-flight batches had to be left."""
        drained = True
        for companion in self._plan.companions:
            await asyncio.to_thread(companion.stop)
        if self._lane is not None:
            drained = await self._lane.drain(timeout)
        if self._app is not None:
            await self._stop_app(timeout)
        if self._lane is not None:
            await self._lane.close()
        release = self._plan.close if drained else self._plan.abandon
        if release is not None:
            await self._release(release)
        self._log.info("role stopped", drained=drained)
        return drained

    async def _release(self, release: Callable[[], None]) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(None, release)
        except TidemarkError as error:
            # What was not delivered was not acknowledged either; the other roles must end too.
            self._log.warning("unclean stop", error=str(error))

    async def _stop_app(self, timeout: float) -> None:
        from streams.runtime.faust_app import wait_for_nothing  # noqa: PLC0415 - see start

        wait_for_nothing(self._app)
        ending = asyncio.ensure_future(self._commit_and_stop())
        # Not wait_for: Faust swallows cancellations, and wait_for would wait for the end of them.
        done, _ = await asyncio.wait({ending}, timeout=timeout)
        if not done:
            ending.cancel()
            self._log.warning("unclean stop", error=f"Faust has not ended after {timeout:g} s")
        elif ending.exception() is not None:
            # The end must be reached; redelivery follows.
            self._log.warning("unclean stop", error=repr(ending.exception()))

    async def _commit_and_stop(self) -> None:
        await self._app.consumer.commit()
        await self._app.stop()
