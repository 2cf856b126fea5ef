"""What a person sees: a bar while a scenario runs, a table at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

    from tests.fault.samples import Sample

_COLUMNS = {
    "documents": "documents",
    "damaged": "bad",
    "lost": "lost",
    "doubled": "doubled",
    "enriched_again": "again",
    "ended_by_themselves": "ended",
    "seconds": "s",
    "model": "model",
}


class Show:
    """A progress bar on standard error, in a terminal only."""

    def __init__(self, name: str, documents: int) -> None:
        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[lags]}"),
        )
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._task = self._progress.add_task(name, total=documents, lags="starting")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._progress.stop()

    def tell(self, sample: Sample) -> None:
        """Show a sample."""
        standing = sample.standing
        if standing is None:
            self._progress.update(self._task, lags="the broker is away")
            return
        lags = ", ".join(f"{role} -{lag}" for role, lag in standing.lag.items())
        self._progress.update(self._task, completed=standing.committed["enrich"], lags=lags)


def summary(reports: Sequence[dict[str, Any]]) -> None:
    """Print a table of all scenarios.

    "again" counts documents that were enriched once more, "ended" workers that ended by themselves.
    """
    table = Table(title="Faults")
    table.add_column("scenario")
    for title in _COLUMNS.values():
        table.add_column(title, justify="right")
    table.add_column("verdict")
    for report in reports:
        cells = [str(report.get(column, "")) for column in _COLUMNS]
        table.add_row(report["scenario"], *cells, "well" if report["well"] else "WRONG")
    Console().print(table)
