"""Sees to it that a process that is to end does end."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import structlog

_SETTLE_S = 1.0


class Ending:
    """Bounds the end of a process.

    A thread that waits for a database or a broker that is gone cannot be stopped, and Python waits
    for it at exit; Faust, too, blocks its event loop until its consumer's thread has ended. None
    of them has acknowledged what it holds, so nothing is lost by leaving.

    Args:
        log: told why the process leaves.
        leave: ends the process at once, with an exit code.
    """

    def __init__(
        self, log: structlog.stdlib.BoundLogger, leave: Callable[[int], object] = os._exit
    ) -> None:
        self._log = log
        self._leave = leave
        self._own = set(threading.enumerate())
        self._over = threading.Event()

    def within(self, seconds: float, reason: str) -> None:
        """Leave with exit code 1 after so many seconds, unless ``settle`` finds all well before.

        Args:
            seconds: bound on everything that is still to be done.
            reason: why the process ends, for its last line.
        """

        def wait() -> None:
            if not self._over.wait(seconds):
                self._log.error("leaving at once", reason=reason, after_seconds=seconds)
                self._leave(1)

        threading.Thread(target=wait, name="ending", daemon=True).start()

    def settle(self) -> bool:
        """Take the bound off when no thread is left that Python would wait for."""
        deadline = time.monotonic() + _SETTLE_S
        for thread in self._waited_for():
            thread.join(max(0.0, deadline - time.monotonic()))
        settled = not self._waited_for()
        if settled:
            self._over.set()
        return settled

    def _waited_for(self) -> list[threading.Thread]:
        return [one for one in set(threading.enumerate()) - self._own if not one.daemon]
