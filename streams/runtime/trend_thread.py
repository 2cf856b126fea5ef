"""The threads in which the land role keeps what is computed of landed documents up to date."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol

from streams.backends.clickhouse import ClickHouseWarehouse
from streams.backends.clickhouse.trends import TrendKeeper
from streams.errors import TidemarkError

if TYPE_CHECKING:
    from collections.abc import Callable

    import structlog

    from streams.ports import Warehouse
    from streams.runtime.platform import Platform

_PATIENCE_S = 5.0
_INTERVAL_S = 5.0
_REST = 9.0
"""At most a tenth of one core: after a round it rests nine times as long as that took."""

_TOLD_AT = 3


class Keeper(Protocol):
    """Computes what was touched."""

    def adopt(self) -> None:
        """Take in what landed before; called once, before anything else."""
        ...

    def refresh(self, stopped: Callable[[], bool]) -> int:
        """Compute what is stale, until stopped; returns how much that was."""
        ...


class TrendThread:
    """Refreshes every so often until it is stopped; whatever that raises, landing goes on.

    Args:
        keeper: computes what was touched.
        log: told why it fails, once until it succeeds again.
        what: is kept, as that line names it.
        clock: seconds, for how long a round took.
        interval: shortest rest between two rounds, in seconds.
    """

    def __init__(
        self,
        keeper: Keeper,
        log: structlog.stdlib.BoundLogger,
        what: str = "the helper tables of the trends",
        *,
        clock: Callable[[], float] = time.monotonic,
        interval: float = _INTERVAL_S,
    ) -> None:
        self._keeper = keeper
        self._log = log
        self._what = what
        self._clock = clock
        self._interval = interval
        self._stop = threading.Event()
        self._adopted = False
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name="trends", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is still stale then is answered from the documents."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(_PATIENCE_S)

    def _run(self) -> None:
        while not self._stop.is_set():
            began = self._clock()
            self._round()
            self._stop.wait(max(self._interval, _REST * (self._clock() - began)))

    def _round(self) -> None:
        try:
            if not self._adopted:
                self._keeper.adopt()
                self._adopted = True
            self._keeper.refresh(self._stop.is_set)
        except TidemarkError as error:
            self._tell(str(error))
        except Exception as error:  # noqa: BLE001 - views answer without it, more slowly
            self._tell(f"{type(error).__name__}: {error}")
        else:
            self._failures = 0

    def _tell(self, reason: str) -> None:
        self._failures += 1
        if self._failures == _TOLD_AT and not self._stop.is_set():
            self._log.warning(f"{self._what} cannot be refreshed", error=reason)


def trend_threads(platform: Platform, warehouse: Warehouse | None) -> tuple[TrendThread, ...]:
    """Return the thread that keeps the trends, where there is a database that has them."""
    if not isinstance(warehouse, ClickHouseWarehouse):
        return ()
    keeper = TrendKeeper(warehouse, platform.clock)
    return (TrendThread(keeper, platform.log.bind(role="land")),)
