"""The HTTP side: users, requests, answers, errors, faults."""

from __future__ import annotations

import asyncio
import base64
import binascii
import functools
import hmac
import json
import os
import re
import signal
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import TYPE_CHECKING

from aiohttp import web

from tests.support.clickhouse_server.broken import break_off, reset
from tests.support.clickhouse_server.counts import Counts
from tests.support.clickhouse_server.encodings import compress, decompress
from tests.support.clickhouse_server.engine import Answer, Engine, ServerError
from tests.support.clickhouse_server.faults import Fault, FaultPlan
from tests.support.clickhouse_server.statement import Statement, read_statement

if TYPE_CHECKING:
    from collections.abc import Mapping

_LARGEST_BODY = 1 << 30
_THREADS = 8
_CODE = re.compile(r"Code: (\d+)\..*", re.DOTALL)
_BAD_REQUEST = (6, 25, 26, 27, 38, 41, 53, 62, 72, 117)
_NOT_FOUND = (46, 47, 50, 56, 60, 73, 81, 115, 336)
_STATUS = {
    **dict.fromkeys(_BAD_REQUEST, 400),
    **dict.fromkeys(_NOT_FOUND, 404),
    **dict.fromkeys((192, 193, 516), 403),
    **dict.fromkeys((76, 209, 439), 503),
    48: 501,
    159: 408,
    194: 401,
}
_NAMES = {
    60: "UNKNOWN_TABLE",
    159: "TIMEOUT_EXCEEDED",
    202: "TOO_MANY_SIMULTANEOUS_QUERIES",
    241: "MEMORY_LIMIT_EXCEEDED",
    252: "TOO_MANY_PARTS",
    516: "AUTHENTICATION_FAILED",
}
_OK = 200
_PROGRESS = "send_progress_in_http_headers"


class ClickHouseHttp:
    """Answers clients from one engine."""

    def __init__(self, engine: Engine, user: str, password: str) -> None:
        self.plan = FaultPlan()
        self.counts = Counts()
        self._engine = engine
        self._user = user
        self._password = password
        self._pool = ThreadPoolExecutor(_THREADS, "clickhouse")

    def application(self) -> web.Application:
        """Return the routes of ClickHouse's HTTP interface."""
        application = web.Application(client_max_size=_LARGEST_BODY)
        application.router.add_get("/ping", _ping)
        application.router.add_get("/", self._handle)
        application.router.add_post("/", self._handle)
        return application

    def close(self) -> None:
        """Wait for what runs."""
        self._pool.shutdown()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        fields: dict[str, str] = dict(request.query)
        try:
            body = await _body(request, fields)
            self._authenticate(request.headers, fields)
            reads_only = request.method == "GET"
            statement = read_statement(fields, body, request.headers, reads_only=reads_only)
            if not statement.sql:
                return web.Response(text="Ok.\n")
            return await self._answer(request, statement, fields)
        except (ServerError, RuntimeError) as error:
            return _failure(str(error), fields)

    async def _answer(
        self, request: web.Request, statement: Statement, fields: Mapping[str, str]
    ) -> web.StreamResponse:
        self.counts.statements += 1
        self.counts.inserts += statement.insert
        fault = self.plan.due(statement.sql, insert=statement.insert)
        if fault is None:
            return _response(request, statement, await self._run(statement), fields)
        self.counts.failed += 1
        answer = Answer()
        if fault.executed or fault.dies is not None:
            answer = await self._run(statement, fault.dies)
        await asyncio.sleep(fault.delay)
        if fault.reset:
            reset(request)
        response = _response(request, statement, answer, fields)
        if fault.cut and not fault.executed and fields.get(_PROGRESS) != "1":
            reset(request)  # no answer has begun
        elif fault.cut:
            break_off(request, response)
        honest = fault.reset or fault.cut or fault.status == _OK
        return response if honest else _ordered(fault, fields)

    async def _run(self, statement: Statement, dies: float | None = None) -> Answer:
        if dies is not None and statement.data is None:
            os.kill(os.getpid(), signal.SIGKILL)
        loop = asyncio.get_running_loop()
        run = functools.partial(self._engine.run, statement, die_after=dies)
        answer = await loop.run_in_executor(self._pool, run)
        self.counts.rows += answer.written_rows
        return answer

    def _authenticate(self, headers: Mapping[str, str], fields: Mapping[str, str]) -> None:
        user, password = _credentials(headers, fields)
        right = hmac.compare_digest(password.encode(), self._password.encode())
        if user != self._user or not right:
            text = (
                f"{user}: Authentication failed: password is incorrect, or there is no user with "
                "such name"
            )
            raise ServerError(516, "AUTHENTICATION_FAILED", text)


