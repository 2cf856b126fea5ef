"""``tidemark drift``: the windows of drift detection, its alerts, and questions about the past."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli import _queries, drift_orders
from streams.cli._asking import (
    FormatOption,
    FromOption,
    LimitOption,
    SourceOption,
    ToOption,
    answer,
    time_range,
)
from streams.cli._groups import ShowByDefault
from streams.cli._output import Format, printable
from streams.cli.drift_backtest import backtest
from streams.cli.drift_between import between
from streams.cli.trends import sparkline

if TYPE_CHECKING:
    from streams.backends.clickhouse import Table

app = typer.Typer(
    cls=ShowByDefault,
    help="""Show drift statistics per source and window, or the alerts.

`show` is what runs where no command is named; its options are in `tidemark drift show --help`.

Example: `tidemark drift --alerts --format json`
""",
)
drift_orders.register(app)
app.command("between")(between)
app.command("backtest")(backtest)


@app.command("show")
def show(
    *,
    start: FromOption = None,
    end: ToOption = None,
    source: SourceOption = None,
    alerts: Annotated[
        bool, typer.Option("--alerts", help="The alerts in place of the windows.")
    ] = False,
    monitors: Annotated[
        bool, typer.Option("--monitors", help="The plain monitors' numbers of the windows.")
    ] = False,
    labels: Annotated[
        bool,
        typer.Option(
            "--labels", help="How far each label is (TIDEMARK_DRIFT_SEGMENTS=label), newest first."
        ),
    ] = False,
    plot: Annotated[
        bool | None,
        typer.Option("--plot/--no-plot", help="Scores as a line; in a terminal by default."),
    ] = None,
    limit: LimitOption = 30,
    how: FormatOption = Format.TABLE,
) -> None:
    """Show statistics and drift score per source and window, or the alerts.

    Example: `tidemark drift --alerts --format json`
    """
    parameters = time_range(start, end) | {"source": source or "", "limit": limit}
    if alerts:
        answer(_queries.DRIFT_ALERTS, parameters, how, title="Drift alerts", none="no alerts")
    elif labels:
        title, none = "Labels watched by themselves, newest first", "no label is watched by itself"
        answer(_queries.DRIFT_LABELS, parameters, how, title=title, none=none)
    elif monitors:
        answer(_queries.DRIFT_MONITORS, parameters, how, title="Plain monitors, newest first")
    else:
        drawn = sys.stdout.isatty() if plot is None else plot
        above = score_lines if drawn else None
        answer(_queries.DRIFT_WINDOWS, parameters, how, title="Windows, newest first", above=above)


def score_lines(table: Table) -> str:
    """Return a line of bars for each source: the scores of its windows, oldest first."""
    sources: dict[str, list[dict[str, Any]]] = {}
    for row in reversed(table.dictionaries()):
        sources.setdefault(printable(row["source"]), []).append(row)
    width = max(map(len, sources), default=0)
    return "\n".join([*(f"{name:<{width}}  {_line(rows)}" for name, rows in sources.items()), ""])


def _line(rows: list[dict[str, Any]]) -> str:
    scores = [float(row["score"] or 0) for row in rows]
    bounds = [float(row["threshold"]) for row in rows if row["threshold"] is not None]
    if not bounds:
        return f"{sparkline(scores, 1)}  collecting a reference"
    beyond = sum(score > bounds[-1] for score in scores)
    said = f"highest {max(scores):g}, alarm above {bounds[-1]:g}: {beyond} of {len(rows)} windows"
    return f"{sparkline(scores, max(*scores, bounds[-1]))}  {said}"
