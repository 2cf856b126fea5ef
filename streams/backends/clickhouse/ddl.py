"""A ClickHouse client as migrations see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schemas.migrate import Target
from streams.backends.clickhouse.address import Server
from streams.backends.clickhouse.server import ANSWER_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clickhouse_connect.driver.client import Client

    from streams.backends.clickhouse.address import Address

_ON_CLUSTER = {
    # The server must give up on a host that is down before the client gives up on the server:
    # then it names the host.
    "distributed_ddl_task_timeout": ANSWER_SECONDS - 10,
    "distributed_ddl_output_mode": "throw",
}


def target_of(address: Address) -> Target:
    """Return where an address's tables live."""
    return Target(address.database, address.cluster if isinstance(address, Server) else None)


class Ddl:
    """Runs statements that no current database is needed for."""

    def __init__(self, client: Client, target: Target) -> None:
        self._client = client
        self._settings: dict[str, Any] = _ON_CLUSTER if target.cluster else {}

    def execute(self, sql: str) -> None:
        """Run a statement that returns nothing."""
        self._client.command(sql, use_database=False, settings=self._settings)

    def rows(self, sql: str) -> Sequence[Sequence[object]]:
        """Return the rows of a query."""
        return self._client.query(sql).result_rows
