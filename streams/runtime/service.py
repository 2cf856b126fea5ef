"""``tidemark run`` and ``tidemark worker``: roles, status page, signals, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.dashboard.access import WebAccess
from streams.dashboard.panels import Panels
from streams.dashboard.status import StatusPage
from streams.durations import parse_duration
from streams.errors import Unavailable
from streams.logs import logger
from streams.runtime.completion import Completion
from streams.runtime.ending import Ending
from streams.runtime.lane import StepTimeout
from streams.runtime.memory import MemorySampler
from streams.runtime.parts import open_parts
from streams.runtime.platform import open_platform
from streams.runtime.read_endpoint import ReadEndpoint
from streams.runtime.refusals import end_when_refused
from streams.runtime.report import write_report
from streams.runtime.run_record import RunRecord
from streams.runtime.status_source import StatusSource
from streams.runtime.web_port import choose_port, page_url
from streams.runtime.wiring import build_runners
from streams.runtime.worker import Worker, WorkerFailed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from aiohttp.web import Application

    from streams.config import Settings
    from streams.runtime.drift_role import DriftRole
    from streams.runtime.platform import Platform
    from streams.runtime.wiring import Parts
    from streams.topics import Role


_AFTER_FAILURE_S = 15.0


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """What runs, until when, and where its figures go."""

    roles: Sequence[Role]
    until_idle: bool = False
    report: Path | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """Started roles and where their page is."""

    worker: Worker
    drift: DriftRole | None
    url: str


def run_service(settings: Settings, options: ServiceOptions) -> None:
    """Run until a signal, a failure, or (``until_idle``) until all published has landed.

    Raises:
        Misconfigured: a setting is wrong; nothing was started.
        Unavailable: something needed does not answer.
        WorkerFailed: a role failed.
    """
    ending = Ending(logger())
    # Before anything is started: the pages may not be open to the network.
    WebAccess.of(settings)
    try:
        with open_platform(settings) as platform, open_parts(settings, options.roles) as parts:
            try:
                asyncio.run(_serve(platform, parts, options, ending))
            except WorkerFailed as failure:
                _leave_if_hung(platform, failure)
                raise
    finally:
        ending.settle()


def _leave_if_hung(platform: Platform, failure: WorkerFailed) -> None:
    """A step that hangs holds its thread for ever; Python would wait for it at exit."""
    if isinstance(failure.__cause__, StepTimeout):
        platform.log.error("leaving at once", reason=str(failure))
        platform.broker.close()
        os._exit(1)


async def _serve(platform: Platform, parts: Parts, options: ServiceOptions, ending: Ending) -> None:
    completion = Completion(platform)
    with MemorySampler() as memory:
        record = RunRecord(platform, parts, completion, memory)
        async with serving(
            platform,
            parts,
            options.roles,
            choose_port(platform.settings.web_host, platform.settings.web_port),
        ) as running:
            running.worker.stop_on_signals()
            platform.log.info("ready", roles=list(options.roles), page=running.url)
            idle = _stop_when_idle(completion, running) if options.until_idle else None
            task = asyncio.create_task(idle) if idle is not None else None
            try:
                await running.worker.wait()
            except WorkerFailed as failure:
                ending.within(_AFTER_FAILURE_S, str(failure))
                raise
            finally:
                if task is not None:
                    task.cancel()
            bound = parse_duration(platform.settings.shutdown_timeout) / 1000
            ending.within(bound + _AFTER_FAILURE_S, "told to stop, but not all roles could")
        if options.report is not None:
            write_report(options.report, record.report())
    await asyncio.to_thread(completion.close)


async def _stop_when_idle(completion: Completion, running: Running) -> None:
    try:
        await completion.wait(running.drift)
        running.worker.stop_requested.set()
    except Exception as error:  # noqa: BLE001 - ends the run with its reason
        running.worker.abort(error)


@asynccontextmanager
async def serving(
    platform: Platform, parts: Parts, roles: Sequence[Role], web: tuple[str, int]
) -> AsyncIterator[Running]:
    """Start the roles and the status page; stops them gracefully at the end."""
    source = StatusSource(platform, parts.warehouse)
    page = StatusPage(
        platform.metrics,
        source.gather,
        lambda: worker.healthy,
        lambda: worker.waiting,
        Panels(parts.warehouse, platform.clock.now_ms) if parts.warehouse is not None else None,
    )
    endpoint = ReadEndpoint(parts.warehouse)

    access = WebAccess.of(platform.settings)

    def mount(application: Application) -> None:
        access.mount(application)
        page.mount(application)
        endpoint.mount(application)

    runners, drift = build_runners(platform, roles, parts, web=web, mount_web=mount)
    worker = Worker(
        runners,
        shutdown_timeout=parse_duration(platform.settings.shutdown_timeout) / 1000,
        log=platform.log,
        board=platform.waiting,
    )
    loop = asyncio.get_running_loop()

    def gone(reason: str) -> None:
        loop.call_soon_threadsafe(worker.abort, Unavailable(reason))

    platform.broker.watch(gone)
    telling = asyncio.create_task(worker.tell())
    refused = end_when_refused(platform.broker, lambda: worker.waiting, worker.abort)
    watching = asyncio.create_task(refused)
    try:
        await worker.start()
        url = page_url(*web)
        endpoint.publish(url)
        yield Running(worker, drift, url)
    finally:
        # Its end would be told to a loop that has ended, too.
        platform.broker.unwatch()
        telling.cancel()
        watching.cancel()
        endpoint.withdraw()
        with contextlib.suppress(asyncio.CancelledError):
            await worker.stop()
        platform.stop.set()
