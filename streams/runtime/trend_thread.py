"""The threads in which the land role keeps what is computed of landed documents up to date."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from streams.backends.clickhouse import ClickHouseWarehouse
from streams.backends.clickhouse.emerging import EmergingKeeper
from streams.backends.clickhouse.latency import LatencyKeeper
from streams.backends.clickhouse.trends import TrendKeeper
from streams.runtime.rounds import Rounds

if TYPE_CHECKING:
    from collections.abc import Callable

    import structlog

    from streams.ports import Warehouse
    from streams.runtime.platform import Platform

_INTERVAL_S = 5.0
_SELDOM_S = 30.0
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


class TrendThread(Rounds):
    """Refreshes every so often until it is stopped; what is still stale then, documents answer.

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
        super().__init__("trends", log, f"{what} cannot be refreshed", _TOLD_AT)
        self._keeper = keeper
        self._clock = clock
        self._interval = interval
        self._adopted = False
        self._took = 0.0

    def _round(self) -> None:
        began = self._clock()
        try:
            if not self._adopted:
                self._keeper.adopt()
                self._adopted = True
            self._keeper.refresh(self._stop.is_set)
        finally:
            self._took = self._clock() - began

    def _rest_s(self) -> float:
        return max(self._interval, _REST * self._took)


def trend_threads(platform: Platform, warehouse: Warehouse | None) -> tuple[TrendThread, ...]:
    """Return the threads that keep the trends, where there is a database that has them."""
    if not isinstance(warehouse, ClickHouseWarehouse):
        return ()
    log = platform.log.bind(role="land")
    latencies = LatencyKeeper(warehouse, platform.clock)
    emerging = EmergingKeeper(warehouse, platform.clock)
    return (
        TrendThread(TrendKeeper(warehouse, platform.clock), log),
        TrendThread(latencies, log, "the helper tables of the latencies"),
        TrendThread(emerging, log, "the terms that came up", interval=_SELDOM_S),
    )
