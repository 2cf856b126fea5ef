"""Guarded, limited, read-only queries over the embedded engine, for the process that owns it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from streams.backends.clickhouse.embedded import connect_handle
from streams.backends.clickhouse.guard import Guard, Refused
from streams.backends.clickhouse.literals import quote

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LIMITS: Mapping[str, int | str] = {
    "max_execution_time": 30,
    "max_memory_usage": 1_000_000_000,
    "max_result_bytes": 200_000_000,
    "max_result_rows": 2_000_000,
    "max_rows_in_set": 10_000_000,
    "max_ast_elements": 50_000,
    "max_threads": 2,
    "result_overflow_mode": "throw",
    "implicit_select": 0,
}
"""A caller may lower the numbers; 0 does not lift them."""

CALLER_SETTINGS = frozenset(
    {
        *(set(LIMITS) - {"implicit_select", "result_overflow_mode"}),
        "max_rows_to_read",
        "max_block_size",
        "final",
        "extremes",
        "join_use_nulls",
        "date_time_output_format",
        "output_format_json_quote_64bit_integers",
        "output_format_json_quote_denormals",
    }
)

_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
_DATABASE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Answer:
    """Bytes of an answer in its format, and what it cost."""

    content: bytes
    rows_read: int
    bytes_read: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Request:
    """One statement, with everything that comes with it over HTTP."""

    sql: str
    format: str
    database: str
    parameters: Mapping[str, str]
    settings: Mapping[str, str]


class ReadOnlyEngine:
    """Runs requests, each on a fresh connection; call it from any thread.

    A connection's settings and its ``readonly`` cannot be undone, so none is used twice.
    """

    def __init__(self, folder: Path) -> None:
        """Open a folder that this process owns."""
        self._folder = folder
        self._open = connect_handle(folder)
        self._guard = Guard(self._open)

    def run(self, request: Request, *, readonly: int = 1) -> Answer:
        """Answer a request.

        Args:
            request: the statement.
            readonly: ClickHouse's setting; 2 only for fixed statements of our own.

        Raises:
            Refused: the statement may not run.
            RuntimeError: the engine's own error.
        """
        handle = connect_handle(self._folder)
        try:
            handle.query(f"USE `{_checked(request.database)}`", "Null")
            for name, value in _limited(request.settings).items():
                handle.query(f"SET {name} = {quote(str(value))}", "Null")
            handle.query(f"SET readonly = {readonly}", "Null")  # last: it cannot be undone
            self._guard.check(handle, request.sql, request.database, request.parameters)
            return _answer(handle, request)
        finally:
            handle.close()

    def describe(self, request: Request) -> list[tuple[str, str]]:
        """Return names and types of the columns of a query that was already run."""
        handle = connect_handle(self._folder)
        try:
            handle.query(f"USE `{_checked(request.database)}`", "Null")
            sql = f"DESCRIBE TABLE ({without_format(request.sql)})"
            found = handle.query(sql, "TabSeparatedRaw", params=dict(request.parameters))
        finally:
            handle.close()
        lines = found.bytes().decode().splitlines()
        pairs = [line.split("\t")[:2] for line in lines]
        return [(name, kind) for name, kind in pairs]

    def close(self) -> None:
        """Give the connection back."""
        self._open.close()


def format_of(sql: str) -> str | None:
    """Return the format that a statement names at its end."""
    match = _FORMAT.search(sql)
    return match.group(1) if match else None


def without_format(sql: str) -> str:
    """Return a statement without the format at its end."""
    return _FORMAT.sub("", sql).strip().rstrip(";")


def _answer(handle: Any, request: Request) -> Answer:
    result = handle.query(request.sql, request.format, params=dict(request.parameters))
    return Answer(result.bytes() or b"", result.rows_read(), result.bytes_read(), result.elapsed())


def _limited(settings: Mapping[str, str]) -> dict[str, int | str]:
    chosen: dict[str, int | str] = dict(LIMITS)
    for name, value in settings.items():
        limit = LIMITS.get(name)
        if name not in CALLER_SETTINGS:
            continue
        chosen[name] = min(_number(value) or limit, limit) if isinstance(limit, int) else value
    return chosen


def _number(text: str) -> int:
    try:
        return max(int(float(text)), 0)
    except (ValueError, OverflowError):
        return 0


def _checked(database: str) -> str:
    if database == "default" or _DATABASE.fullmatch(database) is None:
        raise Refused(81, "UNKNOWN_DATABASE", f"Database {database} does not exist")
    return database
