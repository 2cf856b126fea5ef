"""A server in a process of its own, as tests hold it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import quote

from tests.support.clickhouse_server.counts import Counts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.clickhouse_server.faults import Fault

PASSWORD = "low-tide&high%water"
_REPOSITORY = Path(__file__).parents[3]
_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class ServerTls:
    """Files (PEM) of the server's certificate and of the CA that clients are given."""

    certificate: Path
    key: Path
    ca: Path


class ClickHouseServer:
    """One folder on one port, started, killed and started again.

    Faults and counts live in the process: both end with ``kill``.
    """

    def __init__(
        self, folder: Path, *, user: str, password: str, tls: ServerTls | None = None, port: int = 0
    ) -> None:
        self.folder = folder
        self.user = user
        self.password = password
        self.tls = tls
        self.port = port
        self._process: subprocess.Popen[str] | None = None
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the server
        self._asking = threading.Lock()

    @property
    def url(self) -> str:
        """The address with the password, as TIDEMARK_CLICKHOUSE takes it."""
        return self.address(self.user, self.password)

    def address(self, user: str | None = None, password: str = "", database: str = "") -> str:
        """Return the address for another user, password or database."""
        scheme = "clickhouse" if self.tls is None else "clickhouses"
        secret = f":{quote(password, safe='')}" if password else ""
        host = f"{quote(user or self.user)}{secret}@127.0.0.1:{self.port}"
        return f"{scheme}://{host}/{database or 'tidemark'}"

    def environment(self) -> dict[str, str]:
        """Return the variables for a worker; the password is in a file, in no address."""
        secret = self.folder.parent / f"{self.folder.name}.password"
        secret.touch(0o600)
        secret.write_text(f"{self.password}\n")
        found = {
            "TIDEMARK_CLICKHOUSE": self.address(),
            "TIDEMARK_CLICKHOUSE_PASSWORD_FILE": str(secret),
        }
        return found | ({"TIDEMARK_CLICKHOUSE_CA": str(self.tls.ca)} if self.tls else {})

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        return self._running().pid

    def start(self) -> None:
        """Start on the folder, and on the port of the time before; returns when it answers."""
        command = [sys.executable, "-m", "tests.support.clickhouse_server", "--control"]
        command += ["--folder", str(self.folder), "--port", str(self.port), "--user", self.user]
        if self.tls is not None:
            command += ["--certificate", str(self.tls.certificate), "--key", str(self.tls.key)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=_REPOSITORY,
            env={**os.environ, "CLICKHOUSE_PASSWORD": self.password, "TZ": "UTC"},
        )
        self.port = int(self._reply()["port"])

    def kill(self) -> None:
        """Send SIGKILL; what was acknowledged is on the disk."""
        self._end(kill=True)

    def stop(self) -> None:
        """Let it finish what it does and end."""
        self._end(kill=False)

    def wait_dead(self) -> None:
        """Wait until it has ended by itself, as ``Fault(dies=...)`` makes it."""
        self._running().wait(_PATIENCE_S)
        self._end(kill=True)

    def fail(self, fault: Fault) -> None:
        """From now on requests fail by plan."""
        self._order({"fault": asdict(fault)})

    def heal(self) -> None:
        """From now on all goes well."""
        self._order({"fault": None})

    def counts(self) -> Counts:
        """Return what the process has seen since it started."""
        return Counts(**self._order({}))

    def close(self) -> None:
        """Stop where it runs."""
        if self._process is not None:
            self.stop()
        self._log.close()

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise AssertionError("the ClickHouse server does not run")
        return self._process

    def _order(self, order: dict[str, object]) -> dict[str, int]:
        with self._asking:
            pipe = self._running().stdin
            assert pipe is not None
            pipe.write(json.dumps(order) + "\n")
            pipe.flush()
            return self._reply()

    def _reply(self) -> dict[str, int]:
        pipe = self._running().stdout
        assert pipe is not None
        line = pipe.readline()
        if not line:
            self._log.seek(0)
            text = self._log.read().decode(errors="replace")[-2000:]
            raise AssertionError(f"the ClickHouse server ended: {text}")
        found: dict[str, int] = json.loads(line)
        return found

    def _end(self, *, kill: bool) -> None:
        process, self._process = self._running(), None
        assert process.stdin is not None
        assert process.stdout is not None
        if kill:
            process.kill()
        with process.stdout:
            try:
                process.stdin.close()
            except BrokenPipeError:
                process.wait(_PATIENCE_S)
            try:
                process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise AssertionError("the ClickHouse server did not end") from None


@contextmanager
def running_clickhouse(
    folder: Path, *, user: str = "tidemark", password: str = PASSWORD, tls: ServerTls | None = None
) -> Iterator[ClickHouseServer]:
    """Run a server on a folder and any free port of loopback, until the block ends."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    server = ClickHouseServer(folder, user=user, password=password, tls=tls)
    try:
        server.start()
        yield server
    finally:
        server.close()
