"""A scratch database on the ClickHouse server that ``TIDEMARK_CLICKHOUSE`` names."""

from __future__ import annotations

import os
import secrets
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from streams.backends.clickhouse import open_warehouse
from streams.config import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.backends.clickhouse import ClickHouseWarehouse
    from streams.clock import Clock

_PREFIX = "tidemark_test_"


def named_server() -> list[str]:
    """Return ``server`` where the environment names one, for a fixture's parameters."""
    url = os.environ.get("TIDEMARK_CLICKHOUSE", "")
    return ["server"] if url.startswith(("clickhouse://", "clickhouses://")) else []


@contextmanager
def scratch_warehouse(clock: Clock) -> Iterator[ClickHouseWarehouse]:
    """Open a database of an own name on the server, and drop it, and nothing else, at the end.

    User, password, CA and cluster are those of Tidemark's settings.
    """
    settings = load_settings()
    name = f"{_PREFIX}{secrets.token_hex(6)}"
    url = urlunsplit(urlsplit(settings.clickhouse_url)._replace(path=f"/{name}"))
    secret, ca = settings.secret("clickhouse_password"), settings.clickhouse_ca
    with closing(
        open_warehouse(url, password=secret, ca=ca, clock=clock, migrate=False)
    ) as warehouse:
        try:
            warehouse.migrate()
            yield warehouse
        finally:
            target = warehouse.target
            where = f"ON CLUSTER `{target.cluster}`" if target.cluster else ""
            drop = f"DROP DATABASE IF EXISTS `{name}` {where} SYNC"
            warehouse._writer.command(drop, use_database=False)
