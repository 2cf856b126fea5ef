"""Runs one command that must never outlive its owner, not even when the owner is killed with -9.

``python -I -S guard.py GRACE COMMAND...`` with standard input the reading end of a pipe whose
writing end only the owner holds. The end of the pipe means that the owner closed it or is gone: the
command gets SIGTERM, ``GRACE`` seconds later SIGKILL. Exits with the command's code. Standard
library only, so that it starts in milliseconds and keeps little memory.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time

_PR_SET_PDEATHSIG = 1
_LOOK_AGAIN_SECONDS = 1.0
_CANNOT_RUN = 127
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main(arguments: list[str]) -> int:
    """Run the command until it ends or the owner is gone; return its exit code."""
    grace, command = float(arguments[0]), arguments[1:]
    owner = os.getppid()
    asked: list[int] = []
    wake = _wake_on_signals(asked)
    child = _start(command)
    while True:
        code = _exit_code(child, os.WNOHANG)
        if code is not None:
            return code
        # A process that the owner forked may hold the pipe open, so its parent is looked at too.
        if asked or _ended(0, wake, _LOOK_AGAIN_SECONDS) or os.getppid() != owner:
            return _stop(child, wake, grace)


def _wake_on_signals(asked: list[int]) -> int:
    """Let signals wake ``select`` through a pipe; note those that ask to end."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    for number in _ENDING:
        signal.signal(number, lambda received, _frame: asked.append(received))
    signal.signal(signal.SIGCHLD, lambda _received, _frame: None)
    return reading


def _start(command: list[str]) -> int:
    guard = os.getpid()
    # A SIGTERM that comes before the command runs waits for it instead of being lost.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    child = os.fork()
    if child:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
        return child
    try:
        for number in _ENDING:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
        _die_with_parent(guard)
        # The pipe belongs to the guard alone.
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.execv(command[0], command)  # noqa: S606 - the very purpose of this file
    except OSError as error:
        os.write(2, f"{command[0]}: {error}\n".encode())
    finally:
        os._exit(_CANNOT_RUN)


def _die_with_parent(guard: int) -> None:
    """Ask Linux to end this process when the guard itself is killed."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes  # noqa: PLC0415 - only where it is needed, to start fast

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != guard:
        os._exit(_CANNOT_RUN)


def _ended(pipe: int, wake: int, seconds: float) -> bool:
    """Wait for a signal or the end of the pipe; True only for the latter."""
    ready, _, _ = select.select([pipe, wake], [], [], seconds)
    if wake in ready:
        os.read(wake, 512)
    return pipe in ready and not os.read(pipe, 512)


def _stop(child: int, wake: int, grace: float) -> int:
    os.kill(child, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while (left := deadline - time.monotonic()) > 0:
        code = _exit_code(child, os.WNOHANG)
        if code is not None:
            return code
        if select.select([wake], [], [], left)[0]:
            os.read(wake, 512)
    os.kill(child, signal.SIGKILL)
    return _exit_code(child, 0) or 0


def _exit_code(child: int, options: int) -> int | None:
    done, status = os.waitpid(child, options)
    return os.waitstatus_to_exitcode(status) if done else None


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.exit(code if code >= 0 else 128 - code)
