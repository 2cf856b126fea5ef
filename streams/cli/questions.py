"""``tidemark sql`` and its like: questions to ClickHouse, each in its own module."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from streams.cli import (
    changed,
    dead_letters,
    drift,
    ledger,
    search,
    summary,
    terms,
    trends,
    warehouse,
)
from streams.cli._asking import FormatOption, asking, show
from streams.cli._output import Format


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("trends")(trends.trends)
    app.command("terms")(terms.terms)
    app.command("summary")(summary.summary)
    app.command("changed")(changed.changed)
    app.add_typer(drift.app, name="drift")
    search.register(app)
    app.command("sql")(sql)
    app.command("ledger")(ledger.ledger)
    app.add_typer(dead_letters.app, name="dead-letters")
    app.command("migrate")(warehouse.migrate)


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
