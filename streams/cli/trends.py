"""``tidemark trends``: labels, or a term, over time; in a terminal with a line for each."""

from __future__ import annotations

import sys
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli import _queries
from streams.cli._asking import (
    FormatOption,
    FromOption,
    LimitOption,
    SourceOption,
    ToOption,
    asking,
    hint_of,
    show,
    time_range,
)
from streams.cli._output import Format, printable
from streams.cli.topic_trends import topic_trends

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.backends.clickhouse import Reader, Table

_MOST_PERIODS = 24
_BARS = "▁▂▃▄▅▆▇█"
_MOST_LINES = 12


class Unit(str, Enum):
    """Unit of time of the trends, or their topics instead of their labels."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    TOPIC = "topic"


def trends(
    *,
    start: FromOption = None,
    end: ToOption = None,
    source: SourceOption = None,
    by: Annotated[
        Unit | None,
        typer.Option("--by", help="Unit of time, one that fits if absent; or topic."),
    ] = None,
    term: Annotated[
        str | None, typer.Option("--term", help="A word or two-word phrase, instead of the labels.")
    ] = None,
    plot: Annotated[
        bool | None,
        typer.Option("--plot/--no-plot", help="Lines above the table; in a terminal by default."),
    ] = None,
    limit: LimitOption = 60,
    how: FormatOption = Format.TABLE,
) -> None:
    """Show how many documents of each label were published, over time; or a term, or topics' lines.

    Example: `tidemark trends --from 7d --by day --source news`, `tidemark trends --by topic`
    """
    parameters = time_range(start, end) | {"source": source or "", "limit": limit}
    if by is Unit.TOPIC:
        topic_trends(parameters, how)
        return
    with asking() as reader:
        unit = _fitting_unit(reader, source or "") if by is None else by.value
        if term is None:
            table = reader.query(_queries.trends(unit), parameters)
        else:
            asked = parameters | {"term": term.casefold()}
            table = reader.query(_queries.term_trends(unit), asked)
        none = "no rows match; widen --from, --to or --source"
        hint = None if table.rows else hint_of(reader, none)
    if how is Format.TABLE and table.rows and (sys.stdout.isatty() if plot is None else plot):
        typer.echo(lines(table, "label" if term is None else "term"))
    title = "Documents by label" if term is None else f"Documents with {printable(term)!r}"
    show(table, how, title=title, hint=hint)


def lines(table: Table, name: str) -> str:
    """Return a line of bars for each label or term, oldest period first, largest at the top."""
    periods = sorted(set(table.column("period")))
    counts: dict[str, dict[str, int]] = {}
    for row in table.dictionaries():
        counts.setdefault(str(row[name]), {})[row["period"]] = int(row["documents"])
    most = max((count for line in counts.values() for count in line.values()), default=0)
    largest = sorted(counts, key=lambda label: -sum(counts[label].values()))[:_MOST_LINES]
    width = max(map(len, largest), default=0)
    drawn = []
    for label in largest:
        values = [counts[label].get(at, 0) for at in periods]
        drawn.append(f"{printable(label):<{width}}  {sparkline(values, most)}  {sum(values)}")
    return "\n".join([*drawn, f"{'':<{width}}  {periods[0]} to {periods[-1]}, highest {most}", ""])


def sparkline(values: Sequence[float], most: float) -> str:
    """Return one character a value: a dot for none, else one of eight heights up to ``most``."""
    steps = len(_BARS)
    return "".join(
        _BARS[min(int(value * steps / max(most, 1)), steps - 1)] if value else "·"
        for value in values
    )


def _fitting_unit(reader: Reader, source: str) -> str:
    """Choose the finest unit that cuts the documents' time into a readable number of periods."""
    bounds = reader.query(_queries.BOUNDS, {"source": source}).dictionaries()[0]
    seconds = (bounds["last"] - bounds["first"]) / 1000
    fitting = (unit for unit, length in _queries.UNITS.items() if seconds / length <= _MOST_PERIODS)
    return next(fitting, "year")
