"""Addresses of external brokers."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from streams.backends.kafka.address import check_reachable, parse_addresses
from streams.backends.kafka.inprocess import InProcessCluster
from streams.backends.kafka.security import KafkaSecurity
from streams.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 1.0


@pytest.fixture
def rude() -> Iterator[str]:
    """A server that takes connections and ends them at the first bytes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                connection, _ = server.accept()
                with connection:
                    connection.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        port = server.getsockname()[1]
        yield f"127.0.0.1:{port}"
        ended.set()
        socket.create_connection(("127.0.0.1", port)).close()
        thread.join()


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("kafka:9092", "kafka:9092"),
        (" a.example:1 , b-2.example:65535", "a.example:1,b-2.example:65535"),
        ("[::1]:9092", "[::1]:9092"),
    ],
)
def test_lists_of_hosts_and_ports_are_read(text: str, parsed: str) -> None:
    """Spaces around entries do not matter."""
    assert parsed == parse_addresses(text)


@pytest.mark.parametrize(
    "text", ["kafka", "kafka:", ":9092", "kafka:0", "kafka:65536", "a:1,,b:2", "kafka://a:1", "a:b"]
)
def test_other_texts_are_refused(text: str) -> None:
    """The line shows the entry and the forms that are understood."""
    with pytest.raises(Misconfigured, match=r"no host:port; write local, in-process"):
        parse_addresses(text)


def test_a_broker_that_answers_is_reachable() -> None:
    """Nothing is raised."""
    cluster = InProcessCluster()
    check_reachable(cluster.bootstrap, KafkaSecurity(), 10.0)
    cluster.stop()


def test_nobody_there_is_unavailable() -> None:
    """Bounded, and the line says what to check."""
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1 does not answer .*refused"):
        check_reachable("127.0.0.1:1", KafkaSecurity(), SECONDS)


def test_a_server_that_hangs_up_may_want_tls(rude: str) -> None:
    """So does every Kafka listener for TLS when it is spoken to in the clear."""
    with pytest.raises(Unavailable, match="TIDEMARK_KAFKA_SECURITY_PROTOCOL"):
        check_reachable(rude, KafkaSecurity(), SECONDS)


def test_tls_to_a_server_without_is_misconfigured() -> None:
    """The broker answers, so waiting cannot help."""
    cluster = InProcessCluster()
    with pytest.raises(Misconfigured, match="does not speak TLS on this port"):
        check_reachable(cluster.bootstrap, KafkaSecurity("SSL"), 10.0)
    cluster.stop()
