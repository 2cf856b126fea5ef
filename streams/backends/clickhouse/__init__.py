"""The warehouse: ClickHouse, embedded (chdb) or a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.backends.clickhouse.address import parse_address
from streams.backends.clickhouse.errors import InvalidQuery
from streams.backends.clickhouse.lock import publish_endpoint
from streams.backends.clickhouse.reader import NothingLanded, Reader, open_reader
from streams.backends.clickhouse.table import Table
from streams.backends.clickhouse.warehouse import ClickHouseWarehouse
from streams.clock import SystemClock

if TYPE_CHECKING:
    from pathlib import Path

    from streams.clock import Clock

__all__ = [
    "ClickHouseWarehouse",
    "InvalidQuery",
    "NothingLanded",
    "Reader",
    "Table",
    "open_reader",
    "open_warehouse",
    "parse_address",
    "publish_endpoint",
]


def open_warehouse(
    url: str,
    *,
    password: str | None = None,
    ca: Path | None = None,
    clock: Clock | None = None,
    migrate: bool = True,
) -> ClickHouseWarehouse:
    """Open the database for landing, its tables brought up to date.

    Args:
        url: ``chdb:///folder``, ``clickhouse://user@host:8123/database`` or ``clickhouses://``.
        password: of the user, where it is not in the address.
        ca: certificates (PEM) that sign the server's.
        clock: gives ``landed_at``.
        migrate: False to leave the tables as they are.

    Raises:
        Misconfigured: a part of the address is missing or wrong; names it.
        Unavailable: the server does not answer, or another process owns the folder; names it.
    """
    address = parse_address(url, password=password, ca=ca)
    warehouse = ClickHouseWarehouse(address, clock or SystemClock())
    if migrate:
        try:
            warehouse.migrate()
        except BaseException:
            warehouse.close()
            raise
    return warehouse
