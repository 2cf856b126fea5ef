"""``tidemark ledger``: what became of every message, with the broker's offsets where it answers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli import _queries
from streams.cli._asking import (
    FormatOption,
    FromOption,
    LimitOption,
    ToOption,
    asking,
    hint_of,
    now_ms,
    show,
    time_range,
)
from streams.cli._output import Format
from streams.cli._times import clickhouse_time, parse_time
from streams.config import load_settings
from streams.errors import TidemarkError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.backends.clickhouse import Table
    from streams.config import Settings

    Ends = Mapping[tuple[str, int], int]

_ANSWER_S = 3.0
_MINUTE_MS = 60_000


def ledger(
    *,
    minutes: Annotated[bool, typer.Option("--minutes", help="Per minute of arrival.")] = False,
    start: FromOption = None,
    end: ToOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 1 unless everything adds up; says so in a line.")
    ] = False,
    limit: LimitOption = 60,
    how: FormatOption = Format.TABLE,
) -> None:
    """Show what became of every message: received = landed + dead-lettered + in flight.

    What is left over is missing; `tidemark sql "SELECT * FROM ledger_gaps"` names the offsets and
    why. In flight counts up to now where the broker answers, else up to when the land role last
    asked it. `--check` exits with 1 when messages are missing, or when nobody has asked yet.

    Example: `tidemark ledger --minutes --from 1h`
    """
    parameters = time_range(start, end) | {"limit": limit}
    statement = _queries.LEDGER
    if minutes:
        statement = _queries.LEDGER_MINUTES
    elif start is not None or end is not None:
        statement = _queries.LEDGER_RANGE
    named = {name: value for name, value in parameters.items() if f"{{{name}:" in statement}
    with asking() as reader:
        table = reader.query(statement, named)
        newest = reader.query(_queries.LEDGER_NEWEST)
        hint = None if table.rows else hint_of(reader, "no rows match; widen --from or --to")
    reaches_now = end is None or parse_time(end, now_ms()) >= now_ms()
    if reaches_now and newest.rows:
        table, said = _with_live(table, newest)
        hint = hint or said
    show(table, how, title="Messages of the documents topic", hint=hint)
    if check:
        _check(table, newest)


def _check(table: Table, newest: Table) -> None:
    """End with 1 unless everything adds up."""
    missing, in_flight = (sum(map(int, table.column(name))) for name in ("missing", "in_flight"))
    if not any(newest.column("watched")):
        typer.echo("nobody has asked the broker yet: is a land role running?", err=True)
        raise typer.Exit(1)
    if missing:
        typer.echo(
            f"the ledger does not add up: {missing:,} message(s) are missing; "
            '`tidemark sql "SELECT * FROM ledger_gaps"` names them',
            err=True,
        )
        raise typer.Exit(1)
    typer.echo(f"the ledger adds up; {in_flight:,} message(s) in flight", err=True)


def _with_live(table: Table, newest: Table) -> tuple[Table, str | None]:
    """Count what the broker has taken since the land role last asked it."""
    topics = sorted({str(topic) for topic in newest.column("topic")})
    try:
        ends, where = _live_ends(load_settings(), topics)
    except TidemarkError as error:
        return table, f"without the broker's offsets of now: {error}"
    if ends is None:
        return table, "without the broker's offsets of now: no broker runs for this data folder"
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    for one in newest.dictionaries():
        at = str(one["topic"]), int(one["partition"])
        more = ends.get(at, 0) - int(one["reach"])
        if more > 0:
            _add(rows, one, more, table.columns)
    merged = replace(table, rows=[[row.get(name) for name in table.columns] for row in rows])
    return merged, f"offsets of now, from {where}"


def _add(
    rows: list[dict[str, Any]], newest: Mapping[str, Any], more: int, columns: tuple[str, ...]
) -> None:
    keys = [name for name in ("topic", "partition", "since") if name in columns]
    wanted: dict[str, Any] = {name: newest[name] for name in keys}
    if "minute" in columns:
        wanted["minute"] = clickhouse_time(now_ms() // _MINUTE_MS * _MINUTE_MS)[:19]
    row = next((x for x in rows if all(x[name] == value for name, value in wanted.items())), None)
    if row is None:
        row = dict.fromkeys(columns) | wanted
        row |= dict.fromkeys(("received", "landed", "dead_lettered", "in_flight", "missing"), 0)
        row |= {"first_offset": newest["reach"], "adds_up": 1}
        rows.insert(0, row)
    row["received"] = int(row["received"]) + more
    row["in_flight"] = int(row["in_flight"]) + more
    row["last_offset"] = int(newest["reach"]) + more - 1


def _live_ends(settings: Settings, topics: list[str]) -> tuple[Ends | None, str]:
    """Return where partitions end now; None where no broker of this folder runs.

    Raises:
        TidemarkError: the broker does not answer.
    """
    from streams.backends.kafka.offsets import OffsetReader  # noqa: PLC0415 - heavy imports
    from streams.backends.kafka.opening import running_broker  # noqa: PLC0415

    broker = running_broker(settings)
    if broker is None:
        return None, ""
    with OffsetReader(broker.bootstrap, broker.security, _ANSWER_S) as reader:
        extents = reader.extents(topics)
    return {(one.topic, one.partition): one.end for one in extents}, broker.describe()
