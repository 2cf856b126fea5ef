"""What a request asks for, however it is spread over URL, form and body.

Interface: https://clickhouse.com/docs/interfaces/http
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.backends.clickhouse.readonly import format_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_TRANSPORT = frozenset(
    {
        "query",
        "database",
        "user",
        "password",
        "default_format",
        "session_id",
        "session_check",
        "session_timeout",
        "query_id",
        "quota_key",
        "role",
        "buffer_size",
        "wait_end_of_query",
        "client_protocol_version",
        "compress",
        "decompress",
    }
)
_INSERT = re.compile(r"\s*INSERT\s+INTO\b", re.IGNORECASE)
_HEAD = re.compile(rb"\s*INSERT\s+INTO\b.*?\bFORMAT\s+(\w+)[ \t]*\r?\n", re.IGNORECASE | re.DOTALL)
_FORMAT_AT_END = re.compile(r"\s+FORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement with everything that comes with it.

    Attributes:
        sql: without the data, and for an insert of data without its format.
        data: rows of an insert in ``format``; None for every other statement.
        format: of the data, or of the answer.
        database: where unqualified names live; '' for the default.
        settings: of this query alone.
        parameters: for ``{name:Type}``.
        session: '' for none.
        reads_only: asked by GET.
    """

    sql: str
    data: bytes | None
    format: str
    database: str
    settings: Mapping[str, str]
    parameters: Mapping[str, str]
    session: str
    reads_only: bool

    @property
    def insert(self) -> bool:
        """Whether this writes rows."""
        return _INSERT.match(self.sql) is not None


def read_statement(
    fields: Mapping[str, str], body: bytes, headers: Mapping[str, str], *, reads_only: bool
) -> Statement:
    """Put a statement together from the fields of URL and form, the body, and the headers."""
    sql, data, form = _split(fields.get("query", ""), body)
    default = fields.get("default_format") or headers.get("X-ClickHouse-Format") or "TabSeparated"
    return Statement(
        sql=sql,
        data=data,
        format=form or format_of(sql) or default,
        database=fields.get("database") or headers.get("X-ClickHouse-Database") or "",
        settings={
            name: value
            for name, value in fields.items()
            if name not in _TRANSPORT and not name.startswith("param_")
        },
        parameters={
            name.removeprefix("param_"): value
            for name, value in fields.items()
            if name.startswith("param_")
        },
        session=fields.get("session_id", ""),
        reads_only=reads_only,
    )


def _split(query: str, body: bytes) -> tuple[str, bytes | None, str]:
    """Return the SQL, the data where there is some, and its format."""
    at_end = _FORMAT_AT_END.search(query) if _INSERT.match(query) else None
    if at_end:  # the data alone is in the body
        return query[: at_end.start()], body, at_end.group(1)
    head = None if query else _HEAD.match(body)
    if head:  # statement, line feed, data
        sql = _FORMAT_AT_END.sub("", head.group().decode())
        return sql.strip(), body[head.end() :], head.group(1).decode()
    text = body.decode("utf-8", "surrogateescape")
    return "\n".join(part for part in (query, text) if part).strip(), None, ""
