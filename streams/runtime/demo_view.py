"""What a person sees of the demo: progress while it runs, then what was learned."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.panel import Panel
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from streams.cli.terms import newest_terms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streams.backends.clickhouse import ClickHouseWarehouse
    from streams.runtime.platform import Platform
    from streams.runtime.report import Report

_LABELS = """
SELECT label, count() AS documents, round(avg(confidence), 2) AS confidence,
    any(title) AS example
FROM documents GROUP BY label ORDER BY documents DESC LIMIT 12
"""
_ALERTS = """
SELECT message, severity, score, threshold,
    arrayMap(x -> x.term, terms_up), arrayMap(x -> x.term, terms_down),
    arrayMap(x -> x.doc_id, new_documents), arrayMap(x -> x.doc_id, old_documents)
FROM drift_alerts ORDER BY detected_at LIMIT 3
"""
_EVIDENCE = (("came", 10), ("went", 10), ("typical now", 4), ("typical before", 4))
_SUMMARY = """
SELECT doc_id, label, summary FROM documents WHERE cut_off = 0 AND sentences > 4
ORDER BY cityHash64(doc_id) LIMIT 3
"""


class DemoView:
    """Writes to standard output; plain lines where no terminal is there."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()

    def line(self, text: str) -> None:
        """Write one line."""
        self._console.print(Text(text))

    def found(self, documents: int, wanted: int) -> None:
        """Say how many documents there are."""
        if documents < wanted:
            self.line(f"this machine's packages hold {documents:,} documents, not {wanted:,}")
        else:
            self.line(f"{documents:,} documents: the standard library, then numerical packages")

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """Show that something goes on."""
        if self._console.is_terminal:
            with self._console.status(what):
                yield
        else:
            self.line(f"{what} ...")
            yield

    @contextmanager
    def pulling(self) -> Iterator[Callable[[str, int, int], None]]:
        """Yield a function that shows the progress of fetching the model."""
        columns = (TextColumn("model: {task.description}"), BarColumn(), DownloadColumn())
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task("looking", total=None, visible=False)

            def tell(step: str, done: int, total: int) -> None:
                progress.update(
                    task, description=step, completed=done, total=total or None, visible=True
                )

            yield tell

    @contextmanager
    def progress(self, total: int) -> Iterator[Callable[[int], None]]:
        """Yield a function that takes the number of documents that have landed."""
        columns = (
            SpinnerColumn(),
            TextColumn("documents through Kafka, model and ClickHouse"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        # Drawing takes processor time from the model that it watches: four times a second will do.
        with Progress(*columns, console=self._console, refresh_per_second=4) as progress:
            task = progress.add_task("landed", total=total)
            yield lambda landed: progress.update(task, completed=min(landed, total))

    def learned(self, database: ClickHouseWarehouse, report: Report, platform: Platform) -> None:
        """Show labels, terms, alerts, summaries, speed and ledger."""
        self._labels(database)
        self._summaries(database)
        self._terms(database)
        self._alerts(database)
        self._figures(report)
        url = platform.settings.clickhouse_url
        self.line(f"ask on: TIDEMARK_CLICKHOUSE={url} tidemark trends | terms | drift | sql ...")

    def _labels(self, database: ClickHouseWarehouse) -> None:
        table = Table("label", "documents", "confidence", "for instance", title="Labels")
        for label, documents, confidence, example in database.query(_LABELS).rows:
            table.add_row(label, f"{int(documents):,}", f"{confidence:.2f}", example or "")
        self._console.print(table)

    def _summaries(self, database: ClickHouseWarehouse) -> None:
        table = Table("document", "label", "summary", title="Summaries, some of them")
        for doc_id, label, summary in database.query(_SUMMARY).rows:
            table.add_row(doc_id, label, Text(summary[:240]))
        self._console.print(table)

    def _terms(self, database: ClickHouseWarehouse) -> None:
        table = Table("term", "z", "documents", "before", title="Emerging terms, newest quarter")
        for row in newest_terms(database, 10).dictionaries():
            before = str(row["baseline_documents"])
            table.add_row(row["term"], f"{row['z']:.1f}", str(row["documents"]), before)
        self._console.print(table)

    def _alerts(self, database: ClickHouseWarehouse) -> None:
        alerts = database.query(_ALERTS).rows
        if not alerts:
            self.line("No drift alert: too few documents for a reference, or no drift.")
        for message, severity, score, threshold, *lists in alerts:
            body = Text(message)
            body.append(f"\nscore {score:.1f}, alarm above {threshold:.1f}")
            for (title, most), names in zip(_EVIDENCE, lists, strict=True):
                if names:
                    body.append(f"\n{title}: {', '.join(names[:most])}")
            self._console.print(Panel(body, title=f"Drift alert ({severity})"))

    def _figures(self, report: Report) -> None:
        table = Table("figure", "value", title="The run")
        table.add_row("documents in", f"{report.documents_in:,}")
        table.add_row("rows landed", f"{report.rows_landed:,}")
        table.add_row("dead-lettered / lost / doubled", _counts(report))
        table.add_row("documents per second", f"{report.documents_per_second:,.0f}")
        if report.model_documents_per_second and report.pipeline_efficiency:
            alone = f"{report.model_documents_per_second:,.0f} ({report.pipeline_efficiency:.0%})"
            table.add_row("the model alone (pipeline's share of it)", alone)
        table.add_row("latency p50 / p95 / p99, ms", _latencies(report))
        table.add_row("peak memory", f"{report.peak_rss_mb:,.0f} MiB")
        table.add_row("device, precision", f"{report.device}, {report.compute_type}")
        self._console.print(table)


def _counts(report: Report) -> str:
    return f"{report.dead_letters} / {report.lost} / {report.duplicated}"


def _latencies(report: Report) -> str:
    values = (report.latency_ms.get(name) for name in ("p50", "p95", "p99"))
    return " / ".join("-" if value is None else f"{value:,.0f}" for value in values)
