"""Lets other processes ask the embedded database that this process owns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.backends.clickhouse.address import Embedded

if TYPE_CHECKING:
    from aiohttp.web import Application

    from streams.backends.clickhouse import ClickHouseWarehouse

PREFIX = "/clickhouse"


class ReadEndpoint:
    """ClickHouse's HTTP interface, read-only, below ``/clickhouse`` of the status page.

    Does nothing where this process lands nowhere or in a server, which others can ask themselves.
    """

    def __init__(self, warehouse: ClickHouseWarehouse | None) -> None:
        address = warehouse.address if warehouse is not None else None
        self._embedded = address if isinstance(address, Embedded) else None

    def mount(self, application: Application) -> None:
        """Add the routes."""
        if self._embedded is not None:
            from streams.backends.clickhouse.endpoint import make_endpoint  # noqa: PLC0415

            endpoint = make_endpoint(self._embedded.folder, self._embedded.database)
            application.add_subapp(PREFIX, endpoint)

    def publish(self, url: str) -> None:
        """Tell other processes where to ask."""
        if self._embedded is not None:
            from streams.backends.clickhouse import publish_endpoint  # noqa: PLC0415

            publish_endpoint(self._embedded.folder, url.rstrip("/") + PREFIX)

    def withdraw(self) -> None:
        """Tell other processes that nobody answers any more."""
        if self._embedded is not None:
            from streams.backends.clickhouse import publish_endpoint  # noqa: PLC0415

            publish_endpoint(self._embedded.folder, None)
