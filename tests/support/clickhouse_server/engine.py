"""Runs statements on the embedded engine, each on a connection of its own."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streams.backends.clickhouse.embedded import connect_handle
from streams.backends.clickhouse.literals import quote
from streams.backends.clickhouse.native import empty_block
from streams.backends.clickhouse.readonly import without_format

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.clickhouse_server.statements import Statement

# Those that clickhouse-connect sends and the embedded engine does not take.
_SERVER_ONLY = frozenset({"output_format_native_use_flattened_dynamic_and_json_serialization"})


@dataclass(frozen=True, slots=True)
class Result:
    """An answer and what it cost."""

    content: bytes
    rows_read: int
    rows_written: int


class Engine:
    """The engine of one folder; call it from any thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open = connect_handle(folder)

    def run(self, statement: Statement) -> Result:
        """Carry out a statement.

        Raises:
            RuntimeError: the engine's own error, with its code in the text.
        """
        handle = connect_handle(self._folder)
        try:
            self._prepare(handle, statement)
            if statement.data is not None:
                return self._insert(handle, statement, statement.data)
            return self._select(handle, statement)
        finally:
            handle.close()

    def close(self) -> None:
        """Close the folder."""
        self._open.close()

    def _prepare(self, handle: Any, statement: Statement) -> None:
        if statement.database:
            handle.query(f"USE `{statement.database}`", "Null")
        for name, value in statement.settings.items():
            if name not in _SERVER_ONLY:
                handle.query(f"SET {name} = {quote(value)}", "Null")

    def _insert(self, handle: Any, statement: Statement, data: bytes) -> Result:
        with _file(data) as path:
            sql = f"{statement.sql} FROM INFILE {quote(str(path))} FORMAT {statement.format}"
            result = handle.query(sql, "Null")
        return Result(b"", result.rows_read(), result.rows_read())

    def _select(self, handle: Any, statement: Statement) -> Result:
        parameters = dict(statement.parameters)
        result = handle.query(statement.sql, statement.format, params=parameters)
        content = result.bytes() or b""
        if not content and statement.format == "Native" and _is_query(statement.sql):
            content = empty_block(self._columns(handle, statement))
        return Result(content, result.rows_read(), 0)

    def _columns(self, handle: Any, statement: Statement) -> list[tuple[str, str]]:
        sql = f"DESCRIBE TABLE ({without_format(statement.sql)})"
        found = handle.query(sql, "TabSeparatedRaw", params=dict(statement.parameters))
        pairs = [line.split("\t")[:2] for line in found.bytes().decode().splitlines()]
        return [(name, kind) for name, kind in pairs]


def _is_query(sql: str) -> bool:
    return sql.split(maxsplit=1)[0].upper() in {"SELECT", "WITH"}


@contextmanager
def _file(data: bytes) -> Iterator[Path]:
    with tempfile.NamedTemporaryFile(prefix="insert-", suffix=".native") as file:
        file.write(data)
        file.flush()
        yield Path(file.name)
