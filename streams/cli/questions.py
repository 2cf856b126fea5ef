"""``tidemark trends | terms | drift | sql | ledger | dead-letters | migrate``: ask ClickHouse."""

from __future__ import annotations

import sys
from enum import Enum
from typing import Annotated

import typer

from streams.cli import _queries, dead_letters, drift, ledger, search, terms, warehouse
from streams.cli._asking import (
    FormatOption,
    FromOption,
    LimitOption,
    SourceOption,
    ToOption,
    answer,
    asking,
    show,
    time_range,
)
from streams.cli._output import Format
from streams.cli.topic_trends import topic_trends

_MOST_PERIODS = 24


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


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("trends")(trends)
    app.command("terms")(terms.terms)
    app.add_typer(drift.app, name="drift")
    search.register(app)
    app.command("sql")(sql)
    app.command("ledger")(ledger.ledger)
    app.add_typer(dead_letters.app, name="dead-letters")
    app.command("migrate")(warehouse.migrate)


def trends(
    *,
    start: FromOption = None,
    end: ToOption = None,
    source: SourceOption = None,
    by: Annotated[
        Unit | None,
        typer.Option("--by", help="Unit of time, one that fits if absent; or topic."),
    ] = None,
    limit: LimitOption = 60,
    how: FormatOption = Format.TABLE,
) -> None:
    """Show how many documents of each label were published, over time; or the topics' lines.

    Example: `tidemark trends --from 7d --by day --source news`, `tidemark trends --by topic`
    """
    parameters = time_range(start, end) | {"source": source or "", "limit": limit}
    if by is Unit.TOPIC:
        topic_trends(parameters, how)
        return
    if by is None:
        by = Unit(_fitting_unit(source or ""))
    answer(_queries.trends(by.value), parameters, how, title="Documents by label")


def sql(
    statement: Annotated[
        str, typer.Argument(help="One reading statement; - reads it from standard input.")
    ],
    *,
    how: FormatOption = Format.TABLE,
) -> None:
    """Ask in SQL, read-only; `tidemark sql "SHOW TABLES"` lists what can be asked.

    Example: `tidemark sql "SELECT label, count() FROM documents GROUP BY label"`
    """
    text = sys.stdin.read() if statement == "-" else statement
    with asking() as reader:
        table = reader.query(text)
    show(table, how, hint=None if table.rows else "no rows")


def _fitting_unit(source: str) -> str:
    """Choose the finest unit that cuts the documents' time into a readable number of periods."""
    with asking() as reader:
        bounds = reader.query(_queries.BOUNDS, {"source": source}).dictionaries()[0]
    seconds = (bounds["last"] - bounds["first"]) / 1000
    fitting = (unit for unit, length in _queries.UNITS.items() if seconds / length <= _MOST_PERIODS)
    return next(fitting, "year")