async def _ping(_request: web.Request) -> web.Response:
    return web.Response(text="Ok.\n")


async def _body(request: web.Request, fields: dict[str, str]) -> bytes:
    if request.content_type == "multipart/form-data":
        form = await request.post()
        fields |= {name: value for name, value in form.items() if isinstance(value, str)}
        return b""
    encoding = request.headers.get("Content-Encoding", "")
    if "1" in {fields.get("compress"), fields.get("decompress")}:
        raise ServerError(48, "NOT_IMPLEMENTED", "compress and decompress are not emulated")
    try:
        return decompress(await request.read(), encoding)
    except ValueError as error:
        raise ServerError(89, "UNKNOWN_COMPRESSION_METHOD", str(error)) from error


def _credentials(headers: Mapping[str, str], fields: Mapping[str, str]) -> tuple[str, str]:
    if "X-ClickHouse-User" in headers or "X-ClickHouse-Key" in headers:
        return headers.get("X-ClickHouse-User", "default"), headers.get("X-ClickHouse-Key", "")
    scheme, _, encoded = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise ServerError(
                516, "AUTHENTICATION_FAILED", "Invalid authentication: no base64"
            ) from None
        return user, password
    return fields.get("user", "default"), fields.get("password", "")


def _response(
    request: web.Request, statement: Statement, answer: Answer, fields: Mapping[str, str]
) -> web.Response:
    content, encoding = answer.content, ""
    if content and fields.get("enable_http_compression", "1") == "1":
        content, encoding = compress(content, request.headers.get("Accept-Encoding", ""))
    summary = asdict(answer)
    del summary["content"], summary["seconds"]
    summary["elapsed_ns"] = int(answer.seconds * 1e9)
    headers = {
        "X-ClickHouse-Summary": json.dumps({name: str(value) for name, value in summary.items()}),
        "X-ClickHouse-Query-Id": fields.get("query_id") or str(uuid.uuid4()),
        "X-ClickHouse-Timezone": "UTC",
        "X-ClickHouse-Server-Display-Name": "emulated",
        "Content-Type": "text/plain; charset=UTF-8",
    }
    if content:
        headers["X-ClickHouse-Format"] = statement.format
    if encoding:
        headers["Content-Encoding"] = encoding
    return web.Response(body=content, headers=headers)


def _ordered(fault: Fault, fields: Mapping[str, str]) -> web.Response:
    """Return the failure that a test ordered."""
    if fault.code is None:
        return web.Response(status=fault.status or 503, text="<html><h1>upstream</h1></html>")
    name = _NAMES.get(fault.code, "ORDERED")
    text = f"Code: {fault.code}. DB::Exception: Ordered by a test. ({name})"
    return _failure(text, fields, fault.status)


def _failure(text: str, fields: Mapping[str, str], status: int | None = None) -> web.Response:
    match = _CODE.search(text)
    code = int(match.group(1)) if match else 1002
    return web.Response(
        text=(match.group() if match else text) + "\n",
        status=status or _STATUS.get(code, 500),
        headers={
            "X-ClickHouse-Exception-Code": str(code),
            "X-ClickHouse-Query-Id": fields.get("query_id", ""),
        },
    )
