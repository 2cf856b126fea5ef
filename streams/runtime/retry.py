"""Waits out what may come back: growing, jittered, bounded delay; a stop interrupts it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from streams.errors import Overloaded, TidemarkError, Unavailable

if TYPE_CHECKING:
    import random
    import threading
    from collections.abc import Callable

    import structlog

T = TypeVar("T")


class Stopped(TidemarkError):  # noqa: N818 - named by its consequence
    """The worker is stopping; what was not made durable will be delivered again."""


class Retry:
    """Calls again while the other side is away.

    Args:
        stop: set when the worker must end; interrupts a wait.
        log: told of each failure.
        rng: source of jitter, so that many workers do not come back at one instant.
        first: seconds before the second try; doubles from try to try.
        longest: bound on the delay in seconds.
    """

    def __init__(
        self,
        stop: threading.Event,
        log: structlog.stdlib.BoundLogger,
        rng: random.Random,
        *,
        first: float = 0.2,
        longest: float = 15.0,
    ) -> None:
        self._stop = stop
        self._log = log
        self._rng = rng
        self._first = first
        self._longest = longest

    def __call__(self, what: str, function: Callable[[], T]) -> T:
        """Return what ``function`` returns, trying until it does.

        Raises:
            Stopped: the worker was told to stop while waiting.
        """
        delay = self._first
        while True:
            try:
                return function()
            except (Unavailable, Overloaded) as error:
                self._log.warning(
                    "retrying", what=what, in_seconds=round(delay, 1), error=str(error)
                )
            if self._stop.wait(delay * self._rng.uniform(0.7, 1.3)):
                raise Stopped(f"stopped while waiting to {what}")
            delay = min(delay * 2, self._longest)
