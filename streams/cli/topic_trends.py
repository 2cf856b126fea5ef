"""``tidemark trends --by topic``: the topics of a time, each with its line."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from streams.cli._asking import asking, hint_of, show
from streams.cli._output import Format
from streams.cli._queries import UNITS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.backends.clickhouse import Reader

    Row = dict[str, Any]

_MOST_PERIODS = 40
_BARS = " ▁▂▃▄▅▆▇█"
_TIME = "DateTime64(3, 'UTC')"
_NONE = "no topics in this time: a source has them from its 65th document on; widen --from, --to"
COLUMNS = (
    *("source", "name", "documents", "share", "change", "line", "first_seen", "ended"),
    *("similarity", "central_summary", "topic_id"),
)
TYPES = (
    *("String", "String", "UInt64", "Float64", "Float64", "String", "String", "String"),
    *("Float64", "String", "String"),
)

BOUNDS = f"""\
SELECT
    toUnixTimestamp64Milli(min(window_start)) AS first,
    toUnixTimestamp64Milli(max(window_start)) AS last,
    max(window_seconds) AS window_seconds, count() AS topics
FROM topics
WHERE window_start >= {{from:{_TIME}}} AND window_start < {{to:{_TIME}}}
    AND ({{source:String}} = '' OR source = {{source:String}})"""

LINES = f"""\
SELECT *
FROM topic_lines(
    window_from = {{from:{_TIME}}}, window_to = {{to:{_TIME}}}, source = {{source:String}},
    period_seconds = {{period_seconds:UInt32}}, most = {{limit:UInt32}})"""


def topic_trends(parameters: Mapping[str, Any], how: Format) -> None:
    """Show the largest topics of a time, with their share and how it went.

    Args:
        parameters: ``from``, ``to``, ``source`` and ``limit``.
        how: a table has a line of bars for each topic, JSON and CSV the numbers of every period.
    """
    from streams.backends.clickhouse import Table  # noqa: PLC0415 - heavy

    with asking() as reader:
        lines = _lines(reader, parameters)
        hint = None if lines else hint_of(reader, _NONE)
    if how is Format.TABLE:
        rows = [[line[name] for name in COLUMNS] for line in lines]
        show(Table(COLUMNS, TYPES, rows), how, title="Topics, and their share over time", hint=hint)
        return
    names = (*COLUMNS, "periods")
    rows = [[line[name] for name in names] for line in lines]
    show(Table(names, (*TYPES, "Array"), rows), how, hint=hint)


def _lines(reader: Reader, parameters: Mapping[str, Any]) -> list[Row]:
    named = {name: parameters[name] for name in ("from", "to", "source")}
    (bounds,) = reader.query(BOUNDS, named).dictionaries()
    if not bounds["topics"]:
        return []
    named |= {"period_seconds": period_seconds(bounds), "limit": parameters["limit"]}
    rows = reader.query(LINES, named).dictionaries()
    return [_line(list(own)) for _, own in groupby(rows, lambda r: (r["source"], r["topic_id"]))]


def period_seconds(bounds: Row) -> int:
    """Return the seconds of the shortest unit of time that gives a readable number of periods."""
    seconds = (bounds["last"] - bounds["first"]) / 1000 + bounds["window_seconds"]
    lengths: list[int] = [length for length in UNITS.values() if length >= bounds["window_seconds"]]
    fitting = (length for length in lengths if seconds / length <= _MOST_PERIODS)
    return next(fitting, -int(-seconds // _MOST_PERIODS))


def _line(rows: Sequence[Row]) -> Row:
    """Return a topic with its periods; a change is of the later half against the earlier."""
    first, shares = rows[0], [row["share"] for row in rows]
    half = len(rows) // 2
    change = _mean(shares[half:]) - _mean(shares[:half]) if half else 0.0
    known = ("source", "name", "ended", "central_summary", "topic_id")
    return {name: first[name] for name in known} | {
        "documents": first["total"],
        "share": round(_mean(shares), 4),
        "change": round(change, 4),
        "line": bars(shares),
        "first_seen": first["first_seen"][:10],
        "similarity": round(first["similarity"], 3),
        "periods": [[row["period"], row["documents"], round(row["share"], 4)] for row in rows],
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def bars(values: Sequence[float]) -> str:
    """Return a bar for each value, the highest for the largest, none for zero."""
    largest = max(values, default=0.0)
    if largest <= 0:
        return _BARS[0] * len(values)
    steps = len(_BARS) - 1
    return "".join(_BARS[-int(-value / largest * steps // 1)] for value in values)
