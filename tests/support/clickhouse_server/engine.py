"""Runs statements in the embedded engine, for all clients of the server."""

from __future__ import annotations

import os
import re
import signal
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from streams.backends.clickhouse.embedded import connect_handle
from streams.backends.clickhouse.literals import quote
from streams.backends.clickhouse.lock import FolderLock
from streams.backends.clickhouse.native import empty_block
from streams.backends.clickhouse.readonly import without_format

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.clickhouse_server.statement import Statement

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_QUERY = re.compile(r"\s*\(*\s*(?:SELECT|WITH)\b", re.IGNORECASE)
_CHUNK = 1 << 20


class ServerError(Exception):
    """An error with ClickHouse's code that the engine itself does not raise."""

    def __init__(self, code: int, name: str, text: str) -> None:
        super().__init__(f"Code: {code}. DB::Exception: {text}. ({name})")
        self.code = code


@dataclass(frozen=True, slots=True)
class Answer:
    """Content in its format, and what it cost."""

    content: bytes = b""
    read_rows: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    seconds: float = 0.0


class Engine:
    """One folder, which this process owns; call it from any thread.

    A request without a session runs on a connection of its own, as on a server.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._owned = FolderLock(self._folder)
        self._open = connect_handle(self._folder)
        self._sessions: dict[str, tuple[Any, threading.Lock]] = {}
        self._opening = threading.Lock()

    def run(self, statement: Statement, *, die_after: float | None = None) -> Answer:
        """Run a statement.

        Args:
            statement: what to run.
            die_after: kill this process so many seconds after an insert began to be committed.

        Raises:
            ServerError: the session is busy or the request makes no sense.
            RuntimeError: the engine's own error.
        """
        with self._connection(statement.session) as connection:
            if statement.database:
                connection.query(f"USE {_identifier(statement.database)}", "Null")
            with _settings(connection, statement):
                if statement.data is not None:
                    return _insert(connection, statement, statement.data, die_after)
                return _query(connection, statement)

    def close(self) -> None:
        """Close everything and give the folder back."""
        for connection, _lock in self._sessions.values():
            connection.close()
        self._open.close()
        self._owned.release()

    @contextmanager
    def _connection(self, session: str) -> Iterator[Any]:
        if not session:
            connection = connect_handle(self._folder)
            try:
                yield connection
            finally:
                connection.close()
            return
        with self._opening:
            if session not in self._sessions:
                self._sessions[session] = connect_handle(self._folder), threading.Lock()
        connection, lock = self._sessions[session]
        if not lock.acquire(blocking=False):
            raise ServerError(373, "SESSION_IS_LOCKED", f"Session {session} is locked")
        try:
            yield connection
        finally:
            lock.release()


@contextmanager
def _settings(connection: Any, statement: Statement) -> Iterator[None]:
    """Apply the settings of one query; in a session, what was before comes back."""
    wanted = {_plain(name): value for name, value in statement.settings.items()}
    if statement.reads_only:
        wanted = {"readonly": "2", **wanted}
    before = _current(connection, wanted) if statement.session else {}
    for name in sorted(wanted, key=lambda name: name == "readonly"):  # it cannot be undone
        connection.query(f"SET {name} = {quote(wanted[name])}", "Null")
    try:
        yield
    finally:
        for name, value in before.items():
            connection.query(f"SET {name} = {quote(value)}", "Null")


def _current(connection: Any, wanted: Mapping[str, str]) -> dict[str, str]:
    if "readonly" in wanted:
        raise ServerError(48, "NOT_IMPLEMENTED", "readonly in a session is not emulated")
    values = {}
    for name in wanted:
        sql = f"SELECT value FROM system.settings WHERE name = {quote(name)}"
        values[name] = connection.query(sql, "TabSeparatedRaw").bytes().decode().rstrip("\n")
    return values


def _query(connection: Any, statement: Statement) -> Answer:
    result = connection.query(statement.sql, statement.format, params=dict(statement.parameters))
    content = result.bytes() or b""
    if not content and statement.format == "Native" and _QUERY.match(statement.sql):
        content = empty_block(_columns(connection, statement))
    return Answer(content, result.rows_read(), seconds=result.elapsed())


def _columns(connection: Any, statement: Statement) -> list[tuple[str, str]]:
    sql = f"DESCRIBE TABLE ({without_format(statement.sql)})"
    found = connection.query(sql, "TabSeparatedRaw", params=dict(statement.parameters))
    pairs = [line.split("\t")[:2] for line in found.bytes().decode().splitlines()]
    return [(name, kind) for name, kind in pairs]


def _insert(connection: Any, statement: Statement, data: bytes, die_after: float | None) -> Answer:
    for name, value in statement.parameters.items():
        connection.query(f"SET param_{_plain(name)} = {quote(value)}", "Null")
    with connection.send_insert(statement.sql, statement.format) as rows:
        for start in range(0, len(data), _CHUNK):
            rows.append(data[start : start + _CHUNK])
        if die_after is not None:
            threading.Timer(die_after, os.kill, (os.getpid(), signal.SIGKILL)).start()
        done = rows.finish()
    return Answer(
        written_rows=done.rows_written, written_bytes=done.bytes_written, seconds=done.elapsed
    )


def _plain(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise ServerError(115, "UNKNOWN_SETTING", f"Setting {name} is neither known nor a name")
    return name


def _identifier(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
