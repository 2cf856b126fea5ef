"""A guarded command never outlives its owner: real processes, really killed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from streams.backends.kafka.process import GuardedProcess, lock_file, wait_for_lock
from streams.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.fault

SLEEPER = [sys.executable, "-c", "import signal; print('ready', flush=True); signal.pause()"]
STUBBORN = [
    sys.executable,
    "-c",
    (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True)\n"
        "while True: signal.pause()"
    ),
]
OWNER = """
import os, sys
from pathlib import Path
from streams.backends.kafka.process import GuardedProcess, lock_file
folder = Path(sys.argv[1])
lock = lock_file(folder / "lock")
child = GuardedProcess(sys.argv[2:], (folder / "out").open("wb"), lock, 5.0)
os.close(lock)
print(child.guard_pid, flush=True)
sys.stdin.read()
"""


def eventually(claim: Callable[[], object], seconds: float = 20.0) -> bool:
    """Wait until the claim holds."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not claim():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.02)
    return True


def ready(folder: Path) -> bool:
    path = folder / "out"
    return path.exists() and "ready" in path.read_text()


def start(folder: Path, command: list[str], grace: float = 5.0) -> GuardedProcess:
    lock = lock_file(folder / "lock")
    assert lock is not None
    with (folder / "out").open("wb") as output:
        process = GuardedProcess(command, output, lock, grace)
    os.close(lock)
    assert eventually(lambda: ready(folder))
    return process


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that owns a guarded sleeper."""
    command = [sys.executable, "-c", OWNER, str(tmp_path), *SLEEPER]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert eventually(lambda: ready(tmp_path))
        yield process
        process.kill()


def family(owner: subprocess.Popen[str]) -> tuple[psutil.Process, psutil.Process]:
    """The guard and what it guards."""
    assert owner.stdout is not None
    guard = psutil.Process(int(owner.stdout.readline()))
    (command,) = guard.children()
    return guard, command


def test_stopping_ends_the_command(tmp_path: Path) -> None:
    """In order, with SIGTERM; the exit code tells."""
    process = start(tmp_path, SLEEPER)
    pid = process.command_pid()
    assert process.alive()
    assert process.stop() == 128 + 15
    assert pid is not None
    assert not psutil.pid_exists(pid)
    assert not process.alive()


def test_a_stubborn_command_is_killed_after_the_grace(tmp_path: Path) -> None:
    """A broker that hangs in its shutdown does not hang its owner."""
    assert start(tmp_path, STUBBORN, grace=0.2).stop() == 128 + 9


def test_the_exit_code_of_the_command_is_passed_on(tmp_path: Path) -> None:
    """A broker that ends by itself is noticed."""
    process = start(tmp_path, [sys.executable, "-c", "print('ready'); raise SystemExit(7)"])
    assert eventually(lambda: not process.alive())
    assert process.stop() == 7


def test_an_owner_that_is_gone_at_once_leaves_nothing(tmp_path: Path) -> None:
    """The order to end is not lost between fork and exec: no grace has to pass."""
    for _ in range(20):
        lock = lock_file(tmp_path / "lock")
        assert lock is not None
        with (tmp_path / "out").open("wb") as output:
            process = GuardedProcess(SLEEPER, output, lock, 60.0)
        os.close(lock)
        assert process.stop() == 128 + 15


def test_a_command_that_cannot_run_is_reported(tmp_path: Path) -> None:
    """The reason stands where the command's output would."""
    lock = lock_file(tmp_path / "lock")
    assert lock is not None
    with (tmp_path / "out").open("wb") as output:
        process = GuardedProcess(["/no/such/java"], output, lock, 1.0)
    os.close(lock)
    assert eventually(lambda: not process.alive())
    assert process.stop() == 127
    assert "/no/such/java" in (tmp_path / "out").read_text()


def test_kill_9_of_the_owner_ends_guard_and_command(
    owner: subprocess.Popen[str], tmp_path: Path
) -> None:
    """Nothing is left, and the lock is free for the next owner."""
    guard, command = family(owner)
    owner.kill()
    assert eventually(lambda: not command.is_running())
    assert eventually(lambda: not guard.is_running())
    os.close(wait_for_lock(tmp_path / "lock", 10))


def test_kill_9_of_the_guard_ends_the_command(owner: subprocess.Popen[str], tmp_path: Path) -> None:
    """Linux tells the command that its parent is gone."""
    guard, command = family(owner)
    guard.kill()
    assert eventually(lambda: not command.is_running())
    os.close(wait_for_lock(tmp_path / "lock", 10))


def test_kill_9_of_owner_and_guard_ends_the_command(owner: subprocess.Popen[str]) -> None:
    """As when somebody kills everything that is called python."""
    guard, command = family(owner)
    guard.kill()
    owner.kill()
    assert eventually(lambda: not command.is_running())


def test_the_lock_lasts_as_long_as_the_command(tmp_path: Path) -> None:
    """A next owner waits for the old broker to be gone, with a bound and a clear line."""
    process = start(tmp_path, SLEEPER)
    assert lock_file(tmp_path / "lock") is None
    with pytest.raises(Unavailable, match="an earlier Apache Kafka still runs on"):
        wait_for_lock(tmp_path / "lock", 0.1)
    process.stop()
    lock = lock_file(tmp_path / "lock")
    assert lock is not None
    os.close(lock)


def test_a_killed_command_can_be_told(tmp_path: Path) -> None:
    """Tests of failures kill the command alone; the guard goes with it."""
    process = start(tmp_path, SLEEPER)
    process.kill()
    assert not process.alive()
    assert process.stop() == 128 + 9
