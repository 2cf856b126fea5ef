"""Below which offset must everything have landed? Judged by committed offsets, never by a clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.stages.ledger import Barrier, Reached

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.runtime.ledger_ports import Positions
    from streams.stages.ledger import Partition, Position
    from streams.topics import Topics

_MOST_TAIL = 100
_TAIL_LOOKS = 3


class Settling:
    """Keeps one barrier under way.

    Args:
        broker: offsets.
        topics: names.
        grace_ms: how long deleted offsets count as possibly at work.
    """

    def __init__(self, broker: Positions, topics: Topics, grace_ms: int) -> None:
        self._broker = broker
        self._topics = topics
        self._read = Reached(grace_ms)
        self._landed = Reached(grace_ms)
        self._barrier: Barrier | None = None
        self._tails: dict[int, tuple[int, int, int]] = {}

    def forget(self) -> None:
        """Drop the barrier: a topic was made again, or another watcher has taken over."""
        self._barrier = None
        self._tails.clear()

    def settled(self, positions: Mapping[Partition, Position], now_ms: int) -> Mapping[int, int]:
        """Return the offset of each partition below which all must have landed, if known anew.

        Args:
            positions: of the enrich role in the documents topic, read just before.
            now_ms: the time.

        Raises:
            Unavailable: the broker does not answer.
        """
        reached = {
            partition: offset
            for (topic, partition), position in positions.items()
            if (offset := self._reached(topic, partition, position, now_ms)) is not None
        }
        behind = [self._topics.enriched, self._topics.dead_letters]
        # Read after the commits of the enrich role: the ends hold the results of all of these.
        landing = self._broker.positions(self._topics.group("land"), behind)
        if self._barrier is None:
            ends = {at: position.end for at, position in landing.items()}
            self._barrier = Barrier(reached, ends)
        landed = {at: self._landed(at, position, now_ms) for at, position in landing.items()}
        if not self._barrier.passed(landed):
            return {}
        settles, self._barrier = self._barrier.settles, None
        return settles

    def _reached(self, topic: str, partition: int, position: Position, now_ms: int) -> int | None:
        """Return how far the enrich role has come; a tail without any message counts as read."""
        offset = self._read((topic, partition), position, now_ms)
        if offset is None or not 0 < position.end - offset <= _MOST_TAIL:
            self._tails.pop(partition, None)
            return offset
        before = self._tails.get(partition, (0, 0, 0))
        looks = before[2] + 1 if before[:2] == (offset, position.end) else 1
        self._tails[partition] = (offset, position.end, looks)
        if looks != _TAIL_LOOKS or self._broker.present(topic, partition, (offset, position.end)):
            return offset
        del self._tails[partition]
        return position.end
