"""``python -m tests.support.clickhouse_server``; secrets come from the environment."""

from __future__ import annotations

import argparse
import os
import ssl
from pathlib import Path

from aiohttp import web

from tests.support.clickhouse_server.engine import Engine
from tests.support.clickhouse_server.server import Server


def main() -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(description="ClickHouse's HTTP interface, for tests.")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--user", default="tidemark")
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--key", type=Path)
    given = parser.parse_args()
    context = None
    if given.certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(given.certificate, given.key)
    given.folder.mkdir(parents=True, exist_ok=True)
    engine = Engine(given.folder)
    password, control = os.environ["SERVER_PASSWORD"], os.environ["SERVER_CONTROL"]
    server = Server(engine, given.user, password, control)
    web.run_app(
        server.application(),
        host="127.0.0.1",
        port=given.port,
        ssl_context=context,
        print=lambda *_: None,
        access_log=None,
    )
    engine.close()


if __name__ == "__main__":
    main()
