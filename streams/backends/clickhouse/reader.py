"""Questions from any process: to the server, to the folder's owner, or to the engine itself."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from streams.backends.clickhouse.address import Embedded, Server, mask, parse_address
from streams.backends.clickhouse.codes import AUTHENTICATION
from streams.backends.clickhouse.embedded import EmbeddedEngine
from streams.backends.clickhouse.errors import InvalidQuery, code_of, one_line, translate
from streams.backends.clickhouse.guard import Refused
from streams.backends.clickhouse.lock import read_owner
from streams.backends.clickhouse.readonly import ReadOnlyEngine, Request, format_of
from streams.backends.clickhouse.server import ServerConnector
from streams.backends.clickhouse.table import FORMAT, Table
from streams.errors import Misconfigured, Overloaded, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


class NothingLanded(Misconfigured):
    """There is no database yet."""


class Reader(Protocol):
    """Read-only queries."""

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Table:
        """Answer a query; ``{name:Type}`` in it are bound from ``parameters``.

        Raises:
            InvalidQuery: the statement is wrong or not allowed.
            Unavailable: the database does not answer.
        """
        ...

    def close(self) -> None:
        """Disconnect."""
        ...


def open_reader(
    url: str,
    *,
    password: str | None = None,
    ca: Path | None = None,
    token: str | None = None,
) -> Reader:
    """Open a database for questions, wherever it can be asked.

    Args:
        url: as ``TIDEMARK_CLICKHOUSE``.
        password: of a server, where it does not stand in the address.
        ca: authorities that sign a server's certificate.
        token: of the pages of the process that owns an embedded folder.

    Raises:
        NothingLanded: the embedded folder does not exist yet.
        Misconfigured: a part of the address is missing or wrong; names it.
        Unavailable: the server does not answer, or another process owns the folder and does not
            answer questions; names it.
    """
    address = parse_address(url, password=password, ca=ca)
    if isinstance(address, Server):
        return HttpReader(address)
    if not (address.folder / "store").is_dir():
        raise NothingLanded(f"there is no database in {address.folder} yet")
    try:
        return EmbeddedReader(address)
    except Unavailable:
        owner = read_owner(address.folder)
        if owner is None or owner.endpoint is None:
            raise
        return _ask_owner(owner.endpoint, address.database, token)


def _ask_owner(endpoint: str, database: str, token: str | None) -> HttpReader:
    try:
        return HttpReader(_endpoint_address(endpoint, database, token))
    except Misconfigured as error:
        if "refuses the user or password" not in str(error):
            raise
        raise Misconfigured(
            f"{mask(endpoint)} asks for its token: set TIDEMARK_WEB_TOKEN (or _FILE) "
            "as it is set for the process that serves it"
        ) from error


class HttpReader:
    """Asks a server, or the endpoint of the process that owns the embedded folder."""

    def __init__(self, address: Server) -> None:
        """Connect."""
        self._where = str(address)
        self._client = ServerConnector(address).connect({"readonly": "2"})

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Table:
        """Answer a query."""
        _statement(sql)
        with _query_errors(self._where):
            answer = self._client.raw_query(sql, parameters=dict(parameters or {}), fmt=FORMAT)
        return Table.parse(answer)

    def close(self) -> None:
        """Disconnect."""
        self._client.close()


class EmbeddedReader:
    """Asks the embedded engine, whose folder this process owns meanwhile."""

    def __init__(self, address: Embedded) -> None:
        """Take the folder and start the engine."""
        self._where = str(address)
        self._database = address.database
        self._owned = EmbeddedEngine(address)
        try:
            self._engine = ReadOnlyEngine(self._owned.folder)
        except BaseException:
            self._owned.close()
            raise
        self._lock = threading.Lock()

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Table:
        """Answer a query."""
        _statement(sql)
        bound = {name: _text(value) for name, value in (parameters or {}).items()}
        request = Request(sql, FORMAT, self._database, bound, {})
        with self._lock, _query_errors(self._where):
            return Table.parse(self._engine.run(request).content)

    def close(self) -> None:
        """Stop the engine and give the folder back."""
        with self._lock:
            self._engine.close()
            self._owned.close()


@contextmanager
def _query_errors(where: str) -> Iterator[None]:
    from clickhouse_connect.driver.exceptions import ClickHouseError  # noqa: PLC0415 - heavy

    try:
        yield
    except (ClickHouseError, Refused, RuntimeError) as error:
        code = code_of(error)
        known = translate(error, where)
        passes = isinstance(known, (Unavailable, Overloaded))
        if known is not None and (passes or code is None or code in AUTHENTICATION):
            raise known from error
        raise InvalidQuery(f"ClickHouse: {one_line(str(error))}", code=code) from error


def _statement(sql: str) -> None:
    if not sql.strip().strip(";"):
        raise InvalidQuery("the statement is empty; write one, as in SELECT count() FROM documents")
    if format_of(sql):
        raise InvalidQuery("leave FORMAT away: choose one with --format")


def _endpoint_address(url: str, database: str, token: str | None) -> Server:
    parts = urlsplit(url)
    if not parts.hostname:
        raise Misconfigured(f"the owner's endpoint {mask(url)!r} is no address")
    return Server(
        parts.hostname,
        parts.port or 80,
        database,
        user="default",
        password=token or parts.password or "",
        secure=False,
        path=parts.path.strip("/"),
    )


def _text(value: object) -> str:
    return "\\N" if value is None else str(value)
