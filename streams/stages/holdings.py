"""All that a drift worker holds: the sources of its partitions, and where they are stored."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from streams.drift.canary_post import CanaryPost
from streams.drift.segment import HEAD, Segment
from streams.drift.shadow import LEVELS
from streams.drift.sharing import Sharing
from streams.stages.canary import CANARY_SOURCE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    import numpy.typing as npt

    from streams.drift.options import DriftOptions


@dataclass(frozen=True, slots=True)
class StatePart:
    """A part of a source's state, for a compacted topic keyed by source and name.

    Attributes:
        partition: of the enriched topic; the state belongs to whoever owns it.
        payload: None deletes the part.
    """

    partition: int
    source: str
    name: str
    payload: bytes | None


@dataclass(slots=True)
class _Counts:
    """Counts of sources that this worker no longer holds, so that the totals never fall."""

    too_late: int = 0
    repeated: int = 0
    unusable: int = 0

    def add(self, segment: Segment) -> None:
        self.too_late += segment.windows.too_late
        self.repeated += segment.windows.repeated
        self.unusable += segment.detector.unusable


class Holdings:
    """Segments, canaries and the budget's sharing, by partition.

    Attributes:
        segments: by source.
        sharing: of each partition's part of the budget.
        canaries: by partition.
    """

    def __init__(self, options: DriftOptions) -> None:
        self.segments: dict[str, Segment] = {}
        self.sharing: dict[int, Sharing] = defaultdict(lambda: Sharing(options.budget))
        self.canaries: dict[int, CanaryPost] = {}
        self._options = options
        self._orphans: list[StatePart] = []
        self._past = _Counts()

    def segment(self, source: str, partition: int) -> Segment:
        """Return the segment of a source, a new one if it was never heard of."""
        segment = self.segments.get(source)
        if segment is None:
            segment = self.segments[source] = Segment(source, partition, self._options)
            self.sharing[partition].members[source] = segment
        if segment.partition != partition:  # the topic has more partitions now
            old, names = segment.partition, segment.move(partition)
            del self.sharing[old].members[source]
            self.sharing[partition].members[source] = segment
            self._orphans += [StatePart(old, source, name, None) for name in names]
        return segment

    def canary(self, partition: int) -> CanaryPost:
        """Return what compares the canaries of a partition."""
        return self.canaries.setdefault(partition, CanaryPost(partition))

    def snapshot(self) -> tuple[StatePart, ...]:
        """Return what changed since the last snapshot."""
        parts, self._orphans = self._orphans, []
        for post in self.canaries.values():
            if post.changed:
                parts += [
                    StatePart(post.partition, CANARY_SOURCE, name, payload)
                    for name, payload in post.snapshot()
                ]
        for segment in self.segments.values():
            if segment.changed:
                parts += [
                    StatePart(segment.partition, segment.source, name, payload)
                    for name, payload in segment.snapshot()
                ]
        return tuple(parts)

    def restore(self, parts: Iterable[StatePart]) -> None:
        """Take over the sources of partitions that were assigned, from all their stored parts."""
        parts = list(parts)
        stored: dict[tuple[str, int], dict[str, StatePart]] = defaultdict(dict)
        for part in parts:
            # Every partition has canaries; of a source that has moved, the last one counts.
            own = part.partition if part.source == CANARY_SOURCE else -1
            stored[part.source, own][part.name] = part
        for (source, partition), named in stored.items():
            payloads = {n: p.payload for n, p in named.items() if p.payload is not None}
            if source == CANARY_SOURCE:
                self.canaries[partition] = CanaryPost(partition)
                self.canaries[partition].restore(payloads)
            elif HEAD in payloads:
                segment = Segment(source, named[HEAD].partition, self._options)
                segment.restore(payloads)
                self.segments[source] = segment
                self.sharing[segment.partition].members[source] = segment
            else:  # the first snapshot of this source was never finished
                self._orphans += [
                    StatePart(named[name].partition, source, name, None) for name in payloads
                ]
        for partition in {part.partition for part in parts} & self.sharing.keys():
            self.sharing[partition].restored()

    def forget(self, partitions: Collection[int]) -> None:
        """Drop the sources of partitions that were revoked; what is stored stays stored."""
        for source in [s for s, g in self.segments.items() if g.partition in partitions]:
            self._past.add(self.segments.pop(source))
        self._orphans = [part for part in self._orphans if part.partition not in partitions]
        for partition in partitions:
            self.canaries.pop(partition, None)
            self.sharing.pop(partition, None)

    @property
    def too_late(self) -> int:
        """Documents too late for their window, since this process started."""
        return self._past.too_late + sum(g.windows.too_late for g in self.segments.values())

    @property
    def repeated(self) -> int:
        """Documents whose doc_id was in the window already."""
        return self._past.repeated + sum(g.windows.repeated for g in self.segments.values())

    @property
    def unusable(self) -> int:
        """Documents whose embedding was empty, zero or not finite."""
        return self._past.unusable + sum(g.detector.unusable for g in self.segments.values())

    @property
    def quiet(self) -> npt.NDArray[np.int64]:
        """Quiet documents of the sources held now, then passings of each level of the shadow."""
        totals = [segment.detector.shadow.totals for segment in self.segments.values()]
        return np.asarray(np.array(totals, np.int64).reshape(-1, 1 + len(LEVELS)).sum(axis=0))
