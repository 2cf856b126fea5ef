"""The address of the status page."""

from __future__ import annotations

import socket

import pytest

from streams.errors import Misconfigured
from streams.runtime.web_port import choose_port, page_url


def test_zero_is_any_free_port() -> None:
    """Two calls give ports that can be bound."""
    host, port = choose_port("127.0.0.1", 0)
    assert host == "127.0.0.1"
    assert 1024 <= port <= 65_535


def test_a_taken_port_is_refused_with_what_to_do() -> None:
    """The line names the address and the setting."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(Misconfigured, match=f"127.0.0.1:{port} .*TIDEMARK_WEB_PORT"):
            choose_port("127.0.0.1", port)


def test_a_taken_port_can_fall_back() -> None:
    """The demo would rather run than have the wanted port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert choose_port("127.0.0.1", port, fall_back=True)[1] not in {0, port}


def test_a_foreign_address_is_refused() -> None:
    """An address of documentation (RFC 5737) belongs to no machine."""
    with pytest.raises(Misconfigured, match=r"cannot serve the status page at 192\.0\.2\.1"):
        choose_port("192.0.2.1", 0)


@pytest.mark.parametrize(
    ("host", "url"), [("127.0.0.1", "http://127.0.0.1:80/"), ("::1", "http://[::1]:80/")]
)
def test_url_of_the_page(host: str, url: str) -> None:
    """IPv6 addresses stand in brackets."""
    assert url == page_url(host, 80)
