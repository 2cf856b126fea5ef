"""``tidemark changed``: one page that says what changed between two periods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli import _queries
from streams.cli._asking import (
    NOTHING,
    FormatOption,
    SourceOption,
    asking,
    now_ms,
    show,
)
from streams.cli._output import Format
from streams.cli._times import FORMS, clickhouse_time, parse_time
from streams.cli.terms import Spans, ask_terms

if TYPE_CHECKING:
    from streams.backends.clickhouse import Reader, Table

_TERMS = 10
_LEAST = 3
_COLUMNS = ("aspect", "name", "before", "after", "change", "low", "high", "says")
_TYPES = ("String", "String", *("Nullable(Float64)",) * 5, "String")


def changed(
    *,
    start: Annotated[
        str,
        typer.Option("--from", metavar="TIME", help=f"The earlier period begins here: {FORMS}."),
    ],
    end: Annotated[
        str, typer.Option("--to", metavar="TIME", help="The later period ends here (not included).")
    ],
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="Where one ends and the other begins; midway."),
    ] = None,
    source: SourceOption = None,
    how: FormatOption = Format.TABLE,
) -> None:
    """Show what changed between two periods: volume, words, labels, terms, drift, alerts.

    Changes come with their 95 % interval; `*` marks those that it tells from none. Terms are new,
    growing or gone, and at most 5 % of them are expected to be chance.

    Example: `tidemark changed --from 2024-05-01 --at 2024-05-08 --to 2024-05-15`
    """
    periods = _periods(start, at, end)
    with asking() as reader:
        table = page(reader, *periods, source or "")
    names = [clickhouse_time(moment)[:16] for moment in periods]
    title = f"{names[0]} to {names[1]} against {names[1]} to {names[2]}"
    show(table, how, title=title, hint=None if table.rows else NOTHING)


def page(reader: Reader, start: int, middle: int, end: int, source: str) -> Table:
    """Return all that changed between two neighbouring periods, one row for each figure.

    Args:
        reader: the database.
        start: the earlier period's first millisecond since 1970.
        middle: the later period's first one.
        end: the end of the later period; not included.
        source: '' for all.
    """
    from streams.backends.clickhouse.table import Table  # noqa: PLC0415 - heavy

    asked = {
        "a_from": clickhouse_time(start),
        "a_to": clickhouse_time(middle),
        "b_from": clickhouse_time(middle),
        "b_to": clickhouse_time(end),
        "source": source,
    }
    figures = [_figure(row) for row in reader.query(_queries.CHANGED, asked).rows]
    if not any(row[2] or row[3] for row in figures):
        return Table(_COLUMNS, _TYPES, [])
    later = Spans(middle, end, start, middle)
    earlier = Spans(start, middle, middle, end)
    rows = figures
    rows += [_term(row) for row in _risen(reader, later, source)]
    rows += [_gone(row) for row in _risen(reader, earlier, source)]
    rows += [_drift(row) for row in reader.query(_queries.CHANGED_DRIFT, asked).rows]
    alerts = reader.query(_queries.CHANGED_ALERTS, asked | {"source": source}).rows
    rows += [["alert", str(row[1]), *[None] * 5, f"{row[0]} {row[2]}: {row[4]}"] for row in alerts]
    return Table(_COLUMNS, _TYPES, rows)


def _risen(reader: Reader, spans: Spans, source: str) -> list[dict[str, Any]]:
    return ask_terms(reader, spans, source, _LEAST, _TERMS).dictionaries()


def _figure(row: list[Any]) -> list[Any]:
    low, high = row[5], row[6]
    told = low is not None and high is not None and (low > 0 or high < 0)
    return [*row, "*" if told else ""]


def _term(row: dict[str, Any]) -> list[Any]:
    before, after = row["baseline_share"], row["share"]
    says = f"z {row['z']}, q {row['q']}"
    return [f"term {row['state']}", row["term"], before, after, after - before, None, None, says]


def _gone(row: dict[str, Any]) -> list[Any]:
    before, after = row["share"], row["baseline_share"]
    aspect = "term gone" if row["state"] == "new" else "term falling"
    return [aspect, row["term"], before, after, after - before, None, None, f"z {-row['z']}"]


def _drift(row: list[Any]) -> list[Any]:
    chance = "too few documents for a p" if row[3] is None else f"p {row[3]:.2g}"
    said = f"MMD² {row[2]:.4f}, {chance}; centroids {row[4]:.4f} apart"
    return ["drift", str(row[1]), *[None] * 5, said]


def _periods(start: str, at: str | None, end: str) -> tuple[int, int, int]:
    now = now_ms()
    first, last = parse_time(start, now), parse_time(end, now)
    middle = (first + last) // 2 if at is None else parse_time(at, now)
    if not first < middle < last:
        raise typer.BadParameter("--from must be before --at, and that before --to")
    return first, middle, last
