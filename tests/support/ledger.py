"""A broker and a database of the ledger in memory, moved by hand."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from streams.backends.memory_producer import MemoryProducer
from streams.clock import FixedClock
from streams.errors import Unavailable
from streams.logs import logger
from streams.metrics import Metrics
from streams.runtime.ledger import LedgerWatch
from streams.stages.ledger import Gap, Mark, Position
from streams.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from schemas.codec import Codec
    from streams.stages.ledger import Partition, Range

TOPICS = Topics("t")
DOCUMENTS, ENRICHED, LETTERS = TOPICS.documents, TOPICS.enriched, TOPICS.dead_letters
START_MS = 1_714_979_289_000


@dataclass
class FakePositions:
    """One partition of each topic."""

    enrich: Position = field(default_factory=lambda: Position(None, 0, 0))
    land: Position = field(default_factory=lambda: Position(None, 0, 0))
    topic: str = "cluster/one"
    holes: frozenset[int] = frozenset()
    down: bool = False
    reads: int = 0

    def generation(self, _topic: str) -> str:
        return self.topic

    def positions(self, group: str, topics: Sequence[str]) -> Mapping[Partition, Position]:
        if self.down:
            raise Unavailable("the broker does not answer")
        known = {DOCUMENTS: self.enrich, ENRICHED: self.land, LETTERS: Position(None, 0, 0)}
        assert group == TOPICS.group("enrich" if DOCUMENTS in topics else "land")
        return {(topic, 0): known[topic] for topic in topics}

    def low(self, _topic: str, _partition: int) -> int:
        return self.enrich.low

    def present(self, _topic: str, _partition: int, offsets: Range) -> Sequence[Range]:
        self.reads += 1
        kept = range(max(offsets[0], self.enrich.low), min(offsets[1], self.enrich.end))
        return [(one, one + 1) for one in kept if one not in self.holes]

    def close(self) -> None:
        self.down = True


@dataclass
class FakeStore:
    """Deliveries by hand; marks and gaps by their keys, the last one wins."""

    delivered: set[int] = field(default_factory=set)
    kept_marks: dict[tuple[int, int], Mark] = field(default_factory=dict)
    kept_gaps: dict[tuple[int, int], Gap] = field(default_factory=dict)

    def marks(self, _topic: str, since_ms: int = 0) -> Sequence[Mark]:
        seen = sorted(self.kept_marks.values(), key=lambda mark: mark.observed_at)
        return [mark for mark in seen if mark.observed_at >= since_ms][-1:]

    def gaps(self, _topic: str) -> Sequence[Gap]:
        return [gap for gap in self.kept_gaps.values() if gap.open and gap.lost]

    def first_delivery(self, _topic: str, _partition: int, _since: int) -> int | None:
        return min(self.delivered, default=None)

    def unresolved(
        self, _topic: str, _partition: int, _since: int, offsets: Range, most: int
    ) -> Sequence[Range]:
        found: list[Range] = []
        for offset in range(*offsets):
            if offset in self.delivered:
                continue
            if found and found[-1][1] == offset:
                found[-1] = (found[-1][0], offset + 1)
            elif len(found) < most:
                found.append((offset, offset + 1))
        return found

    def write(self, marks: Sequence[Mark], gaps: Sequence[Gap], _now_ms: int) -> None:
        self.kept_gaps |= {(gap.since, gap.first_offset): gap for gap in gaps}
        self.kept_marks |= {(mark.since, mark.observed_at // 60_000): mark for mark in marks}


class Pipeline:
    """A pipeline of one partition whose roles do what they are told."""

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.broker, self.store = FakePositions(), FakeStore()
        self.clock, self.metrics = FixedClock(START_MS), Metrics()
        self.producer = MemoryProducer()

    def watch(self, watcher: str = "w", grace_ms: int = 60_000) -> LedgerWatch:
        """A watch as a process that has just started has one."""
        return LedgerWatch(
            broker=self.broker,
            store=self.store,
            producer=lambda: self.producer,
            codec=self.codec,
            topics=TOPICS,
            clock=self.clock,
            metrics=self.metrics,
            log=logger(),
            watcher=watcher,
            interval_ms=10_000,
            grace_ms=grace_ms,
        )

    def publish(self, count: int) -> None:
        """The broker takes messages."""
        at = self.broker.enrich
        self.broker.enrich = Position(at.committed, at.low, at.end + count)

    def enrich(self, upto: int) -> None:
        """The enrich role produces results, then commits."""
        at = self.broker.enrich
        done = upto - max(at.committed or 0, at.low)
        self.broker.enrich = Position(upto, at.low, at.end)
        landing = self.broker.land
        self.broker.land = Position(landing.committed, landing.low, landing.end + max(0, done))

    def land(self, delivered: set[int]) -> None:
        """The land role writes rows, then commits all there is."""
        self.store.delivered |= delivered
        at = self.broker.land
        self.broker.land = Position(at.end, at.low, at.end)

    def delete(self, upto: int) -> None:
        """The broker deletes its oldest messages."""
        at = self.broker.enrich
        self.broker.enrich = Position(at.committed, upto, at.end)

    def look(self, watch: LedgerWatch, times: int = 1) -> int:
        """Look, ten seconds apart; returns the messages that are missing."""
        missing = 0
        for _ in range(times):
            self.clock.advance(10_000)
            missing = sum(one.missing for one in watch.look().values())
        return missing

    def rng(self) -> random.Random:
        """Random choices that are the same in every run."""
        return random.Random(5)
