"""Waits out what may come back: growing, jittered, bounded delay; a stop interrupts it.

What an error leads to is decided here and in ``stages/isolate.py``, by its class alone:

=====================  ===================  ======================================================
class                  consequence          what happens
=====================  ===================  ======================================================
``InvalidDocument``    bad message          to the dead letters with its reason; the batch goes on
``Overloaded``         slow down            again after 1 s, then longer and longer, up to 15 s
``Unavailable``        retry                again after 0.2 s, then longer and longer, up to 15 s
an error of the model  retry, then bisect   three tries, halves; a document that fails alone is bad
anything else          fatal                nothing more is acknowledged; one line; exit code 1
=====================  ===================  ======================================================

Waiting has no end but a stop: while it lasts nothing is read, memory does not grow, heartbeats go
on, and ``/health`` says ``degraded``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from streams.errors import Overloaded, TidemarkError, Unavailable
from streams.runtime.waiting import Waiting

if TYPE_CHECKING:
    import random
    import threading
    from collections.abc import Callable

    import structlog

T = TypeVar("T")
_PASSING = (Unavailable, Overloaded)


class Stopped(TidemarkError):  # noqa: N818 - named by its consequence
    """The worker is stopping; what was not made durable will be delivered again."""


class Retry:
    """Calls again while the other side is away.

    Args:
        stop: set when the worker must end; interrupts a wait.
        log: told of each failure.
        rng: source of jitter, so that many workers do not come back at one instant.
        role: whose retries these are.
        board: shows that the role waits, and for what.
        first: seconds before the second try; doubles from try to try.
        overloaded: the same for one who says that it has too much to do.
        longest: bound on the delay in seconds.
    """

    def __init__(
        self,
        stop: threading.Event,
        log: structlog.stdlib.BoundLogger,
        rng: random.Random,
        *,
        role: str = "",
        board: Waiting | None = None,
        first: float = 0.2,
        overloaded: float = 1.0,
        longest: float = 15.0,
    ) -> None:
        self._stop = stop
        self._log = log
        self._rng = rng
        self._role = role
        self._board = board or Waiting()
        self._first = first
        self._overloaded = overloaded
        self._longest = longest

    def __call__(self, what: str, function: Callable[[], T]) -> T:
        """Return what ``function`` returns, trying until it does.

        Raises:
            Stopped: the worker was told to stop while waiting.
        """
        try:
            return function()
        except _PASSING as error:
            return self._again(what, function, error)

    @property
    def waiting(self) -> bool:
        """Whether somebody waits here just now: the time does not count as work."""
        return self._board.waits(self._role)

    def _again(self, what: str, function: Callable[[], T], error: TidemarkError) -> T:
        delay = self._overloaded if isinstance(error, Overloaded) else self._first
        with self._board.on(self._role) as say:
            while True:
                say(f"{what}: {error}")
                self._log.warning(
                    "retrying", what=what, in_seconds=round(delay, 1), error=str(error)
                )
                if self._stop.wait(delay * self._rng.uniform(0.7, 1.3)):
                    raise Stopped(f"stopped while waiting to {what}")
                delay = min(delay * 2, self._longest)
                try:
                    return function()
                except _PASSING as again:
                    error = again
