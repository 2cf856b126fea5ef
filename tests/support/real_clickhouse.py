"""A scratch database on the ClickHouse server that ``TIDEMARK_CLICKHOUSE`` names."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from streams.backends.clickhouse.address import Server, parse_address
from streams.backends.clickhouse.server import ServerConnector

if TYPE_CHECKING:
    from collections.abc import Iterator


def named_server() -> list[str]:
    """Return ``server`` where the environment names one, for a fixture's parameters."""
    url = os.environ.get("TIDEMARK_CLICKHOUSE", "")
    return ["server"] if url.startswith(("clickhouse://", "clickhouses://")) else []


@contextmanager
def scratch_database(url: str) -> Iterator[str]:
    """Yield the address of a database that nobody else uses; it is dropped at the end."""
    name = f"tidemark_test_{secrets.token_hex(6)}"
    scratch = urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    address = parse_address(scratch, password=os.environ.get("TIDEMARK_CLICKHOUSE_PASSWORD"))
    assert isinstance(address, Server)
    try:
        yield scratch
    finally:
        client = ServerConnector(address).connect()
        client.database = None
        client.command(f"DROP DATABASE IF EXISTS `{name}` SYNC")
        client.close()
