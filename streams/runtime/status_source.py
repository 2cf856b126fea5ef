"""Gathers what the page asks every two seconds: figures of this process, and what has changed."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from streams.errors import TidemarkError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.backends.clickhouse import ClickHouseWarehouse
    from streams.runtime.platform import Platform

# Counts of rows are known without reading any: cheap enough to ask all the time.
_TABLES = ("documents_raw", "dead_letters_raw", "drift_windows_raw", "drift_alerts_raw")
_REVISION = "SELECT " + ", ".join(f"(SELECT count() FROM {table})" for table in _TABLES)
_FRESH_S = 1.0


class StatusSource:
    """Figures of this process, and a revision that changes when rows have landed, from anywhere."""

    def __init__(self, platform: Platform, warehouse: ClickHouseWarehouse | None) -> None:
        self._platform = platform
        self._warehouse = warehouse
        self._revision = ""
        self._trouble: str | None = None
        self._asked = float("-inf")
        self._asking = asyncio.Lock()

    async def gather(self) -> Mapping[str, Any]:
        """Return JSON-ready values for the page."""
        async with self._asking:
            if self._warehouse is not None and time.monotonic() - self._asked > _FRESH_S:
                await asyncio.to_thread(self._ask, self._warehouse)
                self._asked = time.monotonic()
        return {
            "where": self._platform.broker.describe(),
            "lands": self._warehouse is not None,
            "now": self._platform.clock.now_ms(),
            "revision": self._revision,
            "trouble": self._trouble,
            "facts": self._facts(),
        }

    def _facts(self) -> dict[str, int]:
        total = self._platform.metrics.total
        return {
            "documents received": self._platform.metrics.received_by("enrich"),
            "documents landed": int(total("tidemark_documents_landed_total")),
            "dead letters": int(total("tidemark_dead_letters_total")),
            "drift alerts": int(total("tidemark_drift_alerts_total")),
            "offsets missing": int(total("tidemark_offsets_missing_total")),
        }

    def _ask(self, warehouse: ClickHouseWarehouse) -> None:
        try:
            self._revision = "-".join(map(str, warehouse.query(_REVISION).rows[0]))
            self._trouble = None
        except TidemarkError as error:
            self._trouble = str(error)
            self._platform.log.warning("the page has no figures", error=str(error))
