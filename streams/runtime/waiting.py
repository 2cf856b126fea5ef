"""What the roles of a process wait for, so that health tells "degraded" from "dead"."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class Waiting:
    """A board of outages; safe to share between threads.

    >>> board = Waiting(monotonic=lambda: 5.0)
    >>> with board.on("land") as say:
    ...     say("write to ClickHouse: no answer")
    ...     board.now()
    {'land': 'has waited 0 s to write to ClickHouse: no answer'}
    >>> board.now()
    {}
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._since: dict[tuple[str, object], tuple[float, str]] = {}

    @contextmanager
    def on(self, role: str) -> Iterator[Callable[[str], None]]:
        """Show what ``role`` waits for until the end of the block, once it has been said."""
        key = (role, object())

        def say(what: str) -> None:
            with self._lock:
                since, _ = self._since.get(key, (self._monotonic(), ""))
                self._since[key] = since, what

        try:
            yield say
        finally:
            with self._lock:
                self._since.pop(key, None)

    def waits(self, role: str) -> bool:
        """Whether a role waits for something just now."""
        with self._lock:
            return any(whose == role for whose, _ in self._since)

    def now(self) -> Mapping[str, str]:
        """Return role -> what it has waited for longest."""
        with self._lock:
            found = sorted(self._since.items(), key=lambda item: item[1][0], reverse=True)
        return {
            role: f"has waited {self._monotonic() - since:.0f} s to {what}"
            for (role, _), (since, what) in found
        }
