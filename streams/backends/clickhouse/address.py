"""Where the database is: the forms of ``TIDEMARK_CLICKHOUSE``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from streams.errors import Misconfigured

EMBEDDED_DATABASE = "tidemark"

_FORMS = "chdb:///folder or clickhouse://user@host:8123/tidemark (clickhouses:// for TLS)"
_PASSWORD = re.compile(r"(\w+://[^\s/:@]*):[^\s/@]*@")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_PORTS = {"clickhouse": 8123, "clickhouses": 8443}


@dataclass(frozen=True, slots=True)
class Embedded:
    """A folder of the embedded engine."""

    folder: Path
    database: str = EMBEDDED_DATABASE

    def __str__(self) -> str:
        return f"the embedded ClickHouse in {self.folder}"


@dataclass(frozen=True, slots=True)
class Server:
    """A ClickHouse server's HTTP interface; the password never shows."""

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)
    secure: bool
    ca: Path | None = None
    cluster: str | None = None
    path: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"ClickHouse at {host}:{self.port}"


Address: TypeAlias = Embedded | Server


def parse_address(url: str, *, password: str | None = None, ca: Path | None = None) -> Address:
    """Read an address; nothing is guessed where a part is missing.

    Raises:
        Misconfigured: a part is missing, doubled or unknown; names it.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise Misconfigured(
            f"TIDEMARK_CLICKHOUSE is no address ({error}): write {_FORMS}"
        ) from None
    if parts.scheme == "chdb":
        return _embedded(parts)
    if parts.scheme in _PORTS:
        return _server(parts, port or _PORTS[parts.scheme], password, ca)
    named = f"has the unknown scheme {parts.scheme!r}" if parts.scheme else "names no scheme"
    raise Misconfigured(f"TIDEMARK_CLICKHOUSE {named}: write {_FORMS}")


def mask(text: str) -> str:
    """Hide the passwords of all addresses in a text."""
    return _PASSWORD.sub(r"\1:***@", text)


def _embedded(parts: SplitResult) -> Embedded:
    if parts.netloc:
        raise Misconfigured(
            "TIDEMARK_CLICKHOUSE names a relative folder: write an absolute one after three "
            "slashes, as in chdb:///var/lib/tidemark/clickhouse"
        )
    if parts.query or parts.fragment:
        raise Misconfigured("TIDEMARK_CLICKHOUSE: chdb:// takes a folder and no options")
    if parts.path in {"", "/"}:
        raise Misconfigured(f"TIDEMARK_CLICKHOUSE names no folder: write {_FORMS}")
    return Embedded(Path(unquote(parts.path)))


def _server(parts: SplitResult, port: int, password: str | None, ca: Path | None) -> Server:
    if not parts.hostname:
        raise Misconfigured(f"TIDEMARK_CLICKHOUSE names no host: write {_FORMS}")
    if parts.password and password:
        raise Misconfigured(
            "the ClickHouse password is in TIDEMARK_CLICKHOUSE and in "
            "TIDEMARK_CLICKHOUSE_PASSWORD: keep one of them"
        )
    return Server(
        host=parts.hostname,
        port=port,
        database=_database(parts.path),
        user=unquote(parts.username or "default"),
        password=unquote(parts.password or "") or password or "",
        secure=parts.scheme == "clickhouses",
        ca=ca,
        cluster=_cluster(parts.query),
    )


def _database(path: str) -> str:
    name = unquote(path.strip("/"))
    if not name:
        raise Misconfigured(
            "TIDEMARK_CLICKHOUSE names no database: end it with one, as in .../tidemark"
        )
    if name == "default" or _NAME.fullmatch(name) is None:
        raise Misconfigured(
            f"TIDEMARK_CLICKHOUSE names the database {name!r}: give Tidemark one of its own, "
            "named with letters, digits and _, as in .../tidemark"
        )
    return name


def _cluster(query: str) -> str | None:
    options = parse_qs(query, keep_blank_values=True)
    unknown = sorted(set(options) - {"cluster"})
    if unknown:
        raise Misconfigured(
            f"TIDEMARK_CLICKHOUSE has the unknown option {unknown[0]!r}: only cluster is known"
        )
    return options["cluster"][-1] or None if "cluster" in options else None
