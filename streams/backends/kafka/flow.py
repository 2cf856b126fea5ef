"""Hold producers back so that a small broker never drops what nobody has consumed yet.

librdkafka's in-process cluster evicts the oldest messages of a partition beyond 5 MiB, consumed or
not. So the bytes that some consumer group has not committed yet are kept below a limit, partition
by partition. Own messages are counted exactly; those of other processes are known by their offsets
only, and each is taken to be as large as the largest of the newest own ones.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from streams.errors import Unavailable
from streams.topics import ROLES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from streams.backends.kafka.offsets import Lag
    from streams.topics import Topics

UNCONSUMED_BYTES = 3_500_000
"""Limit of a partition; the cluster evicts beyond 5 MiB."""

MESSAGE_BYTES = 2 * 1024 * 1024
"""Largest message that is let through; a few larger ones would evict each other."""

_OVERHEAD_BYTES = 128
_IN_FLIGHT_BYTES = 512 * 1024
_SAMPLE = 1000
_SMALLEST_FOREIGN_BYTES = 4096
_POLL_SECONDS = 0.1
_PATIENCE_SECONDS = 120.0


class Positions(Protocol):
    """Where offsets are asked for; ``OffsetReader`` is one."""

    def lag(self, group: str, topics: Sequence[str]) -> list[Lag]:
        """Return how far the group has come in every partition of the topics."""
        ...


@dataclass(slots=True)
class _Partition:
    """What is known of one partition; sizes in bytes."""

    in_flight: int = 0
    held: int = 0
    own: deque[tuple[int, int]] = field(default_factory=deque)
    committed: int = 0
    end: int = 0

    def consume_to(self, committed: int) -> None:
        self.committed = max(self.committed, committed)
        while self.own and self.own[0][0] < self.committed:
            self.held -= self.own.popleft()[1]

    def unconsumed(self, foreign_bytes: int) -> int:
        foreign = max(0, self.end - self.committed - len(self.own))
        return self.in_flight + self.held + foreign * foreign_bytes


class FlowControl:
    """Decides when a message may be handed to the broker; safe to use from several threads."""

    def __init__(
        self,
        positions: Positions,
        groups: Mapping[str, Sequence[str]],
        *,
        limit: int = UNCONSUMED_BYTES,
        patience: float = _PATIENCE_SECONDS,
        poll_interval: float = _POLL_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; nothing is asked before the first message.

        Args:
            positions: where commits and ends are asked for.
            groups: consumer groups of each topic; topics without groups are not held back.
            limit: most unconsumed bytes of a partition.
            patience: seconds without any commit after which a waiting sender gives up.
            poll_interval: least seconds between two questions about one topic.
            monotonic: seconds of a clock that never goes back.
        """
        self._positions = positions
        self._groups = {topic: tuple(names) for topic, names in groups.items() if names}
        self._limit = limit
        self._patience = patience
        self._interval = poll_interval
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._partitions: dict[tuple[str, int], _Partition] = {}
        self._sizes: deque[int] = deque(maxlen=_SAMPLE)
        self._asked: dict[str, float] = {}
        self._moved: dict[str, tuple[float, int]] = {}
        self._slowest: dict[str, str] = {}

    def acquire(
        self, topic: str, partition: int, size: int, wait: Callable[[float], object]
    ) -> None:
        """Return when ``size`` bytes fit into the partition, and count them as under way.

        Args:
            topic: topic of the message.
            partition: its partition.
            size: bytes of key, value and headers.
            wait: serves delivery reports for at most so many seconds; called without any lock.

        Raises:
            Unavailable: no consumer group commits anything for too long; names the slowest.
        """
        if topic not in self._groups:
            return
        if topic not in self._moved:
            self._ask(topic, first=True)
        since = self._monotonic()
        while not self._reserve(topic, partition, size + _OVERHEAD_BYTES):
            wait(self._interval / 2)
            self._ask(topic)
            last = max(since, self._moved[topic][0])
            if self._monotonic() - last > self._patience:
                raise Unavailable(
                    f"consumer group {self._slowest[topic]} has committed nothing on {topic} for "
                    f"{self._patience:.0f} s while {self._limit} bytes wait in partition "
                    f"{partition}: is a worker running? (the in-process cluster holds no more)"
                )

    def delivered(self, topic: str, partition: int, size: int, offset: int | None) -> None:
        """Note the fate of a message that was let through; ``offset`` is None when it failed."""
        if topic not in self._groups:
            return
        with self._lock:
            state = self._state(topic, partition)
            state.in_flight -= size + _OVERHEAD_BYTES
            if offset is None:
                return
            state.end = max(state.end, offset + 1)
            if offset >= state.committed:
                state.own.append((offset, size + _OVERHEAD_BYTES))
                state.held += size + _OVERHEAD_BYTES

    def unconsumed(self, topic: str, partition: int) -> int:
        """Return the bytes that are taken to wait in a partition."""
        with self._lock:
            return self._state(topic, partition).unconsumed(self._foreign_bytes())

    def _state(self, topic: str, partition: int) -> _Partition:
        return self._partitions.setdefault((topic, partition), _Partition())

    def _foreign_bytes(self) -> int:
        return (
            max(_SMALLEST_FOREIGN_BYTES, *self._sizes) if self._sizes else _SMALLEST_FOREIGN_BYTES
        )

    def _reserve(self, topic: str, partition: int, size: int) -> bool:
        with self._lock:
            state = self._state(topic, partition)
            # Few bytes under way at a time: their offsets show what other processes add meanwhile.
            if state.in_flight and state.in_flight + size > _IN_FLIGHT_BYTES:
                return False
            waiting = state.unconsumed(self._foreign_bytes())
            if waiting and waiting + size > self._limit:
                return False
            state.in_flight += size
            self._sizes.append(size)
            return True

    def _ask(self, topic: str, *, first: bool = False) -> None:
        """Refresh what is known of a topic, unless that was done just now or is being done."""
        if not self._asking.acquire(blocking=first):
            return
        try:
            now = self._monotonic()
            if now - self._asked.get(topic, -self._interval) < self._interval:
                return
            self._asked[topic] = now
            self._learn(topic, {g: self._positions.lag(g, [topic]) for g in self._groups[topic]})
        finally:
            self._asking.release()

    def _learn(self, topic: str, lags: Mapping[str, Sequence[Lag]]) -> None:
        totals = {group: sum(lag.committed or 0 for lag in lags[group]) for group in lags}
        self._slowest[topic] = min(totals, key=totals.__getitem__)
        slowest: dict[int, int] = {}
        with self._lock:
            for lag in (one for group in lags.values() for one in group):
                state = self._state(topic, lag.partition)
                state.end = max(state.end, lag.end)
                # What is gone already takes no room.
                committed = max(lag.committed or 0, lag.low)
                slowest[lag.partition] = min(slowest.get(lag.partition, committed), committed)
            for partition, committed in slowest.items():
                self._state(topic, partition).consume_to(committed)
        total = sum(slowest.values())
        if total != self._moved.get(topic, (0.0, -1))[1]:
            self._moved[topic] = (self._monotonic(), total)


def consumer_groups(topics: Topics) -> dict[str, tuple[str, ...]]:
    """Return the consumer groups that have to see each topic's messages."""
    return {
        topic: tuple(topics.group(role) for role in ROLES if topic in topics.consumed_by(role))
        for topic in topics.all
    }
