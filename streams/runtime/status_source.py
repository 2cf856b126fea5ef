"""Gathers what the status page shows; asks the database at most once a second."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from streams.cli.terms import newest_terms
from streams.errors import TidemarkError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.backends.clickhouse import ClickHouseWarehouse
    from streams.runtime.platform import Platform

_LABELS = "SELECT label, count() AS n FROM documents GROUP BY label ORDER BY n DESC LIMIT 12"
_LATEST = (
    "SELECT label, if(empty(coalesce(title, '')), summary, coalesce(title, '')) AS what "
    "FROM documents ORDER BY received_at DESC, offset DESC LIMIT 8"
)
_ALERTS = "SELECT message FROM drift_alerts ORDER BY detected_at DESC LIMIT 5"
_FRESH_S = 1.0
_TERMS_FRESH_S = 15.0


class StatusSource:
    """Figures of this process, and what has landed where this process lands."""

    def __init__(self, platform: Platform, warehouse: ClickHouseWarehouse | None) -> None:
        self._platform = platform
        self._warehouse = warehouse
        self._landed: dict[str, Any] = {"labels": [], "latest": [], "alerts": [], "terms": []}
        self._asked = self._terms_asked = float("-inf")
        self._asking = asyncio.Lock()

    async def gather(self) -> Mapping[str, Any]:
        """Return JSON-ready values for the page."""
        async with self._asking:
            if self._warehouse is not None and time.monotonic() - self._asked > _FRESH_S:
                await asyncio.to_thread(self._ask, self._warehouse)
                self._asked = time.monotonic()
        return {"where": self._platform.broker.describe(), "facts": self._facts(), **self._landed}

    def _terms(self, warehouse: ClickHouseWarehouse) -> list[tuple[str, float]]:
        """Ask seldom: this question reads the words of every document."""
        if time.monotonic() - self._terms_asked < _TERMS_FRESH_S:
            return list(self._landed["terms"])
        self._terms_asked = time.monotonic()
        found = newest_terms(warehouse, 12).dictionaries()
        return [(row["term"], row["z"]) for row in found]

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
            self._landed = {
                "labels": warehouse.query(_LABELS).rows,
                "latest": warehouse.query(_LATEST).rows,
                "alerts": [row[0] for row in warehouse.query(_ALERTS).rows],
                "terms": self._terms(warehouse),
            }
        except TidemarkError as error:
            self._platform.log.warning("status page has no figures", error=str(error))
