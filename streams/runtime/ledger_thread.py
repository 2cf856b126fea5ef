"""The thread in which the land role watches the ledger."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from streams.backends.clickhouse import ClickHouseWarehouse
from streams.backends.clickhouse.address import Embedded
from streams.backends.clickhouse.ledger import ClickHouseLedger
from streams.backends.kafka.positions import KafkaPositions
from streams.durations import parse_duration
from streams.runtime.ledger import LedgerWatch
from streams.runtime.rounds import Rounds

if TYPE_CHECKING:
    from collections.abc import Callable

    import structlog

    from streams.ports import Producer, Warehouse
    from streams.runtime.platform import Platform

_TOLD_AT = 2  # a broker that has just started knows its groups a moment later


class LedgerThread(Rounds):
    """Looks every so often until it is stopped.

    Args:
        watch: looks.
        interval: seconds between two looks.
        log: told why looks fail, once until one succeeds again.
    """

    def __init__(
        self, watch: LedgerWatch, interval: float, log: structlog.stdlib.BoundLogger
    ) -> None:
        super().__init__("ledger", log, "the ledger cannot be watched now", _TOLD_AT)
        self._watch = watch
        self._interval = interval

    def _round(self) -> None:
        self._watch.look()

    def _rest_s(self) -> float:
        return self._interval

    def _close(self) -> None:
        self._watch.close()


def ledger_threads(
    platform: Platform, warehouse: Warehouse | None, producer: Callable[[], Producer]
) -> tuple[LedgerThread, ...]:
    """Return the thread that watches the ledger, where there is a database that can keep it."""
    if not isinstance(warehouse, ClickHouseWarehouse):
        return ()
    # An embedded database has one owner: after a restart it need not wait for an earlier self.
    alone = isinstance(warehouse.address, Embedded)
    interval_ms = parse_duration(platform.settings.ledger_interval)
    log = platform.log.bind(role="land")
    watch = LedgerWatch(
        broker=KafkaPositions(platform.broker),
        store=ClickHouseLedger(warehouse),
        producer=producer,
        codec=platform.codec,
        topics=platform.topics,
        clock=platform.clock,
        metrics=platform.metrics,
        log=log,
        watcher="owner" if alone else uuid.uuid4().hex,
        interval_ms=interval_ms,
    )
    return (LedgerThread(watch, interval_ms / 1000, log),)
