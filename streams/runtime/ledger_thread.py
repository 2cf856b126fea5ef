"""The thread in which the land role watches the ledger."""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING

from streams.backends.clickhouse import ClickHouseWarehouse
from streams.backends.clickhouse.address import Embedded
from streams.backends.clickhouse.ledger import ClickHouseLedger
from streams.backends.kafka.positions import KafkaPositions
from streams.durations import parse_duration
from streams.errors import TidemarkError
from streams.runtime.ledger import LedgerWatch

if TYPE_CHECKING:
    from collections.abc import Callable

    import structlog

    from streams.ports import Producer, Warehouse
    from streams.runtime.platform import Platform

_PATIENCE_S = 5.0
_TOLD_AT = 2  # a broker that has just started knows its groups a moment later


class LedgerThread:
    """Looks every so often until it is stopped; whatever a look raises, landing goes on.

    Args:
        watch: looks.
        interval: seconds between two looks.
        log: told why looks fail, once until one succeeds again.
    """

    def __init__(
        self, watch: LedgerWatch, interval: float, log: structlog.stdlib.BoundLogger
    ) -> None:
        self._watch = watch
        self._interval = interval
        self._log = log
        self._stop = threading.Event()
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End; a look that waits for a broker or a database that is away is left to its timeout."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(_PATIENCE_S)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._look()
            self._stop.wait(self._interval)
        self._watch.close()

    def _look(self) -> None:
        try:
            self._watch.look()
        except TidemarkError as error:
            self._tell(str(error))
        except Exception as error:  # noqa: BLE001 - a watch that breaks must not stop what it watches
            self._tell(f"{type(error).__name__}: {error}")
        else:
            self._failures = 0

    def _tell(self, reason: str) -> None:
        self._failures += 1
        if self._failures == _TOLD_AT and not self._stop.is_set():
            self._log.warning("the ledger cannot be watched now", error=reason)


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
