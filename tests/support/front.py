"""A gate before an HTTP server: TLS, a user, outages; for tests of clients."""

from __future__ import annotations

import base64
import http.client
import threading
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator


class Front(ThreadingHTTPServer):
    """Passes requests on to ``behind``, unless told otherwise.

    Attributes:
        user: ``name:password`` that is asked for, where it is not None.
        refuse: answer everything with this status.
        stalled: while set, no request is answered.
        requests: method and path of all requests.
    """

    daemon_threads = True

    def __init__(self, behind: str, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.behind = urlsplit(behind)
        self.user: str | None = None
        self.refuse: int | None = None
        self.stalled = threading.Event()
        self.requests: list[tuple[str, str]] = []
        self.scheme = "https" if tls else "http"
        if tls is not None:
            # The handshake belongs to the connection's thread: a broken one stops nobody else.
            self.socket = tls.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def url(self, user: str = "", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{user and user + '@'}{host}:{self.port}{self.behind.path}"

    def handle_error(self, *_arguments: object) -> None:
        """Stay silent about clients that go away."""


@contextmanager
def front(behind: str, tls: ssl.SSLContext | None = None, port: int = 0) -> Iterator[Front]:
    """Serve the gate until the end of the block."""
    server = Front(behind, tls, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Front

    def do_GET(self) -> None:
        self._pass_on()

    def do_POST(self) -> None:
        self._pass_on()

    def log_message(self, *_arguments: object) -> None:
        """Stay silent."""

    def _pass_on(self) -> None:
        server = self.server
        server.requests.append((self.command, self.path))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pause = threading.Event()
        while server.stalled.is_set():
            pause.wait(0.01)
        if server.refuse is not None:
            self._answer(server.refuse, "text/plain", b"refused by the gate")
        elif server.user is not None and not self._is(server.user):
            self._answer(401, "text/plain", b"who are you?")
        else:
            with closing(http.client.HTTPConnection(server.behind.netloc, timeout=30)) as behind:
                headers = {"Content-Type": self.headers.get("Content-Type", "application/json")}
                behind.request(self.command, self.path, body or None, headers)
                answer = behind.getresponse()
                kind = answer.headers.get("Content-Type", "application/json")
                self._answer(answer.status, kind, answer.read())

    def _is(self, user: str) -> bool:
        expected = "Basic " + base64.b64encode(user.encode()).decode()
        return self.headers.get("Authorization") == expected

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
