"""A schema registry over HTTP on loopback, as far as the codec needs one."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterator


class FakeRegistry(ThreadingHTTPServer):
    """Keeps schemas; ``refuse`` makes every request fail with that status.

    Attributes:
        schemas: text of each schema by its number.
        subjects: the number of a subject's schema.
        requests: method and path of all requests.
        read_only: refuse to register.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.schemas: dict[int, dict[str, Any]] = {}
        self.subjects: dict[str, int] = {}
        self.requests: list[tuple[str, str]] = []
        self.refuse: int | None = None
        self.read_only = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def add(self, schema: Any, **others: Any) -> int:
        number = len(self.schemas) + 1
        self.schemas[number] = {"schema": json.dumps(schema), **others}
        return number


@contextmanager
def fake_registry() -> Iterator[FakeRegistry]:
    """Serve a registry until the end of the block."""
    server = FakeRegistry()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: FakeRegistry
    codes: ClassVar = {404: 40403, 409: 409, 422: 42201, 401: 40101, 503: 50301}

    def do_GET(self) -> None:
        path = self._noted()
        number = int(path.rsplit("/", 1)[-1]) if path.startswith("/schemas/ids/") else 0
        self._answer(self.server.schemas.get(number))

    def do_POST(self) -> None:
        path = self._noted()
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        subject = path.split("/")[2]
        known = self.server.subjects.get(subject)
        if path.endswith("/versions") and known is None:
            if self.server.read_only:
                self._answer(None, 403)
                return
            known = self.server.subjects[subject] = self.server.add(json.loads(body["schema"]))
        self._answer(known and {"subject": subject, "version": 1, "id": known, **body})

    def log_message(self, *_arguments: object) -> None:
        """Stay silent."""

    def _noted(self) -> str:
        path = self.path.split("?", 1)[0]
        self.server.requests.append((self.command, path))
        return path

    def _answer(self, found: Any, status: int = 404) -> None:
        status = self.server.refuse or (200 if found else status)
        missing = {"error_code": self.codes.get(status, status), "message": "refused by the test"}
        payload = json.dumps(found if status == 200 else missing).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)
