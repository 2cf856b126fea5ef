"""Half configured addresses are refused with the missing part named; passwords never show."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.backends.clickhouse.address import Embedded, Server, mask, parse_address
from streams.errors import Misconfigured


def test_the_embedded_folder() -> None:
    """Three slashes, then an absolute folder."""
    assert parse_address("chdb:///var/lib/t%20m") == Embedded(Path("/var/lib/t m"))


def test_a_server_with_everything() -> None:
    """User, password, port, database and cluster are read, escapes undone."""
    address = parse_address("clickhouses://me:p%40ss@[::1]:9443/news?cluster=all", ca=Path("/ca"))
    assert address == Server("::1", 9443, "news", "me", "p@ss", True, Path("/ca"), "all")


@pytest.mark.parametrize(("scheme", "port"), [("clickhouse", 8123), ("clickhouses", 8443)])
def test_the_port_is_the_schemes(scheme: str, port: int) -> None:
    """Without a port, ClickHouse's own."""
    address = parse_address(f"{scheme}://host/tidemark", password="secret")
    assert isinstance(address, Server)
    assert (address.port, address.user, address.password) == (port, "default", "secret")


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("", "no scheme"),
        ("/var/lib/clickhouse", "no scheme"),
        ("localhost:8123/tidemark", "scheme"),
        ("http://localhost:8123/tidemark", "unknown scheme 'http'"),
        ("chdb://", "no folder"),
        ("chdb:///", "no folder"),
        ("chdb://folder", "relative folder"),
        ("chdb:///folder?x=1", "no options"),
        ("clickhouse://", "no host"),
        ("clickhouse://:8123/tidemark", "no host"),
        ("clickhouse://user@/tidemark", "no host"),
        ("clickhouse://host:8123", "no database"),
        ("clickhouse://host:8123/", "no database"),
        ("clickhouse://host:8123/default", "'default'"),
        ("clickhouse://host:8123/a/b", "'a/b'"),
        ("clickhouse://host:nan/tidemark", "no address"),
        ("clickhouse://host:99999/tidemark", "no address"),
        ("clickhouse://host/tidemark?async=1", "'async'"),
    ],
)
def test_what_is_missing_is_named(url: str, named: str) -> None:
    """No part is guessed, and nothing falls back to the embedded engine."""
    with pytest.raises(Misconfigured, match=named):
        parse_address(url)


def test_one_password_only() -> None:
    """Two different passwords are a mistake that would be hard to find."""
    with pytest.raises(Misconfigured, match="keep one") as caught:
        parse_address("clickhouse://u:secret1@host/t", password="secret2")
    assert "secret" not in str(caught.value).replace("TIDEMARK_CLICKHOUSE_PASSWORD", "")


def test_passwords_never_show() -> None:
    """Neither in repr, nor in str, nor in a masked text."""
    address = parse_address("clickhouse://me:hunter2@host/news")
    text = f"{address!r} {address} {mask('at clickhouse://me:hunter2@host/news, kafka://a:b@c')}"
    assert "hunter2" not in text
    assert "a:b@" not in text
