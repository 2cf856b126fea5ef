"""Connections to a ClickHouse server over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.backends.clickhouse.errors import translated
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from streams.backends.clickhouse.address import Server

CONNECT_SECONDS = 5
"""A server that does not take a connection in this time is away."""

ANSWER_SECONDS = 60
"""Bound on one answer. An insert takes a second; a busy server may hold it back for several. What
takes longer is asked again: a host that vanished says nothing, and landing twice changes nothing.
"""


class ServerConnector:
    """Opens clients of one server."""

    def __init__(self, address: Server) -> None:
        """Check what can be checked without the network.

        Raises:
            Misconfigured: the CA file is missing.
        """
        if address.ca is not None and not address.ca.is_file():
            raise Misconfigured(f"TIDEMARK_CLICKHOUSE_CA: there is no file {address.ca}")
        self.address = address

    def connect(self, settings: dict[str, Any] | None = None) -> Client:
        """Open a client that several threads may use.

        Raises:
            Misconfigured: user, password or TLS are wrong.
            Unavailable: the server does not answer.
        """
        import clickhouse_connect  # noqa: PLC0415 - heavy

        with translated(str(self.address), opening=True):
            client = clickhouse_connect.get_client(
                host=self.address.host,
                port=self.address.port,
                username=self.address.user,
                password=self.address.password,
                interface="https" if self.address.secure else "http",
                ca_cert=str(self.address.ca) if self.address.ca else None,
                settings=settings,
                proxy_path=self.address.path,
                connect_timeout=CONNECT_SECONDS,
                send_receive_timeout=ANSWER_SECONDS,
                autogenerate_session_id=False,  # a session would forbid calls at the same time
                dedicated_pool=True,  # closed with the client
            )
        client.database = self.address.database
        return client

    def close(self) -> None:
        """Nothing is shared between the clients."""
