"""A server that refuses, fails or is not there: one clear line each, without the password."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from streams.backends.clickhouse import open_reader, open_warehouse
from streams.backends.clickhouse import server as server_module
from streams.errors import Misconfigured, Overloaded, TidemarkError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def failing(status: int, code: int, text: str) -> Iterator[int]:
    """Serve one error for every request."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            if code:
                self.send_header("X-ClickHouse-Exception-Code", str(code))
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST  # noqa: N815 - name of the library

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def speaking(greeting: bytes) -> Iterator[int]:
    """Answer whatever comes with some bytes, and hang up."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1 << 16)
            self.request.sendall(greeting)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def _refusal(url: str, **options: str) -> TidemarkError:
    with pytest.raises(TidemarkError) as caught:
        open_warehouse(url, **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)
    return caught.value


def test_a_wrong_password() -> None:
    """Names both settings that could be wrong."""
    text = "Code: 516. DB::Exception: me: Authentication failed. (AUTHENTICATION_FAILED)"
    with failing(403, 516, text) as port:
        error = _refusal(f"clickhouse://me:hunter2@127.0.0.1:{port}/tidemark")
    assert isinstance(error, Misconfigured)
    assert f"ClickHouse at 127.0.0.1:{port} refuses the user or password" in str(error)
    assert "TIDEMARK_CLICKHOUSE_PASSWORD" in str(error)


def test_a_missing_password() -> None:
    """A user without a password, where the server wants one, never means the embedded engine."""
    text = "Code: 194. DB::Exception: Password required for user me. (REQUIRED_PASSWORD)"
    with failing(401, 194, text) as port:
        error = _refusal(f"clickhouse://me@127.0.0.1:{port}/tidemark")
    assert isinstance(error, Misconfigured)


def test_an_overloaded_server() -> None:
    """Too many parts, memory: tried again later."""
    text = "Code: 202. DB::Exception: Too many simultaneous queries. (TOO_MANY)"
    with failing(500, 202, text) as port:
        error = _refusal(f"clickhouse://127.0.0.1:{port}/tidemark")
    assert isinstance(error, Overloaded)
    assert "cannot now: Too many simultaneous queries" in str(error)


def test_no_server_at_all() -> None:
    """Nobody listens on the port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    error = _refusal(f"clickhouse://me:hunter2@127.0.0.1:{port}/tidemark")
    assert isinstance(error, Unavailable)
    assert str(error) == (
        f"ClickHouse at 127.0.0.1:{port} does not answer: connection refused; check host and port "
        "in TIDEMARK_CLICKHOUSE"
    )


def test_a_port_without_tls() -> None:
    """clickhouses:// to a plain port says that TLS failed."""
    with failing(200, 0, "Ok.") as port:
        error = _refusal(f"clickhouses://me:hunter2@127.0.0.1:{port}/tidemark")
    assert isinstance(error, Misconfigured)
    assert "TLS failed" in str(error)


@pytest.mark.parametrize("status", [200, 404])
def test_another_kind_of_server(status: int) -> None:
    """A web server that knows nothing of ClickHouse."""
    with failing(status, 0, "<html>hello</html>") as port:
        error = _refusal(f"clickhouse://127.0.0.1:{port}/tidemark")
    assert isinstance(error, Misconfigured)
    assert "is no ClickHouse" in str(error)
    assert "must name its HTTP port (8123, or 8443 with clickhouses://" in str(error)


def test_the_port_of_another_protocol() -> None:
    """ClickHouse's own protocol, Kafka, SSH: what does not speak HTTP is named by that."""
    with speaking(b"SSH-2.0-OpenSSH_9.6\r\n") as port:
        error = _refusal(f"clickhouse://127.0.0.1:{port}/tidemark")
    assert isinstance(error, Misconfigured)
    assert "does not answer in HTTP" in str(error)


def test_a_plain_client_on_a_port_with_tls() -> None:
    """OpenSSL answers what is not TLS with an alert: the line says how to write the address."""
    with speaking(bytes.fromhex("15030100020246")) as port:
        error = _refusal(f"clickhouse://me:hunter2@127.0.0.1:{port}/tidemark")
    assert isinstance(error, Misconfigured)
    assert "write clickhouses:// where it speaks TLS" in str(error)


def test_the_port_of_the_native_protocol() -> None:
    """ClickHouse says so itself on port 9000; this line says which one to take."""
    text = "Port 9000 is for clickhouse-client program\r\nYou must use port 8123 for HTTP.\r\n"
    with failing(400, 0, text) as port:
        error = _refusal(f"clickhouse://127.0.0.1:{port}/tidemark")
    assert isinstance(error, Misconfigured)
    assert "must name its HTTP port" in str(error)


def test_an_unknown_host() -> None:
    """A name that nobody knows (RFC 6761 keeps this one free)."""
    error = _refusal("clickhouse://me:hunter2@nowhere.invalid/tidemark")
    assert isinstance(error, Misconfigured)
    assert str(error).endswith("the host name is unknown; check TIDEMARK_CLICKHOUSE")


def test_a_host_that_takes_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A firewall that drops packets: given up after the bound on connecting."""
    monkeypatch.setattr(server_module, "CONNECT_SECONDS", 1)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        with contextlib.ExitStack() as queue:
            for _ in range(3):  # whoever comes now is not even refused
                waiting = queue.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(("127.0.0.1", port))
            error = _refusal(f"clickhouse://127.0.0.1:{port}/tidemark")
    assert isinstance(error, Unavailable)
    assert "does not answer: no connection in time" in str(error)


def test_a_missing_ca(tmp_path: Path) -> None:
    """Named before anything is sent."""
    with pytest.raises(Misconfigured, match="TIDEMARK_CLICKHOUSE_CA: there is no file"):
        open_reader("clickhouses://host/tidemark", ca=tmp_path / "none.pem")
