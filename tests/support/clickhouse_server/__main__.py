"""Runs the server: ``python -m tests.support.clickhouse_server --folder F --port P``.

With ``--control`` it is a test's: it says its port in JSON on standard output, takes orders line by
line on standard input, and ends when that is closed, so that none outlives its test.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import json
import os
import signal
import ssl
import sys
from dataclasses import asdict
from pathlib import Path

from aiohttp import web

from tests.support.clickhouse_server.app import ClickHouseHttp
from tests.support.clickhouse_server.engine import Engine
from tests.support.clickhouse_server.faults import Fault

_HOST = "127.0.0.1"
_BIND_TRIES = 100


def main() -> None:
    """Serve until told to end."""
    options = _options()
    engine = Engine(options.folder)
    server = ClickHouseHttp(engine, options.user, os.environ.get("CLICKHOUSE_PASSWORD", ""))
    try:
        asyncio.run(_serve(server, options))
    finally:
        server.close()
        engine.close()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.clickhouse_server",
        description="The password is taken from CLICKHOUSE_PASSWORD.",
    )
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0, help="0 for any free one")
    parser.add_argument("--user", default="tidemark")
    parser.add_argument("--certificate", type=Path, help="PEM, with --key: speak TLS")
    parser.add_argument("--key", type=Path)
    parser.add_argument("--control", action="store_true")
    return parser.parse_args()


async def _serve(server: ClickHouseHttp, options: argparse.Namespace) -> None:
    runner = web.AppRunner(
        server.application(), access_log=None, auto_decompress=False, shutdown_timeout=5
    )
    await runner.setup()
    await _bind(runner, options)
    port = runner.addresses[0][1]
    _say({"port": port, "pid": os.getpid()})
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    orders = asyncio.ensure_future(_obey(server, ended)) if options.control else None
    await ended.wait()
    if orders is not None:
        orders.cancel()
    await runner.cleanup()


async def _bind(runner: web.AppRunner, options: argparse.Namespace) -> None:
    """Listen; another connection of the machine may hold the port for a moment."""
    tls = None
    if options.certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(options.certificate, options.key)
    for _ in range(_BIND_TRIES):
        site = web.TCPSite(runner, _HOST, options.port, ssl_context=tls, backlog=128)
        try:
            await site.start()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            await asyncio.sleep(0.1)
        else:
            return
    sys.exit(f"port {options.port} is taken")


async def _obey(server: ClickHouseHttp, ended: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    with contextlib.suppress(asyncio.CancelledError):
        while line := await reader.readline():
            order = json.loads(line)
            if "fault" in order:
                server.plan.set(Fault(**order["fault"]) if order["fault"] else None)
            _say(asdict(server.counts))
    ended.set()


def _say(found: dict[str, int]) -> None:
    sys.stdout.write(f"{json.dumps(found)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
