"""What all keepers of cells have in common: a version that answers once its cells are there."""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from streams.backends.clickhouse.rows import Columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from streams.backends.clickhouse.warehouse import ClickHouseWarehouse
    from streams.clock import Clock


def never() -> bool:
    """Nobody asks for a stop."""
    return False


class Keeper(ABC):
    """Computes cells of days that were touched, a version at a time.

    Args:
        warehouse: the database.
        clock: dates versions.
    """

    def __init__(self, warehouse: ClickHouseWarehouse, clock: Clock) -> None:
        self._warehouse = warehouse
        self._clock = clock

    @abstractmethod
    def refresh(self, stopped: Callable[[], bool] = never) -> int:
        """Compute the newest stale days; returns how many were stale."""

    def refresh_all(self) -> int:
        """Compute until nothing is stale; returns how many days."""
        number = 0
        while found := self.refresh():
            number += found
        return number

    def _version(self, before: Iterable[int]) -> int:
        """Return a version after those before; another one than a second worker's just now."""
        own = self._clock.now_ms() * 1000 + secrets.randbelow(1000)
        return max(own, *(version + 1 for version in before))

    def _answer(self, table: str, columns: Mapping[str, list[object]]) -> None:
        """Write the versions that answer from now on."""
        self._warehouse.write_columns(Columns(table, tuple(columns), list(columns.values())))
