"""What a request over ClickHouse's HTTP interface asks for."""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import dataclass, field

import lz4.frame
import zstandard

_INSERT = re.compile(
    rb"\s*(INSERT\s+INTO\s+.+?)\s+FORMAT\s+(\w+)[ \t]*(?:\n|\r\n|\Z)", re.DOTALL | re.IGNORECASE
)
_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
_OTHER_FIELDS = frozenset(
    {
        "query",
        "database",
        "user",
        "password",
        "default_format",
        "session_id",
        "session_timeout",
        "client_protocol_version",
        "query_id",
        "role",
        "compress",
        "decompress",
        "enable_http_compression",
        "send_progress_in_http_headers",
        "http_headers_progress_interval_ms",
        "wait_end_of_query",
        "buffer_size",
        "cancel_http_readonly_queries_on_client_close",
    }
)


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with everything that came with it; ``data`` are an insert's rows."""

    sql: str
    format: str
    database: str
    data: bytes | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def insert(self) -> bool:
        """Whether rows are written."""
        return self.sql.lstrip()[:6].upper() == "INSERT"


def statement_of(fields: dict[str, str], body: bytes, database: str) -> Statement:
    """Read a request; the statement may be in the address, in the body, or in both."""
    query = fields.get("query", "").encode()
    text = query + (b"\n" if query and body else b"") + body
    parameters = {k.removeprefix("param_"): v for k, v in fields.items() if k.startswith("param_")}
    settings = {
        k: v for k, v in fields.items() if k not in _OTHER_FIELDS and not k.startswith("param_")
    }
    match = _INSERT.match(text)
    if match and b"SELECT" not in match.group(1).upper().split(b")")[-1]:
        data = text[match.end() :]
        sql, name = match.group(1).decode(), match.group(2).decode()
        return Statement(sql, name, database, data, parameters, settings)
    sql = text.decode("utf-8", "replace").strip()
    named = _FORMAT.search(sql)
    chosen = named.group(1) if named else fields.get("default_format") or "TabSeparated"
    return Statement(sql, chosen, database, None, parameters, settings)


def decompressed(body: bytes, encoding: str | None) -> bytes:
    """Undo the request's Content-Encoding."""
    if not encoding or not body or encoding == "identity":
        return body
    if encoding == "gzip":
        return gzip.decompress(body)
    if encoding == "deflate":
        return zlib.decompress(body)
    if encoding == "lz4":
        return bytes(lz4.frame.decompress(body))
    if encoding == "zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(body)
    raise ValueError(f"unknown Content-Encoding {encoding}")
