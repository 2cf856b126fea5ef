"""``tidemark terms``: which words are on the rise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from streams.cli import _queries
from streams.cli._asking import (
    NOTHING,
    FormatOption,
    FromOption,
    LimitOption,
    SourceOption,
    ToOption,
    asking,
    now_ms,
)
from streams.cli._output import Format
from streams.cli._term_documents import with_documents, write_terms
from streams.cli._times import FIRST_MS, clickhouse_time, parse_time
from streams.config import load_settings
from streams.durations import parse_duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.backends.clickhouse import Table

FOUND = 0.05
"""Share of the terms shown that are chance, at most, on average."""


@dataclass(frozen=True, slots=True)
class Spans:
    """A window and its baseline, in milliseconds since 1970; the ends are not included."""

    window_from: int
    window_to: int
    baseline_from: int
    baseline_to: int

    def __str__(self) -> str:
        window = f"{_day(self.window_from)} to {_day(self.window_to)}"
        first = "all" if self.baseline_from == FIRST_MS else _day(self.baseline_from)
        return f"{window} against {first} to {_day(self.baseline_to)}"


@dataclass(frozen=True, slots=True)
class Asked:
    """The times that were given; None where they were not."""

    start: int | None
    end: int | None
    against_start: int | None
    against_end: int | None
    length: int | None

    def spans(self, last: int, three_quarters: int) -> Spans:
        """Fill in what was not given.

        Args:
            last: time of the newest document.
            three_quarters: time before which three quarters of the documents were published.
        """
        window_to = last + 1 if self.end is None else self.end
        window_from = self.start
        if window_from is None and self.length is not None:
            window_from = window_to - self.length
        if window_from is None:
            window_from = three_quarters
        spans = Spans(
            window_from,
            window_to,
            FIRST_MS if self.against_start is None else self.against_start,
            window_from if self.against_end is None else self.against_end,
        )
        self._check(spans)
        return spans

    def _check(self, spans: Spans) -> None:
        """Refuse a window or baseline that no document can be in."""
        if spans.window_from >= spans.window_to:
            newest = " (the newest document is before that)" if self.end is None else ""
            raise typer.BadParameter(
                f"the window is empty: {_day(spans.window_from)} to {_day(spans.window_to)}; "
                f"--from must be before --to{newest}"
            )
        if spans.baseline_from >= spans.baseline_to:
            raise typer.BadParameter(
                f"the baseline is empty: {_day(spans.baseline_from)} to {_day(spans.baseline_to)}; "
                "--against-from must be before --against-to, and before the window without that"
            )


def terms(
    *,
    start: FromOption = None,
    end: ToOption = None,
    against_start: Annotated[
        str | None, typer.Option("--against-from", metavar="TIME", help="Baseline from here on.")
    ] = None,
    against_end: Annotated[
        str | None, typer.Option("--against-to", metavar="TIME", help="Baseline before this time.")
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(
            "--window",
            metavar="DURATION",
            help="Length of the window, back from --to or from the newest document: 1h, 7d; "
            "`window`: TIDEMARK_WINDOW.",
        ),
    ] = None,
    source: SourceOption = None,
    least: Annotated[
        int, typer.Option("--least", min=1, help="Only words in at least so many documents.")
    ] = 3,
    everything: Annotated[
        bool, typer.Option("--all", help="Those that may be chance, too (q above 0.05).")
    ] = False,
    documents: Annotated[
        int, typer.Option("--documents", min=0, help="Show so many documents of each term.")
    ] = 0,
    limit: LimitOption = 20,
    how: FormatOption = Format.TABLE,
) -> None:
    """Show the words and two-word phrases of a window that rise most against a baseline.

    Scored by log-odds with an informative Dirichlet prior; z counts standard deviations. Among the
    terms shown at most 5 % are expected to be chance (q, Benjamini and Hochberg). Near-copies of a
    day count once. Without times: the newest quarter of the documents against all before them;
    `--window window` is one window of TIDEMARK_WINDOW.

    Example: `tidemark terms --from 2016 --to 2019 --against-from 2010 --against-to 2016`
    """
    asked = _asked(start, end, against_start, against_end, window)
    with asking() as reader:
        bounds = reader.query(_queries.BOUNDS, {"source": source or ""}).dictionaries()[0]
        if not bounds["documents"]:
            typer.echo(NOTHING if source is None else f"nothing landed of {source!r}", err=True)
        spans = asked.spans(bounds["last"], bounds["three_quarters"])
        table = ask_terms(reader, spans, source or "", least, limit, q=1.0 if everything else FOUND)
        if documents and table.rows:
            table = with_documents(reader, table, spans, source or "", documents)
    hint = None if table.rows else f"no term stands out: {spans}; choose other times, or --all"
    write_terms(table, how, f"Terms of {spans}", hint if bounds["documents"] else None)


class Database(Protocol):
    """What can be asked: a reader, or the warehouse itself."""

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Table:
        """Answer a query."""
        ...


def newest_terms(database: Database, limit: int) -> Table:
    """Return the terms of the newest quarter of all documents against those before it."""
    from streams.backends.clickhouse.table import Table  # noqa: PLC0415 - heavy

    bounds = database.query(_queries.BOUNDS, {"source": ""}).dictionaries()[0]
    if not bounds["documents"]:
        return Table((), (), [])
    spans = Asked(None, None, None, None, None).spans(bounds["last"], bounds["three_quarters"])
    return ask_terms(database, spans, "", 3, limit)


def ask_terms(
    reader: Database, spans: Spans, source: str, least: int, limit: int, *, q: float = FOUND
) -> Table:
    """Return the terms that rise most, at most ``limit`` of those with a ``q`` as given."""
    parameters = {
        "q": q,
        "window_from": clickhouse_time(spans.window_from),
        "window_to": clickhouse_time(spans.window_to),
        "baseline_from": clickhouse_time(spans.baseline_from),
        "baseline_to": clickhouse_time(spans.baseline_to),
        "source": source,
        "least": least,
        "limit": limit,
    }
    return reader.query(_queries.TERMS, parameters)


def _asked(
    start: str | None,
    end: str | None,
    against_start: str | None,
    against_end: str | None,
    window: str | None,
) -> Asked:
    if start is not None and window is not None:
        raise typer.BadParameter("give --from or --window, not both")
    now = now_ms()
    try:
        if window == "window":
            window = load_settings().window
        length = None if window is None else parse_duration(window)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return Asked(
        start=_time(start, now),
        end=_time(end, now),
        against_start=_time(against_start, now),
        against_end=_time(against_end, now),
        length=length,
    )


def _time(text: str | None, now: int) -> int | None:
    return None if text is None else parse_time(text, now)


def _day(milliseconds: int) -> str:
    return clickhouse_time(milliseconds)[:16]
