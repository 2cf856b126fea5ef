"""Watches that the ledger adds up: records what the broker says, finds what lacks, raises alerts.

The order of one look, each step durable before the next::

    1. positions  how far the enrich role has come, then how far the topics behind it reach
    2. barrier    what was committed is settled once the land role has passed those ends
    3. gaps       settled offsets without a delivery; the broker says why
    4. alerts     to the alert topic, acknowledged: opened, changed, closed
    5. records    gaps, then marks, so that a mark never says more than its gaps

A crash between any two steps repeats the look: alerts have the same identity, records the same key.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streams.ports import Outgoing
from streams.runtime.ledger_settling import Settling
from streams.stages.ledger import (
    Gap,
    Mark,
    PartitionLedger,
    classified,
    narrowed,
)
from streams.stages.ledger_alerts import alert_between, alert_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import structlog

    from schemas.codec import Codec
    from schemas.messages import DriftAlert
    from streams.clock import Clock
    from streams.metrics import Metrics
    from streams.ports import Producer
    from streams.runtime.ledger_ports import LedgerStore, Positions
    from streams.stages.ledger import Partition, Position, Range
    from streams.topics import Topics

GRACE_MS = 60_000
_CHUNK_OFFSETS = 1_000_000
_CHUNKS = 10
_MOST_RANGES = 500
_FLUSH_S = 30.0
_STALE_LOOKS = 3


class LedgerWatch:
    """One look after the other at the documents topic; for one thread.

    Several may watch one topic: the one with the smallest identity records, the others stand by
    until its marks are old.

    Args:
        broker: offsets.
        store: the database.
        producer: opens what sends the alerts, when there is one to be sent.
        codec: writes them.
        topics: names.
        clock: dates what is seen.
        metrics: told what is missing and in flight.
        log: told of every alert.
        watcher: this watch's identity.
        interval_ms: time between looks, for telling whether another watcher is still there.
        grace_ms: how long deleted offsets count as possibly at work.
    """

    def __init__(
        self,
        *,
        broker: Positions,
        store: LedgerStore,
        producer: Callable[[], Producer],
        codec: Codec,
        topics: Topics,
        clock: Clock,
        metrics: Metrics,
        log: structlog.stdlib.BoundLogger,
        watcher: str,
        interval_ms: int,
        grace_ms: int = GRACE_MS,
    ) -> None:
        self._broker = broker
        self._store = store
        self._open_producer = producer
        self._producer: Producer | None = None
        self._codec = codec
        self._topics = topics
        self._topic = topics.documents
        self._clock = clock
        self._metrics = metrics
        self._log = log
        self._watcher = watcher
        self._interval_ms = interval_ms
        self._settling = Settling(broker, topics, grace_ms)
        self._ledgers: dict[int, PartitionLedger] | None = None

    def look(self) -> Mapping[int, PartitionLedger]:
        """Look once; returns what is known of each partition, nothing while another watches.

        Raises:
            Unavailable: the broker or the database does not answer; look again later.
        """
        now = self._clock.now_ms()
        if self._another_watches(now):
            self._ledgers = None
            self._settling.forget()
            return {}
        group = self._topics.group("enrich")
        positions = self._broker.positions(group, [self._topic])
        generation = self._broker.generation(self._topic)
        known = self._known(positions, generation, now)
        settles = self._settling.settled(positions, now)
        fresh: dict[int, PartitionLedger] = {}
        written: list[Gap] = []
        for (_, partition), position in positions.items():
            before = known[partition]
            after, gaps = self._advanced(before, position, settles.get(partition), now)
            self._raise(alert_between(before, after, now))
            fresh[partition] = after
            written += gaps
        self._store.write([ledger.mark for ledger in fresh.values()], written, now)
        self._ledgers = fresh
        self._count(fresh)
        return fresh

    def close(self) -> None:
        """Release the connections to the broker."""
        self._broker.close()
        if self._producer is not None:
            self._producer.close()

    def _another_watches(self, now: int) -> bool:
        fresh = self._store.marks(self._topic, now - _STALE_LOOKS * self._interval_ms)
        others = {mark.watcher for mark in fresh} - {self._watcher}
        if not others:
            return False
        # Two that begin at one time see each other: the smaller identity stays.
        return self._ledgers is None or min(others) < self._watcher

    def _known(
        self, positions: Mapping[Partition, Position], generation: str, now: int
    ) -> dict[int, PartitionLedger]:
        known = self._recorded() if self._ledgers is None else dict(self._ledgers)
        first_ever = not known
        for (topic, partition), position in positions.items():
            ledger = known.get(partition)
            if ledger is not None and _same_topic(ledger.mark, generation, position):
                continue
            self._settling.forget()  # it may speak of another topic of that name
            since = 0 if ledger is None else ledger.mark.observed_at + 1
            base = self._base(partition, position, since, ledger, generation, first=first_ever)
            low, end = position.low, position.end
            mark = Mark(
                topic, partition, since, base, low, end, -1, base, generation, self._watcher, now
            )
            known[partition] = PartitionLedger(mark)
        return known

    def _recorded(self) -> dict[int, PartitionLedger]:
        gaps = self._store.gaps(self._topic)
        return {
            mark.partition: PartitionLedger(
                mark,
                tuple(
                    gap
                    for gap in gaps
                    if (gap.partition, gap.since) == (mark.partition, mark.since)
                ),
            )
            for mark in self._store.marks(self._topic)
        }

    def _base(
        self,
        partition: int,
        position: Position,
        since: int,
        before: PartitionLedger | None,
        generation: str,
        *,
        first: bool,
    ) -> int:
        """Return the first offset to answer for: what was there before us is not ours."""
        if before is None and not first:
            return 0  # a partition was added
        if before is not None and _cluster(before.mark.generation) == _cluster(generation):
            return 0  # the topic was made again
        committed = position.committed
        begin = position.low if committed is None else max(committed, position.low)
        begin = min(begin, position.end)
        delivered = self._store.first_delivery(self._topic, partition, since)
        return begin if delivered is None else min(begin, delivered)

    def _advanced(
        self, before: PartitionLedger, position: Position, settles: int | None, now: int
    ) -> tuple[PartitionLedger, list[Gap]]:
        """Return the partition's ledger after this look, and the gaps to be written."""
        settled, found = before.mark.settled, []
        for _ in range(_CHUNKS):
            if settles is None or settled >= settles:
                break
            upto = min(settles, settled + _CHUNK_OFFSETS)
            ranges = self._unresolved(before.mark, (settled, upto))
            found += [gap for one in ranges for gap in self._explained(before.mark, one, now)]
            settled = ranges[-1][1] if len(ranges) == _MOST_RANGES else upto
        kept = [part for gap in before.gaps for part in self._rechecked(gap)]
        opened = self._named(before, found)
        mark = replace(
            before.mark,
            low=position.low,
            end=max(position.end, before.mark.end),
            committed=-1 if position.committed is None else position.committed,
            settled=settled,
            watcher=self._watcher,
            observed_at=now,
        )
        changed = [gap for gap in kept if gap not in before.gaps]
        lasting = tuple(gap for gap in (*kept, *opened) if gap.open and gap.lost)
        return PartitionLedger(mark, lasting), [*changed, *opened]

    def _unresolved(self, mark: Mark, offsets: Range) -> Sequence[Range]:
        return self._store.unresolved(mark.topic, mark.partition, mark.since, offsets, _MOST_RANGES)

    def _explained(self, mark: Mark, missing: Range, now: int) -> list[Gap]:
        present = self._broker.present(mark.topic, mark.partition, missing)
        # Asked afterwards: what was deleted while we read must not pass for explained.
        low = self._broker.low(mark.topic, mark.partition)
        return [
            Gap(mark.topic, mark.partition, mark.since, first, after, reason, "", now)
            for (first, after), reason in classified(missing, low, present)
        ]

    def _rechecked(self, gap: Gap) -> Sequence[Gap]:
        offsets = gap.first_offset, gap.next_offset
        left = self._store.unresolved(
            gap.topic, gap.partition, gap.since, offsets, gap.next_offset - gap.first_offset
        )
        return narrowed(gap, left)

    def _named(self, before: PartitionLedger, found: Sequence[Gap]) -> list[Gap]:
        """Give new gaps the alert that they belong to."""
        lost = [gap for gap in found if gap.lost]
        if not lost:
            return list(found)
        identity = before.alert_id or alert_id(before.mark, lost[0].first_offset)
        return [replace(gap, alert_id=identity) if gap.lost else gap for gap in found]

    def _raise(self, alert: DriftAlert | None) -> None:
        if alert is None:
            return
        topic = self._topics.alerts
        self._producer = self._producer or self._open_producer()
        self._producer.send(
            [Outgoing(topic, alert.source.encode(), self._codec.encode(topic, alert))]
        )
        self._producer.flush(_FLUSH_S)
        tell = self._log.info if alert.state == "closed" else self._log.error
        tell("ledger", state=alert.state, message=alert.message, alert_id=alert.alert_id)
        self._metrics.ledger_alert(alert.state)

    def _count(self, ledgers: Mapping[int, PartitionLedger]) -> None:
        for partition, ledger in ledgers.items():
            unsettled = max(0, ledger.mark.end - ledger.mark.settled)
            self._metrics.ledger(self._topic, partition, ledger.missing, unsettled)


def _same_topic(mark: Mark, generation: str, position: Position) -> bool:
    if mark.generation and generation:
        return mark.generation == generation
    return position.end >= mark.end


def _cluster(generation: str) -> str:
    return generation.partition("/")[0]
