"""How the segments of one partition share its part of the budget of false alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.drift.discoveries import EPOCH, SILENT, Discoveries, Share

if TYPE_CHECKING:
    from streams.drift.budget import Budget
    from streams.drift.segment import Segment


class Sharing:
    """The segments of a partition; deterministic given its messages in order.

    Args:
        budget: over all partitions.
    """

    def __init__(self, budget: Budget) -> None:
        self.members: dict[str, Segment] = {}
        self._budget = budget
        self._epoch: int | None = None
        self._found: Discoveries | None = None
        self._granted: dict[str, float] = {}
        self._alone = Share(0)  # of each member while nobody has an event

    def turns(self, offset: int) -> bool:
        """Return whether another epoch begins with the message at an offset."""
        return offset // EPOCH != self._epoch

    def reach(self, offset: int) -> None:
        """Come to an offset; where an epoch begins, note where every segment stands."""
        if not self.turns(offset):
            return
        self._epoch = offset // EPOCH
        for segment in self.members.values():
            segment.standing = segment.detector.standing
        self._compare()

    def share(self, segment: Segment) -> Share:
        """Return the share of a member in this epoch."""
        if self._found is None:
            if self._alone.segments != len(self.members):
                self._alone = Share(len(self.members))
            return self._alone
        granted = self._granted.get(segment.source)
        if granted is None:
            standing = SILENT if segment.standing is None else segment.standing
            granted = max(1.0, self._found.granted(standing) / segment.detector.caution)
            self._granted[segment.source] = granted
        return Share(len(self.members), granted)

    def restored(self) -> None:
        """Go on in the epoch that the members were stored in.

        A segment that has seen a message of that epoch has stored where it stood when it began;
        the others stand there still.
        """
        marks = {source: member.gate.newest for source, member in self.members.items()}
        last = max(marks.values(), key=lambda mark: mark[::-1], default=(0, 0))
        self._epoch = last[0] // EPOCH if self.members else None
        for source, segment in self.members.items():
            if marks[source][0] // EPOCH != self._epoch:
                segment.standing = segment.detector.standing
        self._compare()

    def _compare(self) -> None:
        standings = [
            member.standing for member in self.members.values() if member.standing is not None
        ]
        self._granted = {}
        rate = self._budget.of_segment(len(standings), "scan")
        found = Discoveries(standings, rate)
        self._found = found if found.any else None
