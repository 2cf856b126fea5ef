"""ClickHouse's HTTP interface, read-only, over the embedded engine.

Lets clickhouse-connect, curl and dashboards ask while the pipeline runs: only the process that owns
the folder can read it, so it answers for the others. Interface: ``docs/en/interfaces/http`` of
ClickHouse. Every request is guarded (``guard.py``) and limited (``readonly.py``).
"""

from __future__ import annotations

import asyncio
import base64
import hmac
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from aiohttp import web

from streams.backends.clickhouse.errors import code_of
from streams.backends.clickhouse.guard import Refused
from streams.backends.clickhouse.native import empty_block, for_revision
from streams.backends.clickhouse.native_walk import UnknownType
from streams.backends.clickhouse.readonly import Answer, ReadOnlyEngine, Request, format_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

_MOST_WAITING = 32
_LARGEST_REQUEST = 4 << 20
_HANDSHAKE = "SELECT name, value, readonly FROM system.settings LIMIT 10000"
_STATUS = {
    46: 400,
    47: 400,
    48: 501,
    60: 404,
    62: 400,
    81: 404,
    159: 408,
    164: 403,
    202: 503,
    241: 507,
}
_STATUS |= {497: 403, 516: 401}
_CONTENT_TYPES = {
    "JSON": "application/json; charset=UTF-8",
    "JSONCompact": "application/json; charset=UTF-8",
    "JSONColumns": "application/json; charset=UTF-8",
    "JSONCompactColumns": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "Native": "application/octet-stream",
    "Parquet": "application/octet-stream",
}


def make_endpoint(
    folder: str | Path, database: str, *, token: str | None = None, workers: int = 2
) -> web.Application:
    """Return an application with the routes ``/`` and ``/ping``, alone or below a prefix.

    Args:
        folder: of the embedded engine, owned by this process.
        database: where unqualified names live.
        token: asked for as the password, if given.
        workers: queries at a time; more wait, up to a bound.
    """
    endpoint = _Endpoint(Path(folder), database, token, workers)
    application = web.Application(client_max_size=_LARGEST_REQUEST)
    application.cleanup_ctx.append(endpoint.lifetime)
    application.router.add_get("/ping", endpoint.ping)
    for path in ("", "/"):  # below a prefix, clients leave the last slash away
        application.router.add_get(path, endpoint.handle)
        application.router.add_post(path, endpoint.handle)
    return application


class _Endpoint:
    def __init__(self, folder: Path, database: str, token: str | None, workers: int) -> None:
        self._folder = folder
        self._database = database
        self._token = token
        self._workers = workers
        self._waiting = 0

    async def lifetime(self, _application: web.Application) -> AsyncIterator[None]:
        """Hold the engine and the threads while the application runs."""
        self._pool = ThreadPoolExecutor(self._workers, "clickhouse-endpoint")
        loop = asyncio.get_running_loop()
        self._engine = await loop.run_in_executor(self._pool, ReadOnlyEngine, self._folder)
        yield
        self._pool.shutdown()
        self._engine.close()

    async def ping(self, _request: web.Request) -> web.Response:
        return web.Response(text="Ok.\n")

    async def handle(self, request: web.Request) -> web.Response:
        try:
            self._authenticate(request)
            asked = await self._read(request)
            _plain_answers_only(request)
            if not asked.sql:
                return web.Response(text="Ok.\n")
            return _response(asked, await self._answer(asked))
        except (Refused, RuntimeError) as error:
            return _failure(error)

    async def _answer(self, asked: Request) -> Answer:
        if self._waiting >= _MOST_WAITING:
            raise Refused(202, "TOO_MANY_SIMULTANEOUS_QUERIES", "Too many simultaneous queries")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, self._run, asked)
        finally:
            self._waiting -= 1

    def _run(self, asked: Request) -> Answer:
        # Asked under readonly = 1, all settings are reported as fixed, and clickhouse-connect
        # would refuse to send any.
        answer = self._engine.run(asked, readonly=2 if asked.sql == _HANDSHAKE else 1)
        if asked.format != "Native":
            return answer
        content = answer.content or empty_block(self._engine.describe(asked))
        revision = asked.settings.get("client_protocol_version", "")
        known = int(revision) if revision.isdecimal() else 0
        try:
            return replace(answer, content=for_revision(content, known))
        except UnknownType as kind:
            raise Refused(48, "NOT_IMPLEMENTED", f"a column of type {kind}: cast it") from kind

    async def _read(self, request: web.Request) -> Request:
        fields: dict[str, str] = dict(request.query)
        body = ""
        if request.content_type == "multipart/form-data":
            form = await request.post()
            fields |= {name: value for name, value in form.items() if isinstance(value, str)}
        else:
            body = (await request.read()).decode("utf-8", "replace")
        sql = "\n".join(part for part in (fields.get("query", ""), body) if part).strip()
        return Request(
            sql=_without_handshake_format(sql),
            format=format_of(sql) or _default_format(request, fields),
            database=self._chosen_database(request, fields),
            parameters=_parameters(fields),
            settings=fields,
        )

    def _chosen_database(self, request: web.Request, fields: Mapping[str, str]) -> str:
        name = fields.get("database") or request.headers.get("X-ClickHouse-Database")
        return self._database if name in {None, "", "__default__"} else str(name)

    def _authenticate(self, request: web.Request) -> None:
        if self._token is None:
            return
        given = request.headers.get("X-ClickHouse-Key") or request.query.get("password") or ""
        if header := request.headers.get("Authorization"):
            given = _basic_password(header)
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            raise Refused(516, "AUTHENTICATION_FAILED", "Authentication failed: wrong password")


def _basic_password(header: str) -> str:
    """Return the password of basic authentication (RFC 7617); empty where there is none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        decoded = base64.b64decode(encoded, validate=True).decode()
    except ValueError:
        return ""
    return decoded.partition(":")[2]


def _without_handshake_format(sql: str) -> str:
    return _HANDSHAKE if sql.startswith(_HANDSHAKE) and format_of(sql) == "Native" else sql


def _plain_answers_only(request: web.Request) -> None:
    if request.query.get("compress") == "1":  # its frames bear a checksum that is ours to compute
        raise Refused(48, "NOT_IMPLEMENTED", "compress=1: choose gzip or no compression")


def _default_format(request: web.Request, fields: Mapping[str, str]) -> str:
    header = request.headers.get("X-ClickHouse-Format")
    return fields.get("default_format") or header or "TabSeparated"


def _parameters(fields: Mapping[str, str]) -> dict[str, str]:
    marked = {name: value for name, value in fields.items() if name.startswith("param_")}
    return {name.removeprefix("param_"): value for name, value in marked.items()}


def _response(asked: Request, answer: Answer) -> web.Response:
    summary = {
        "read_rows": str(answer.rows_read),
        "read_bytes": str(answer.bytes_read),
        "elapsed_ns": str(int(answer.seconds * 1e9)),
    }
    return web.Response(
        body=answer.content,
        headers={
            "Content-Type": _CONTENT_TYPES.get(asked.format, "text/plain; charset=UTF-8"),
            "X-ClickHouse-Format": asked.format,
            "X-ClickHouse-Summary": orjson.dumps(summary).decode(),
            "X-ClickHouse-Timezone": "UTC",
            "X-Content-Type-Options": "nosniff",
        },
    )


def _failure(error: Exception) -> web.Response:
    code = code_of(error) or 1000
    return web.Response(
        text=f"{error}\n",
        status=_STATUS.get(code, 500),
        headers={"X-ClickHouse-Exception-Code": str(code), "X-Content-Type-Options": "nosniff"},
    )
