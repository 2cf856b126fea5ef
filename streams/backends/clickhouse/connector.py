"""The one place that chooses between the embedded engine and a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from streams.backends.clickhouse.address import Address, Embedded
from streams.backends.clickhouse.embedded import EmbeddedEngine
from streams.backends.clickhouse.server import ServerConnector

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


class Connector(Protocol):
    """Opens clients of one database."""

    def connect(self, settings: dict[str, Any] | None = None) -> Client:
        """Open a client with session settings; its current database is the address's."""
        ...

    def close(self) -> None:
        """Give the database back; after its clients are closed."""
        ...


def open_connector(address: Address) -> Connector:
    """Return the connector of an address.

    Raises:
        Misconfigured: the folder or the CA file is wrong.
        Unavailable: another process owns the folder.
    """
    return EmbeddedEngine(address) if isinstance(address, Embedded) else ServerConnector(address)
