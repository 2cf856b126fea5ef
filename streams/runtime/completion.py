"""Waits until everything that was published has passed through every role."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from streams.backends.kafka.offsets import OffsetReader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.runtime.drift_role import DriftRole
    from streams.runtime.platform import Platform
    from streams.topics import Role

_LOOK_S = 0.2


class Completion:
    """Judges by committed offsets, which move only after results are durable."""

    def __init__(self, platform: Platform) -> None:
        self._topics = platform.topics
        self._shadow = platform.settings.shadow is not None
        # A broker that has just started, or moves a group, answers after a moment.
        self._retry = platform.retry("offsets")
        self._reader = OffsetReader(platform.broker.bootstrap, platform.broker.security)

    async def wait(self, drift: DriftRole | None) -> None:
        """Return when all roles, and the challenger, have committed all that there is to read."""
        await self._caught_up("enrich")
        await self._caught_up("drift")
        if drift is not None:
            await asyncio.to_thread(drift.flush_open)
        if self._shadow:
            await self._read(self._topics.shadow_group, (self._topics.documents,))
        await self._caught_up("land")

    async def _caught_up(self, role: Role) -> None:
        await self._read(self._topics.group(role), self._topics.consumed_by(role))

    async def _read(self, group: str, topics: Sequence[str]) -> None:
        # Offsets live in the broker, which tells nobody when they move: they must be asked for.
        while await asyncio.to_thread(self._lag, group, topics):  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)

    def _lag(self, group: str, topics: Sequence[str]) -> int:
        lags = self._retry("read offsets", lambda: self._reader.lag(group, topics))
        return sum(lag.messages for lag in lags)

    def committed(self) -> list[int]:
        """Return the next offset of each partition that the enrich role would read."""
        group, topic = self._topics.group("enrich"), self._topics.documents
        lags = self._retry("read offsets", lambda: self._reader.lag(group, [topic]))
        return [lag.low if lag.committed is None else lag.committed for lag in lags]

    def in_flight(self) -> int:
        """Return messages that were enriched or refused, and that the land role has not read."""
        group, topics = self._topics.group("land"), self._topics
        return self._lag(group, (topics.enriched, topics.dead_letters))

    def close(self) -> None:
        """Release the connections."""
        self._reader.close()
