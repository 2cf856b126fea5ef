"""A child process under the guard, and the lock that it and its guard hold while they live."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import threading
import time
from typing import IO, TYPE_CHECKING

import psutil

from streams.backends.kafka import guard
from streams.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_LOOK_AGAIN_SECONDS = 0.05


class GuardedProcess:
    """A command that ends when this object is stopped or its owner's process is gone."""

    def __init__(self, command: Sequence[str], output: IO[bytes], lock: int, grace: float) -> None:
        """Start the command.

        Args:
            command: absolute path of the executable and its arguments.
            output: where the command's standard output and error go.
            lock: descriptor of a lock that guard and command inherit and hold while they live.
            grace: seconds between SIGTERM and SIGKILL.
        """
        self._grace = grace
        self._guard = subprocess.Popen(  # noqa: S603 - this interpreter, fixed arguments
            [sys.executable, "-I", "-S", guard.__file__, str(grace), *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[lock],
            # Ctrl-C reaches the owner alone, which then stops everything in order.
            start_new_session=True,
        )

    @property
    def guard_pid(self) -> int:
        """Process id of the guard."""
        return self._guard.pid

    def command_pid(self) -> int | None:
        """Process id of the command, or None where it has ended."""
        try:
            children = psutil.Process(self._guard.pid).children()
        except psutil.NoSuchProcess:
            return None
        return next((child.pid for child in children), None)

    def alive(self) -> bool:
        """Whether the command runs; cheap."""
        return self._guard.poll() is None

    def kill(self) -> None:
        """End the command with SIGKILL, as a crash would; for tests of failures."""
        pid = self.command_pid()
        if pid is not None:
            # It may end by itself at this very moment.
            with contextlib.suppress(psutil.NoSuchProcess):
                psutil.Process(pid).kill()
        self._guard.wait(self._grace)

    def begin_stop(self) -> None:
        """Ask the command to end in order, without waiting for it."""
        if self._guard.stdin is not None:
            self._guard.stdin.close()

    def stop(self) -> int:
        """End the command in order, with SIGKILL after the grace; return its exit code."""
        self.begin_stop()
        try:
            return self._guard.wait(self._grace + 5)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            return self._guard.wait()


def lock_file(path: Path) -> int | None:
    """Lock a file for this process and those it hands the descriptor to; None where it is taken."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def wait_for_lock(path: Path, seconds: float) -> int:
    """Lock a file that a process of a killed owner may hold for a moment longer.

    Raises:
        Unavailable: it is still held after ``seconds``.
    """
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while (descriptor := lock_file(path)) is None:
        if time.monotonic() > deadline:
            raise Unavailable(
                f"an earlier Apache Kafka still runs on {path.parent}: stop it (a Java process "
                "that names this folder) and try again"
            )
        pause.wait(_LOOK_AGAIN_SECONDS)
    return descriptor
