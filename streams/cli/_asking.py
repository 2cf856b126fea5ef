"""What the questions share: options, the connection, and a helpful line where nothing is."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli._output import Format, write
from streams.cli._times import FIRST_MS, FORMS, LAST_MS, clickhouse_time, parse_time
from streams.clock import SystemClock
from streams.config import load_settings
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from streams.backends.clickhouse import Reader, Table

_NO_SUCH_TABLE = frozenset({60, 81})
_NO_SUCH_NAME = _NO_SUCH_TABLE | {16, 46, 47}  # a column, a function, an identifier
NOTHING = "nothing landed yet: try `tidemark demo`, or `tidemark run` and `tidemark produce`"

FormatOption = Annotated[Format, typer.Option("--format", "-f", help="How to write the answer.")]
FromOption = Annotated[
    str | None, typer.Option("--from", metavar="TIME", help=f"From this time on: {FORMS}.")
]
ToOption = Annotated[
    str | None, typer.Option("--to", metavar="TIME", help="Before this time (not included).")
]
SourceOption = Annotated[str | None, typer.Option("--source", help="Only this source.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="Most rows.")]


def now_ms() -> int:
    """Return the time that relative times count from."""
    return SystemClock().now_ms()


def time_range(start: str | None, end: str | None) -> dict[str, Any]:
    """Return the parameters ``from`` and ``to`` of a question; all times where absent.

    Raises:
        typer.BadParameter: a text is no time, or the range is empty.
    """
    now = now_ms()
    first = FIRST_MS if start is None else parse_time(start, now)
    last = LAST_MS if end is None else parse_time(end, now)
    if first >= last:
        raise typer.BadParameter("--from must be before --to")
    return {"from": clickhouse_time(first), "to": clickhouse_time(last)}


@contextmanager
def asking() -> Iterator[Reader]:
    """Connect to the configured database for the questions inside.

    Raises:
        NothingLanded: there is no database or no table yet.
    """
    from streams.backends.clickhouse import (  # noqa: PLC0415 - heavy
        InvalidQuery,
        NothingLanded,
        open_reader,
    )

    settings = load_settings()
    password = settings.secret("clickhouse_password")
    try:
        reader = open_reader(
            settings.clickhouse_url,
            password=password,
            ca=settings.clickhouse_ca,
            token=settings.secret("web_token"),
        )
    except NothingLanded as error:
        raise NothingLanded(f"{error}; {NOTHING}") from error
    try:
        yield reader
    except InvalidQuery as error:
        if error.code in _NO_SUCH_TABLE and not _migrated(reader):
            raise NothingLanded(NOTHING) from error
        if error.code in _NO_SUCH_NAME and _is_behind(reader):
            raise Misconfigured(
                "the tables are of an older Tidemark: `tidemark migrate`, or a worker that starts, "
                f"brings them up to date ({error})"
            ) from error
        raise
    finally:
        reader.close()


def answer(
    sql: str,
    parameters: Mapping[str, Any],
    how: Format,
    *,
    title: str | None = None,
    none: str = "no rows match; widen --from, --to or --source",
    above: Callable[[Table], str] | None = None,
) -> None:
    """Ask one question and write its answer; say so where there is none.

    Args:
        sql: the question.
        parameters: its values; those that it does not name are left out.
        how: table, JSON or CSV.
        title: above a table.
        none: said where documents landed but no row matches.
        above: draws what stands above a table.
    """
    named = {name: value for name, value in parameters.items() if f"{{{name}:" in sql}
    with asking() as reader:
        table = reader.query(sql, named)
        hint = None if table.rows else hint_of(reader, none)
    if above and table.rows and how is Format.TABLE:
        typer.echo(above(table))
    show(table, how, title=title, hint=hint)


def show(table: Table, how: Format, *, title: str | None = None, hint: str | None = None) -> None:
    """Write an answer; a hint goes to standard error, and stands for an empty table."""
    if table.rows or how is not Format.TABLE:
        write(table.columns, table.rows, how, title=title, types=table.types)
    if hint:
        typer.echo(hint, err=True)


def hint_of(reader: Reader, none: str) -> str:
    """Return what to say where no row matches: that nothing landed yet, or ``none``."""
    landed = reader.query("SELECT count() FROM deliveries").rows[0][0]
    return none if landed else NOTHING


def _is_behind(reader: Reader) -> bool:
    """Return whether a migration of this version has not been applied there."""
    from schemas.migrate import load  # noqa: PLC0415 - only where something is wrong

    done = reader.query("SELECT number FROM schema_migrations FINAL WHERE state = 'done'").rows
    return bool({one.number for one in load()} - {int(row[0]) for row in done})


def _migrated(reader: Reader) -> bool:
    exists = "SELECT count() FROM system.tables WHERE database = currentDatabase()"
    return bool(reader.query(f"{exists} AND name = 'documents'").rows[0][0])
