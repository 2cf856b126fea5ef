"""Starts, steers and kills the server's process."""

from __future__ import annotations

import http.client
import os
import secrets
import signal
import ssl
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import orjson

from tests.support.clickhouse_server.server import CONTROL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.clickhouse_server.faults import Fault

_ROOT = Path(__file__).resolve().parents[3]
_START_S = 90.0
_ANSWER_S = 60.0


@dataclass(frozen=True, slots=True)
class ServerTls:
    """PEM files of the server's certificate and key."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Counts:
    """What the process has seen since it started; inserts include those that failed."""

    statements: int
    inserts: int
    failed: int
    rows: int


class ClickHouseServer:
    """The server and its process.

    Args:
        folder: of the engine; survives ``kill`` and ``start``.
        user: the only user.
        password: of the user.
        tls: speak TLS with these files.
    """

    def __init__(self, folder: Path, user: str, password: str, tls: ServerTls | None) -> None:
        self.folder, self.user, self.password, self.tls = folder, user, password, tls
        self.port = _free_port()
        self._control = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address with user and password, as TIDEMARK_CLICKHOUSE takes it."""
        return self.address.replace("://", f"://{quote(self.user)}:{quote(self.password)}@", 1)

    @property
    def address(self) -> str:
        """Address without user and password."""
        scheme = "clickhouses" if self.tls else "clickhouse"
        return f"{scheme}://127.0.0.1:{self.port}/tidemark"

    @property
    def pid(self) -> int:
        """Process id."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start the process and wait until it answers."""
        command = [sys.executable, "-m", "tests.support.clickhouse_server"]
        command += ["--folder", str(self.folder), "--port", str(self.port), "--user", self.user]
        if self.tls is not None:
            command += ["--certificate", str(self.tls.certificate), "--key", str(self.tls.key)]
        secret = {"SERVER_PASSWORD": self.password, "SERVER_CONTROL": self._control}
        self._process = subprocess.Popen(command, cwd=_ROOT, env={**os.environ, **secret})
        deadline, pause = time.monotonic() + _START_S, threading.Event()
        while not self._answers():
            if self._process.poll() is not None:
                raise RuntimeError(f"the server ended with {self._process.returncode}")
            if time.monotonic() > deadline:
                raise RuntimeError("the server did not answer in time")
            pause.wait(0.05)

    def kill(self) -> None:
        """Kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End in order."""
        self._end(signal.SIGTERM)

    def fail(self, fault: Fault) -> None:
        """Put a fault in force."""
        self._ask("POST", orjson.dumps(asdict(fault)))

    def heal(self) -> None:
        """Take the fault away."""
        self._ask("POST", b"null")

    def counts(self) -> Counts:
        """Return what the process has seen."""
        return Counts(**orjson.loads(self._ask("GET")))

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(30)

    def _answers(self) -> bool:
        try:
            self._ask("GET")
        except (OSError, http.client.HTTPException):
            return False
        return True

    def _ask(self, method: str, body: bytes | None = None) -> bytes:
        connection = self._connection()
        try:
            connection.request(method, CONTROL, body, {"X-Control": self._control})
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise RuntimeError(f"the server answered {answer.status}")
        return content

    def _connection(self) -> http.client.HTTPConnection:
        if self.tls is None:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=_ANSWER_S)
        # Whether clients verify the certificate is for the tests; this is only the control path.
        context = ssl._create_unverified_context()  # noqa: S323
        return http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=_ANSWER_S, context=context
        )


@contextmanager
def running_clickhouse(
    folder: Path,
    *,
    user: str = "tidemark",
    password: str = "open-sesame",  # noqa: S107 - of a server that lives as long as a test
    tls: ServerTls | None = None,
) -> Iterator[ClickHouseServer]:
    """Run a server on a free port of loopback."""
    server = ClickHouseServer(folder, user, password, tls)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _free_port() -> int:
    import socket  # noqa: PLC0415

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
