"""``tidemark summary``: what each source was about."""

from __future__ import annotations

from enum import Enum
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli._asking import (
    FormatOption,
    FromOption,
    SourceOption,
    ToOption,
    asking,
    hint_of,
    time_range,
)
from streams.cli._output import Format, write
from streams.cli._times import clickhouse_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.backends.clickhouse import Reader

_MOST_HOURS = 96
"""Hours that are summarized while somebody waits; the land role does the rest."""

_HOURS = """\
SELECT
    source, toUnixTimestamp64Second(window_start), documents, summary, summary_method,
    doc_ids, sentences, shares, embeddings, embedding_model
FROM running_summaries_raw FINAL
WHERE documents > 0 AND {source:String} IN ('', source)
    AND window_start > {from:DateTime64(3, 'UTC')} - INTERVAL 1 HOUR
    AND window_start < {to:DateTime64(3, 'UTC')}
ORDER BY source, window_start"""
_NAMES = (
    *("source", "start", "documents", "summary", "method"),
    *("doc_ids", "sentences", "shares", "embeddings", "model"),
)
_NEWEST = """\
SELECT toUnixTimestamp64Second(max(published_hour)), count()
FROM documents_raw WHERE is_deleted = 0 AND {source:String} IN ('', source)"""
_DAY_S = 86_400

_COLUMNS = {
    "source": "String",
    "from": "DateTime64(0, 'UTC')",
    "documents": "UInt64",
    "share": "Float64",
    "summary": "String",
    "doc_id": "String",
}
_BY_COLUMNS = {
    "source": "String",
    "from": "DateTime64(0, 'UTC')",
    "documents": "UInt64",
    "summary": "String",
    "summary_method": "String",
}


class Unit(str, Enum):
    """Unit of time that has a summary of its own."""

    HOUR = "hour"
    DAY = "day"


def summary(
    *,
    source: SourceOption = None,
    start: FromOption = None,
    end: ToOption = None,
    by: Annotated[
        Unit | None, typer.Option("--by", help="A summary of each hour or day, not of all.")
    ] = None,
    most: Annotated[
        int, typer.Option("--limit", min=1, max=20, help="Most sentences of a summary.")
    ] = 5,
    how: FormatOption = Format.TABLE,
) -> None:
    """Show what each source was about: sentences of its most central documents, and their shares.

    Whole hours count. Without a time it is the day of the newest documents. Hours that a model has
    summarized (`TIDEMARK_RUNNING_SUMMARIES=written`) are shown in its words with `--by hour`.

    Example: `tidemark summary --source news --from 7d --by day`
    """
    with asking() as reader:
        within = _within(reader, start, end, source or "")
        hours, left = read_hours(reader, within, source or "")
        hint = None if hours else hint_of(reader, "no rows match; widen --from, --to or --source")
    columns, rows = (_COLUMNS, _whole(hours, most)) if by is None else _by(hours, by, most)
    title = f"What it was about, {within['from'][:16]} to {within['to'][:16]} UTC"
    if rows or how is not Format.TABLE:
        write(list(columns), rows, how, title=title, types=list(columns.values()))
    if hint:
        typer.echo(hint, err=True)
    if left:
        typer.echo(f"{left:,} hours have changed and wait for the land role", err=True)


def _within(reader: Reader, start: str | None, end: str | None, source: str) -> dict[str, Any]:
    """Return the time that is asked about."""
    if start is None and end is None:
        newest, documents = reader.query(_NEWEST, {"source": source}).rows[0]
        if documents:
            day = newest // _DAY_S * _DAY_S
            return {
                "from": clickhouse_time(1000 * day),
                "to": clickhouse_time(1000 * (day + _DAY_S)),
            }
    return time_range(start, end)


Row = dict[str, Any]


def read_hours(reader: Reader, within: Mapping[str, Any], source: str) -> tuple[list[Row], int]:
    """Return the summaries of hours, by source and time, and how many are out of date.

    Those whose documents have changed since are summarized here and now, up to 96 of them.
    """
    from streams.backends.clickhouse.summaries import (  # noqa: PLC0415 - keeps --help fast
        changed_hours,
        documents_of,
        stale_days,
    )
    from streams.runtime.summaries import extractive  # noqa: PLC0415

    rows = reader.query(_HOURS, {**within, "source": source}).rows
    found = {(row[0], int(row[1])): dict(zip(_NAMES, row, strict=True)) for row in rows}
    changed = [
        hour
        for day, _ in stale_days(reader, within)
        for hour in changed_hours(reader, day, source)
        if within["from"] < clickhouse_time(1000 * (hour.start + 3600))
        and clickhouse_time(1000 * hour.start) < within["to"]
    ]
    for hour in changed[:_MOST_HOURS]:
        found.pop((hour.source, hour.start), None)
        if hour.documents:
            one = extractive(documents_of(reader, hour))
            row = (one.summary, one.method, one.doc_ids, one.sentences, one.shares, one.embeddings)
            values = (hour.source, hour.start, hour.documents, *row, one.model)
            found[hour.source, hour.start] = dict(zip(_NAMES, values, strict=True))
    return [found[key] for key in sorted(found)], len(changed[_MOST_HOURS:])


def _whole(hours: Sequence[Row], most: int) -> list[list[Any]]:
    """Return a row for each sentence of a source's summary."""
    rows: list[list[Any]] = []
    for source, group in groupby(hours, lambda hour: hour["source"]):
        own = list(group)
        documents = sum(hour["documents"] for hour in own)
        since = clickhouse_time(1000 * own[0]["start"])[:16]
        rows += [
            [source, since, documents, round(one.share, 3), one.sentence, one.doc_id]
            for one in folded(own, most)
        ]
    return rows


def _by(hours: Sequence[Row], unit: Unit, most: int) -> tuple[dict[str, str], list[list[Any]]]:
    """Return the columns and a row for each hour or day of a source."""
    length = _DAY_S if unit is Unit.DAY else 3600
    rows: list[list[Any]] = []
    for (source, start), group in groupby(
        hours, lambda hour: (hour["source"], hour["start"] // length * length)
    ):
        own = list(group)
        text, method = own[0]["summary"], own[0]["method"]
        if unit is Unit.DAY:
            text, method = _day(own, most)
        documents = sum(hour["documents"] for hour in own)
        rows.append([source, clickhouse_time(1000 * start)[:16], documents, text, method])
    return _BY_COLUMNS, rows


def _day(hours: Sequence[Row], most: int) -> tuple[str, str]:
    from models.summarize.digest import METHOD, joined  # noqa: PLC0415 - keeps --help fast

    return joined(folded(hours, most)), METHOD


def folded(hours: Sequence[Row], most: int) -> list[Any]:
    """Return what several hours of a source are about, of what each of them is about.

    A document that stands for a tenth of an hour of fifty counts as five.
    """
    from models.summarize.digest import Landed, digest  # noqa: PLC0415 - keeps --help fast

    known = [
        Landed(doc_id, sentence, hour["model"], embedding, share * hour["documents"])
        for hour in hours
        for doc_id, sentence, share, embedding in zip(
            hour["doc_ids"], hour["sentences"], hour["shares"], hour["embeddings"], strict=True
        )
    ]
    return digest(known, most)
