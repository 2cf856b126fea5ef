"""The ledger's arithmetic: when is an offset settled, and what is to be said of those that lack.

Offsets received = rows landed + dead-lettered + in flight. An offset is *in flight* until it is
*settled*: the enrich role has committed it, so its result is in a topic; and the land role has
committed everything that was in those topics after that, so the result is in the database. A
settled offset without a delivery is missing, however slow, stopped or restarted any role is: no
clock and no patience decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Partition: TypeAlias = "tuple[str, int]"
"""Topic and number of a partition."""

Range: TypeAlias = "tuple[int, int]"
"""Offsets from the first to, not including, the second."""

Reason = Literal["no-message", "deleted", "unprocessed"]
"""``no-message``: the partition has none there (a transaction's marker, compaction): explained.
``deleted``: the topic no longer keeps it (retention, eviction, deleted by somebody): lost.
``unprocessed``: it is still there, and was passed over (offsets were moved): not lost yet."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What was seen of a partition at a time; times in milliseconds.

    Attributes:
        since: broker timestamps before it belong to an earlier topic of that name.
        base: first offset that this ledger answers for.
        low: first offset that the broker keeps.
        end: next offset that the broker will give.
        committed: next offset that the enrich role will read; -1 before its first commit.
        settled: every offset below is landed, dead-lettered, or in a ``Gap``.
        generation: tells a topic from another one of the same name.
        watcher: who saw it.
    """

    topic: str
    partition: int
    since: int
    base: int
    low: int
    end: int
    committed: int
    settled: int
    generation: str
    watcher: str
    observed_at: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Settled offsets without a delivery; ``open`` until they are delivered after all."""

    topic: str
    partition: int
    since: int
    first_offset: int
    next_offset: int
    reason: Reason
    alert_id: str
    found_at: int
    open: bool = True

    @property
    def lost(self) -> int:
        """Messages that are missing."""
        return 0 if self.reason == "no-message" else self.next_offset - self.first_offset


@dataclass(frozen=True, slots=True)
class Position:
    """A consumer group in a partition; ``committed`` is None before its first commit."""

    committed: int | None
    low: int
    end: int


class Reached:
    """How far a group has certainly come, where the broker deletes what it has not read.

    What is deleted will never be read, but it may have been read just before and be at work. So
    the deleted count as passed only when the group has not moved for a while.

    Args:
        grace_ms: how long.
    """

    def __init__(self, grace_ms: int) -> None:
        self._grace_ms = grace_ms
        self._behind: dict[Partition, tuple[int | None, int]] = {}

    def __call__(self, at: Partition, position: Position, now_ms: int) -> int | None:
        """Return the offset below which nothing will be read any more; None if unknown."""
        committed, low = position.committed, position.low
        if committed is not None and committed > position.end:
            return None  # of an earlier topic of that name
        if committed is not None and committed >= low:
            self._behind.pop(at, None)
            return committed
        seen, since = self._behind.get(at, (None, now_ms))
        if at not in self._behind or seen != committed:
            self._behind[at] = (committed, now_ms)
            since = now_ms
        return low if now_ms - since >= self._grace_ms else committed


@dataclass(frozen=True, slots=True)
class Barrier:
    """Offsets that are settled once the land role has passed the ends of what it reads."""

    settles: Mapping[int, int]
    ends: Mapping[Partition, int]

    def passed(self, landed: Mapping[Partition, int | None]) -> bool:
        """Whether all that was in the topics is in the database."""
        return all((landed.get(at) or 0) >= end for at, end in self.ends.items())


@dataclass(frozen=True, slots=True)
class PartitionLedger:
    """What the ledger knows of one partition."""

    mark: Mark
    gaps: tuple[Gap, ...] = field(default=())

    @property
    def missing(self) -> int:
        """Messages that neither landed nor were dead-lettered and are not in flight."""
        return sum(gap.lost for gap in self.gaps)

    @property
    def alert_id(self) -> str | None:
        """The alert that is open."""
        return next((gap.alert_id for gap in self.gaps if gap.lost), None)


def narrowed(gap: Gap, left: Sequence[Range]) -> tuple[Gap, ...]:
    """Return a gap as it must be recorded after some of its offsets were delivered.

    Args:
        gap: as it was recorded.
        left: its offsets that are still without a delivery, in order.
    """
    if list(left) == [(gap.first_offset, gap.next_offset)]:
        return (gap,)
    parts = tuple(replace(gap, first_offset=first, next_offset=after) for first, after in left)
    if parts and parts[0].first_offset == gap.first_offset:
        return parts
    return (replace(gap, open=False), *parts)


def classified(missing: Range, low: int, present: Sequence[Range]) -> list[tuple[Range, Reason]]:
    """Say of each missing offset what the broker says of it.

    Args:
        missing: offsets without a delivery.
        low: first offset that the broker keeps.
        present: offsets of the range that the broker still has messages for, in order.
    """
    first, after = missing
    found: list[tuple[Range, Reason]] = []
    if first < low:
        found.append(((first, min(low, after)), "deleted"))
        first = min(low, after)
    for start, stop in present:
        if first < start:
            found.append(((first, start), "no-message"))
        if found and found[-1] == ((found[-1][0][0], start), "unprocessed"):
            found[-1] = ((found[-1][0][0], stop), "unprocessed")
        else:
            found.append(((start, stop), "unprocessed"))
        first = stop
    if first < after:
        found.append(((first, after), "no-message"))
    return found
