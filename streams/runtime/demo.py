"""``tidemark demo``: the whole pipeline on real documents, embedded, in a fresh folder."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from streams.backends.kafka.process import lock_file
from streams.backends.kafka.sharing import Ownership
from streams.cli.publishing import Outcome, Pacer, Publisher
from streams.corpus import demo_documents
from streams.durations import parse_duration
from streams.errors import Misconfigured, Unavailable
from streams.readers import Found
from streams.runtime.completion import Completion
from streams.runtime.demo_view import DemoView
from streams.runtime.memory import MemorySampler
from streams.runtime.model_speed import ModelAlone
from streams.runtime.parts import open_parts
from streams.runtime.platform import open_platform
from streams.runtime.report import write_report
from streams.runtime.run_record import RunRecord
from streams.runtime.service import serving
from streams.runtime.web_port import choose_port
from streams.runtime.wiring import role_producer
from streams.stages.ingest import Ingest
from streams.topics import ROLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from schemas.messages import Document
    from streams.config import Settings
    from streams.runtime.platform import Platform
    from streams.runtime.report import Report
    from streams.runtime.service import Running
    from streams.runtime.wiring import Parts

_STEP_MS = 1_000
_REFERENCE_SHARE = 4
_LEAST_REFERENCE = 100
_IN_USE = "demo.lock"

# The classes that suit documentation; TIDEMARK_LABELS replaces them.
DEMO_LABELS = {
    "files and processes": "reading and writing files, paths, operating system, subprocesses",
    "networking and web": "sockets, servers, HTTP requests, e-mail, URLs, internet protocols",
    "text and parsing": "strings, regular expressions, parsing, encoding, formatting of text",
    "numbers and arrays": "numerical arrays, matrices, linear algebra, statistics, mathematics",
    "tables and time series": "data frames, columns, rows, indexes, grouping, dates and times",
    "language and types": "classes, functions, modules, imports, types, syntax of the language",
    "concurrency": "threads, locks, tasks, event loops, asynchronous programming",
    "testing and debugging": "tests, assertions, debugging, tracing, warnings and logging",
    "data formats": "serialization, JSON, XML, Parquet, compression, database files",
}


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """How many documents, where the figures go, whether to serve, at which rate per second."""

    documents: int
    report: Path | None
    serve: bool
    rate: float | None = None


def run_demo(settings: Settings, options: DemoOptions) -> None:
    """Run the demo; returns when it has shown what was learned (and nobody looks any more).

    Raises:
        Misconfigured: a setting is wrong.
        Unavailable: the weights cannot be fetched, or the broker does not start.
        WorkerFailed: a role failed.
    """
    view = DemoView()
    with _fresh_folder(settings.data) as folder:
        demo = _demo_settings(settings, folder, options.documents)
        now_ms = time.time_ns() // 1_000_000
        with view.working("reading the documentation of installed packages"):
            documents = list(demo_documents(options.documents, now_ms=now_ms, step_ms=_STEP_MS))
        view.found(len(documents), options.documents)
        with (
            view.working("starting the broker"),
            contextlib.ExitStack() as stack,
        ):
            platform = stack.enter_context(open_platform(demo, folder))
            opened = stack.pop_all()
        with opened:
            view.line(platform.broker.describe())
            with view.pulling() as progress, open_parts(demo, ROLES, progress=progress) as parts:
                asyncio.run(_Demo(platform, parts, view, options, documents).run())


class _Demo:
    """One run of the demo."""

    def __init__(
        self,
        platform: Platform,
        parts: Parts,
        view: DemoView,
        options: DemoOptions,
        documents: Sequence[Document],
    ) -> None:
        self._platform = platform
        self._parts = parts
        self._view = view
        self._options = options
        self._documents = documents
        self._stop_publishing = threading.Event()
        assert parts.enricher is not None  # noqa: S101 - opened for all roles
        batch = platform.settings.batch_documents
        self._alone = ModelAlone(parts.enricher, documents, batch)
        # Opened early: a new broker takes a moment to give out the first producer's id.
        self._producer = role_producer(platform, "demo")

    async def run(self) -> None:
        """Publish, wait until all has landed, show, and serve while somebody looks."""
        completion = Completion(self._platform)
        with self._view.working("measuring the model alone, before and after"):
            await asyncio.to_thread(self._alone.measure, 0)
        settings = self._platform.settings
        web = choose_port(settings.web_host, settings.web_port, fall_back=True)
        try:
            with MemorySampler() as memory:
                async with serving(self._platform, self._parts, ROLES, web) as running:
                    running.worker.stop_on_signals()
                    record = RunRecord(self._platform, self._parts, completion, memory)
                    record.restart_clock()
                    if await self._flow(running, completion):
                        self._show(await asyncio.to_thread(self._figures, record))
                        await self._serve(running)
        finally:
            await asyncio.to_thread(completion.close)

    async def _flow(self, running: Running, completion: Completion) -> bool:
        """Send all documents through; False when somebody stopped it."""
        publishing = asyncio.ensure_future(asyncio.to_thread(self._publish))
        through = asyncio.ensure_future(self._through(publishing, running, completion))
        ended = asyncio.ensure_future(running.worker.wait())
        bar = asyncio.ensure_future(self._progress())
        try:
            done, _ = await asyncio.wait({through, ended}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            return through in done
        finally:
            self._stop_publishing.set()
            for task in (through, ended, bar):
                task.cancel()
            await asyncio.gather(publishing, through, bar, return_exceptions=True)

    async def _through(
        self, publishing: asyncio.Future[None], running: Running, completion: Completion
    ) -> None:
        await publishing
        await completion.wait(running.drift)

    def _publish(self) -> None:
        platform, settings = self._platform, self._platform.settings
        ingest = Ingest(
            platform.codec.decode, settings.max_document_bytes, parse_duration(settings.max_future)
        )
        publisher = Publisher(
            self._producer,
            platform.topics.documents,
            encode=lambda document: platform.codec.encode(platform.topics.documents, document),
            ingest=ingest,
            clock=platform.clock,
            pace=self._pace(),
        )
        outcome = Outcome()
        publisher.run(self._found(), outcome)
        self._producer.close()
        if outcome.refused:
            raise Misconfigured(f"the demo's own document was refused: {outcome.reasons[0]}")

    def _pace(self) -> Pacer:
        rate = self._options.rate or float("inf")
        return Pacer(rate, time.monotonic, self._stop_publishing.wait)

    def _found(self) -> Iterator[Found]:
        for document in self._documents:
            if self._stop_publishing.is_set():
                return
            yield Found(document.doc_id or "", document)

    async def _progress(self) -> None:
        metrics = self._platform.metrics
        with self._view.progress(len(self._documents)) as update:
            while True:
                landed = metrics.total("tidemark_documents_landed_total")
                letters = metrics.total("tidemark_dead_letters_landed_total")
                update(int(landed + letters))
                await asyncio.sleep(0.25)

    def _figures(self, record: RunRecord) -> Report:
        with self._view.working("measuring the model alone on the same documents"):
            self._alone.measure(1)
        details = {"model_documents": self._alone.documents}
        speed = self._alone.documents_per_second
        report = record.report(model_documents_per_second=speed, details=details)
        if self._options.report is not None:
            write_report(self._options.report, report)
        return report

    def _show(self, report: Report) -> None:
        assert self._parts.warehouse is not None  # noqa: S101 - opened for all roles
        self._view.learned(self._parts.warehouse, report, self._platform)
        if self._options.report is not None:
            self._view.line(f"report: {self._options.report}")
        if report.lost or report.duplicated:
            raise Unavailable(
                f"the ledger does not add up: {report.lost} lost, {report.duplicated} doubled"
            )

    async def _serve(self, running: Running) -> None:
        if self._options.serve:
            self._view.line(f"status page: {running.url}   (Ctrl-C ends)")
            await running.worker.wait()


@contextmanager
def _fresh_folder(data: Path) -> Iterator[Path]:
    """Yield an empty folder; folders of earlier demos that nobody uses any more are removed.

    Whether somebody does, a lock tells that a demo holds from its start to its end.
    """
    root = data / "demo"
    root.mkdir(parents=True, exist_ok=True)
    for old in root.iterdir():
        if old.is_dir():
            _remove_unused(old)
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S")
    folder = root / stamp
    attempt = 1
    while folder.exists():
        attempt += 1
        folder = root / f"{stamp}-{attempt}"
    folder.mkdir()
    lock = lock_file(folder / _IN_USE)
    try:
        yield folder
    finally:
        if lock is not None:
            os.close(lock)


def _remove_unused(folder: Path) -> None:
    lock = lock_file(folder / _IN_USE)
    if lock is None:
        return
    # Others may run a broker there although its demo has ended.
    ownership = Ownership.claim(folder)
    if ownership is not None:
        ownership.release()
        shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)


def _demo_settings(settings: Settings, folder: Path, documents: int) -> Settings:
    reference = max(_LEAST_REFERENCE, min(settings.drift_reference, documents // _REFERENCE_SHARE))
    changes: dict[str, object] = {
        "drift_reference": reference,
        "clickhouse": settings.clickhouse or f"chdb://{(folder / 'clickhouse').resolve()}",
        "labels": settings.labels or DEMO_LABELS,
    }
    if settings.kafka not in {"auto", "local", "in-process"}:
        # Somebody's own broker: keep away from the topics that hold their documents.
        changes["topic_prefix"] = f"{settings.topic_prefix}-demo-{folder.name.lower()}"
    return settings.model_copy(update=changes)
