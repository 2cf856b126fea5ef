"""One worker process of the harness: its command, its log, its signals, its end."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.errors import TidemarkError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from streams.topics import Role

_TAIL_BYTES = 4_000


class HarnessFailed(TidemarkError):  # noqa: N818 - named by its consequence
    """The harness cannot go on; says with what evidence."""


@dataclass(frozen=True, slots=True)
class Exit:
    """The end of a process.

    Attributes:
        at: seconds since the fleet began.
        wanted: what the harness had done to it; empty when it ended by itself.
        code: exit code, negative for a signal.
        seconds_up: how long it had run.
        seconds_to_end: from the harness's signal to the end; None when it ended by itself.
        last_words: last line of its log, of processes that ended by themselves or badly.
    """

    at: float
    worker: str
    wanted: str
    code: int
    seconds_up: float
    seconds_to_end: float | None
    last_words: str


class WorkerProcess:
    """A slot for a worker of one role; the process in it is started again and again.

    Args:
        role: the role.
        number: number of the slot among those of its role.
        folder: for its data and its log.
        env: its environment.
    """

    def __init__(self, role: Role, number: int, folder: Path, env: Mapping[str, str]) -> None:
        self.role: Role = role
        self.name = f"{role}-{number}"
        self.log = folder / f"{self.name}.log"
        self.wanted = ""
        self.paused = False
        self.failures = 0
        self.restart_at: float | None = 0.0
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._signalled = 0.0
        self._was_ready = False
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self.running and self._process is not None else None

    @property
    def running(self) -> bool:
        """Whether there is a process that has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def ready(self) -> bool:
        """Whether the process that runs has said that it is ready."""
        return self.running and b'"event": "ready"' in self._written()

    def start(self) -> None:
        """Start the process."""
        self.wanted, self.paused, self.restart_at = "", False, None
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as sink:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.fault.worker_process", "worker", "--role", self.role],
                stdout=sink,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=dict(self._env),
            )
        self._started = time.monotonic()

    def signal(self, number: signal.Signals, wanted: str = "") -> None:
        """Send a signal; ``wanted`` says that it is meant to end the process."""
        if not self.running or self._process is None:
            raise HarnessFailed(f"{self.name} does not run and cannot be sent {number.name}")
        if wanted:
            self.wanted, self._signalled, self._was_ready = wanted, time.monotonic(), self.ready
        if number in (signal.SIGSTOP, signal.SIGCONT):
            self.paused = number is signal.SIGSTOP
        self._process.send_signal(number)

    def wait(self, seconds: float) -> None:
        """Wait for the end of the process; killed when it takes longer."""
        if self._process is None:
            return
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def take_exit(self, began: float) -> Exit | None:
        """Return how the process ended, once; None while it runs or when that was told."""
        if self._process is None or self._process.poll() is None:
            return None
        now, code = time.monotonic(), self._process.returncode
        self._process = None
        as_asked = self._as_asked(code)
        return Exit(
            at=round(now - began, 2),
            worker=self.name,
            wanted=self.wanted,
            code=code,
            seconds_up=round(now - self._started, 2),
            seconds_to_end=round(now - self._signalled, 2) if self.wanted else None,
            last_words="" if as_asked else self.last_words(),
        )

    def _as_asked(self, code: int) -> bool:
        if self.wanted == "kill":
            return code == -signal.SIGKILL
        # Who is still importing has nothing to finish, and ends by the signal itself.
        return bool(self.wanted) and code in ((0,) if self._was_ready else (0, -signal.SIGTERM))

    def last_words(self) -> str:
        """Return the last line of the log."""
        lines = self.tail().splitlines()
        return lines[-1][:1000] if lines else ""

    def tail(self, size: int = _TAIL_BYTES) -> str:
        """Return the end of the log."""
        if not self.log.exists():
            return ""
        return self.log.read_bytes()[-size:].decode(errors="replace")

    def _written(self) -> bytes:
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read()
