"""The HTTP side of the server."""

from __future__ import annotations

import asyncio
import base64
import hmac
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import orjson
from aiohttp import web

from streams.backends.clickhouse.errors import code_of
from tests.support.clickhouse_server.faults import Fault, Faults
from tests.support.clickhouse_server.statements import decompressed, statement_of

if TYPE_CHECKING:
    from tests.support.clickhouse_server.engine import Engine, Result
    from tests.support.clickhouse_server.statements import Statement

CONTROL = "/_control"
_LARGEST = 1 << 30
_STATUS = {60: 404, 81: 404, 62: 400, 46: 400, 47: 400, 159: 408, 202: 503, 241: 500, 516: 403}
_TEXTS = {241: "MEMORY_LIMIT_EXCEEDED", 252: "TOO_MANY_PARTS", 202: "TOO_MANY_SIMULTANEOUS_QUERIES"}


@dataclass(slots=True)
class Tally:
    """What the server has seen since it started."""

    statements: int = 0
    inserts: int = 0
    failed: int = 0
    rows: int = 0


class Server:
    """Handles requests; every statement runs in a thread."""

    def __init__(self, engine: Engine, user: str, password: str, control: str) -> None:
        self._engine = engine
        self._user, self._password, self._control = user, password, control
        self._faults = Faults()
        self._tally = Tally()
        self._pool = ThreadPoolExecutor(8, "clickhouse-server")

    def application(self) -> web.Application:
        """Return the application."""
        # The body is decompressed here: aiohttp knows neither lz4 nor zstd.
        application = web.Application(
            client_max_size=_LARGEST, handler_args={"auto_decompress": False}
        )
        application.router.add_get("/ping", self._ping)
        application.router.add_route("*", CONTROL, self._steer)
        application.router.add_route("*", "/", self._handle)
        return application

    async def _ping(self, _request: web.Request) -> web.Response:
        return web.Response(text="Ok.\n")

    async def _steer(self, request: web.Request) -> web.Response:
        if not hmac.compare_digest(request.headers.get("X-Control", ""), self._control):
            return web.Response(status=403)
        if request.method == "POST":
            wanted = orjson.loads(await request.read())
            self._faults.set(Fault(**wanted) if wanted else None)
        return web.Response(body=orjson.dumps(asdict(self._tally)))

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if not self._known(request):
            return _failure(
                516, f"{self._user}: Authentication failed: password is incorrect, or no such user"
            )
        statement = await _read(request)
        if not statement.sql:
            return web.Response(text="Ok.\n")
        self._tally.statements += 1
        self._tally.inserts += statement.insert
        fault = self._faults.due(insert=statement.insert)
        if fault is not None:
            self._tally.failed += 1
            return await self._fail(request, statement, fault)
        return await self._answer(statement)

    async def _answer(self, statement: Statement) -> web.Response:
        loop = asyncio.get_running_loop()
        try:
            result = await loop.run_in_executor(self._pool, self._engine.run, statement)
        except RuntimeError as error:
            return _failure(code_of(error) or 1000, str(error))
        self._tally.rows += result.rows_written
        return _response(statement, result)

    async def _fail(
        self, request: web.Request, statement: Statement, fault: Fault
    ) -> web.StreamResponse:
        await asyncio.sleep(fault.delay)
        answer = await self._answer(statement) if fault.executed else None
        if fault.reset:
            assert request.transport is not None
            request.transport.abort()
        if fault.cut:
            return await _cut(request, answer)
        if fault.code is None:
            return web.Response(status=fault.status, text="<html>upstream failed</html>")
        name = _TEXTS.get(fault.code, "FAULT")
        text = f"Code: {fault.code}. DB::Exception: failed on purpose. ({name})"
        return _failure(fault.code, text, fault.status)

    def _known(self, request: web.Request) -> bool:
        user = request.headers.get("X-ClickHouse-User") or request.query.get("user") or ""
        password = request.headers.get("X-ClickHouse-Key") or request.query.get("password") or ""
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            user, _, password = base64.b64decode(encoded).decode().partition(":")
        return user == self._user and hmac.compare_digest(password, self._password)


async def _read(request: web.Request) -> Statement:
    fields: dict[str, str] = dict(request.query)
    if request.content_type == "multipart/form-data":
        form = await request.post()
        fields |= {name: value for name, value in form.items() if isinstance(value, str)}
        body = b""
    else:
        body = decompressed(await request.read(), request.headers.get("Content-Encoding"))
    database = fields.get("database") or request.headers.get("X-ClickHouse-Database") or ""
    database = "" if database == "__default__" else database
    return statement_of(fields, body, database)


def _response(statement: Statement, result: Result) -> web.Response:
    summary = {
        "read_rows": str(result.rows_read),
        "written_rows": str(result.rows_written),
        "elapsed_ns": "1",
    }
    return web.Response(
        body=result.content,
        headers={
            "X-ClickHouse-Format": statement.format,
            "X-ClickHouse-Summary": orjson.dumps(summary).decode(),
            "X-ClickHouse-Timezone": "UTC",
        },
    )


def _failure(code: int, text: str, status: int | None = None) -> web.Response:
    return web.Response(
        status=status or _STATUS.get(code, 500),
        text=text if text.startswith("Code:") else f"Code: {code}. DB::Exception: {text}\n",
        headers={"X-ClickHouse-Exception-Code": str(code)},
    )


async def _cut(request: web.Request, answer: web.Response | None) -> web.StreamResponse:
    """Promise a longer body than the one that comes."""
    body = answer.body if answer is not None and isinstance(answer.body, bytes) else b""
    response = web.StreamResponse(headers={"Content-Length": str(len(body) + 100)})
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    assert request.transport is not None
    request.transport.abort()
    return response
