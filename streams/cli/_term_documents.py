"""The documents that show a term: asked for with the terms, and read by people line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from streams.cli import _queries
from streams.cli._asking import show
from streams.cli._output import Format
from streams.cli._times import clickhouse_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.backends.clickhouse import Table
    from streams.cli.terms import Database, Spans

_SHOWN = "shown"


def with_documents(reader: Database, table: Table, spans: Spans, source: str, each: int) -> Table:
    """Return the terms with the documents of the window that show them, the earliest first."""
    from streams.backends.clickhouse.table import Table  # noqa: PLC0415 - heavy

    names = table.column("term")
    parameters = {
        "from": clickhouse_time(spans.window_from),
        "to": clickhouse_time(spans.window_to),
        "source": source,
        "terms": orjson.dumps(names).decode(),
        "each": each,
    }
    found = {row[0]: row[2] for row in reader.query(_queries.TERM_DOCUMENTS, parameters).rows}
    shown = [[_document(one) for one in found.get(name, [])] for name in names]
    rows = [[*row, documents] for row, documents in zip(table.rows, shown, strict=True)]
    kind = "Array(Tuple(published_at String, doc_id String, source String, summary String))"
    return Table((*table.columns, _SHOWN), (*table.types, kind), rows)


def write_terms(table: Table, how: Format, title: str, hint: str | None) -> None:
    """Write terms; for people their documents stand in a table of their own, a line each."""
    if how is not Format.TABLE or table.columns[-1:] != (_SHOWN,):
        show(table, how, title=title, hint=hint)
        return
    from streams.backends.clickhouse.table import Table  # noqa: PLC0415 - heavy

    terms = Table(table.columns[:-1], table.types[:-1], [row[:-1] for row in table.rows])
    show(terms, how, title=title, hint=hint)
    rows = [[row[0], *one.values()] for row in table.rows for one in row[-1]]
    columns = ("term", "published_at", "doc_id", "source", "summary")
    show(Table(columns, ("String",) * 5, rows), how, title="\nThe first documents that show them")


def _document(one: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(("published_at", "doc_id", "source", "summary"), one, strict=True))
