"""A thread that does a round of work every so often, beside a role and never in its way."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from streams.errors import TidemarkError

if TYPE_CHECKING:
    import structlog

_PATIENCE_S = 5.0


class Rounds(ABC):
    """Does its round at once and then again and again, until it is stopped.

    Whatever a round raises, the next one comes: a watch that breaks must not stop what it watches.

    Args:
        name: of the thread.
        log: told why rounds fail, once until one succeeds again.
        failing: what it is told then.
        told_at: how many failures in a row are worth a word.
    """

    def __init__(
        self, name: str, log: structlog.stdlib.BoundLogger, failing: str, told_at: int
    ) -> None:
        self._log = log
        self._failing = failing
        self._told_at = told_at
        self._failures = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin with the first round."""
        self._thread.start()

    def stop(self) -> None:
        """End; a round that waits for what is away is left to its timeout."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(_PATIENCE_S)

    @abstractmethod
    def _round(self) -> None:
        """Do the work once."""

    @abstractmethod
    def _rest_s(self) -> float:
        """Return how long to rest after a round, in seconds."""

    def _close(self) -> None:  # noqa: B027 - most have nothing to close
        """Close, in the thread, what the rounds have opened."""

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._round()
            except Exception as error:  # noqa: BLE001 - see the class
                self._tell(error)
            else:
                self._failures = 0
            self._stop.wait(self._rest_s())
        self._close()

    def _tell(self, error: Exception) -> None:
        self._failures += 1
        if self._failures == self._told_at and not self._stop.is_set():
            known = isinstance(error, TidemarkError)
            reason = str(error) if known else f"{type(error).__name__}: {error}"
            self._log.warning(self._failing, error=reason)
