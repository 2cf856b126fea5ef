"""The pure stage of the drift worker: enriched documents in, window statistics and alerts out.

Every message has its effect exactly once. The runtime calls ``process``, has the outputs and then
the parts of ``snapshot`` acknowledged by the broker, and only then commits offsets; after a crash
it calls ``restore`` with the parts that are stored for its partitions and replays the messages
since the commit. Replayed messages that the snapshot has seen are passed over; those it has not
seen give the same records and alerts again, bit for bit, however they are cut into batches.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np

from streams.drift.canary_post import CanaryPost
from streams.drift.control import Rebaseline
from streams.drift.monitors.facts import facts_of
from streams.drift.options import DriftOptions
from streams.drift.segment import HEAD, Segment
from streams.drift.shadow import LEVELS
from streams.drift.sharing import Sharing
from streams.drift.sketches.rows import sketch_rows
from streams.drift.words import Words
from streams.stages.canary import CANARY_SOURCE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    import numpy.typing as npt

    from schemas.messages import DriftAlert, Enriched, Origin, WindowStats
    from streams.drift.discoveries import Share

__all__ = ["DriftOptions", "DriftOutput", "DriftStage", "StatePart"]

_T = TypeVar("_T")
_CANARY, _CONTROL, _DOCUMENT = "canary", "control", "document"
_Admitted: TypeAlias = "tuple[Segment, Enriched, Share]"


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


@dataclass(frozen=True, slots=True)
class DriftOutput:
    """What a batch gave, in the order of the messages that gave it."""

    stats: tuple[WindowStats, ...]
    alerts: tuple[DriftAlert, ...]


@dataclass(slots=True)
class _Counts:
    """Counts of sources that this worker no longer holds, so that the totals never fall."""

    replayed: int = 0
    too_late: int = 0
    repeated: int = 0
    unusable: int = 0

    def add(self, segment: Segment) -> None:
        self.too_late += segment.windows.too_late
        self.repeated += segment.windows.repeated
        self.unusable += segment.detector.unusable


class DriftStage:
    """Window statistics and drift detection of all sources of this worker.

    Each partition holds an equal part of the budget of false alarms, whoever owns it, and its
    sources share that part: the alerts of a partition depend on its messages alone.
    """

    def __init__(self, options: DriftOptions) -> None:
        self._options = options
        self._segments: dict[str, Segment] = {}
        self._sharing: dict[int, Sharing] = defaultdict(lambda: Sharing(options.budget))
        self._canaries: dict[int, CanaryPost] = {}
        self._orphans: list[StatePart] = []
        self._past = _Counts()

    def process(self, batch: Sequence[tuple[Origin, Enriched | Rebaseline]]) -> DriftOutput:
        """Count a batch; the partitions may be mixed, each in the order of its offsets.

        Args:
            batch: documents, and what people ask, with the position of the enriched message;
                canaries among them are compared, not counted.
        """
        stats: list[WindowStats] = []
        alerts: list[DriftAlert] = []
        # What people ask comes after the documents before it, and before those behind it.
        for kind, stretch in groupby(batch, lambda one: _kind(one[1])):
            if kind == _CANARY:
                alerts += self._compared(stretch)
            elif kind == _CONTROL:
                alerts += self._obeyed(stretch)
            else:
                output = self._counted(list(stretch))
                stats += output.stats
                alerts += output.alerts
        return DriftOutput(tuple(stats), tuple(alerts))

    def _compared(self, canaries: Iterable[tuple[Origin, Any]]) -> Iterator[DriftAlert]:
        for origin, document in canaries:
            post = self._canaries.setdefault(origin.partition, CanaryPost(origin.partition))
            yield from post.take(origin, document)

    def _obeyed(self, controls: Iterable[tuple[Origin, Any]]) -> Iterator[DriftAlert]:
        for origin, control in controls:
            segment = self._segments.get(control.source)
            if segment is None or segment.partition != origin.partition:
                continue
            if segment.gate.admit_control(origin):
                self._sharing[origin.partition].reach(origin.offset)
                yield from segment.rebaseline(control.reason)
            else:
                self._past.replayed += 1

    def _counted(self, batch: Sequence[tuple[Origin, Any]]) -> DriftOutput:
        stats: list[WindowStats] = []
        alerts: list[DriftAlert] = []
        for stretch in self._stretches(batch):
            output = self._advanced(stretch)
            stats += output.stats
            alerts += output.alerts
        return DriftOutput(tuple(stats), tuple(alerts))

    def _stretches(self, batch: Sequence[tuple[Origin, Any]]) -> Iterator[list[_Admitted]]:
        """Cut where a partition's epoch ends: what comes then depends on all that was before."""
        admitted: list[_Admitted] = []
        for origin, document in batch:
            segment = self._segment(document.source, origin.partition)
            if not segment.gate.admit(origin, document):
                self._past.replayed += 1
                continue
            sharing = self._sharing[segment.partition]
            if sharing.turns(origin.offset):
                if admitted:
                    yield admitted
                    admitted = []
                sharing.reach(origin.offset)
            admitted.append((segment, document, sharing.share(segment)))
        if admitted:
            yield admitted

    def _advanced(self, admitted: Sequence[_Admitted]) -> DriftOutput:
        documents = [document for _, document, _ in admitted]
        words, rows = Words.of(documents), sketch_rows(documents)
        facts = facts_of(documents, words)
        groups: dict[str, list[int]] = defaultdict(list)
        for place, (segment, _, _) in enumerate(admitted):
            groups[segment.source].append(place)
        stats: list[tuple[int, WindowStats]] = []
        alerts: list[tuple[int, DriftAlert]] = []
        for source, places in groups.items():
            new_stats, new_alerts = self._segments[source].advance(
                [documents[place] for place in places],
                words.take(places),
                facts.take(places),
                [admitted[place][2] for place in places],
                rows.take(places),
            )
            stats += [(places[at], record) for at, record in new_stats]
            alerts += [(places[at], alert) for at, alert in new_alerts]
        return DriftOutput(_in_order(stats), tuple(map(self._blamed, _in_order(alerts))))

    def flush_open(self) -> tuple[WindowStats, ...]:
        """Return the records of all windows that are still open, for the end of a bounded run.

        Nothing is closed: when more documents come, later records replace these.
        """
        segments = [self._segments[source] for source in sorted(self._segments)]
        return tuple(record for each in segments for record in each.windows.open_stats())

    def snapshot(self) -> tuple[StatePart, ...]:
        """Return what changed since the last snapshot.

        The parts must become durable in this order - one Kafka partition and an idempotent
        producer see to that - and before the offsets are committed.
        """
        parts, self._orphans = self._orphans, []
        for post in self._canaries.values():
            if post.changed:
                parts += [
                    StatePart(post.partition, CANARY_SOURCE, name, payload)
                    for name, payload in post.snapshot()
                ]
        for segment in self._segments.values():
            if segment.changed:
                parts += [
                    StatePart(segment.partition, segment.source, name, payload)
                    for name, payload in segment.snapshot()
                ]
        return tuple(parts)

    def restore(self, parts: Iterable[StatePart]) -> None:
        """Take over the sources of partitions that were assigned, from all their stored parts.

        Args:
            parts: in the order of the topic; of two parts of one name the later one counts.

        Raises:
            UnreadableState: a part is damaged, missing or of another version; names the source.
        """
        parts = list(parts)
        stored: dict[tuple[str, int], dict[str, StatePart]] = defaultdict(dict)
        for part in parts:
            # Every partition has canaries; of a source that has moved, the last one counts.
            own = part.partition if part.source == CANARY_SOURCE else -1
            stored[part.source, own][part.name] = part
        for (source, partition), named in stored.items():
            payloads = {n: p.payload for n, p in named.items() if p.payload is not None}
            if source == CANARY_SOURCE:
                self._canaries[partition] = CanaryPost(partition)
                self._canaries[partition].restore(payloads)
            elif HEAD in payloads:
                segment = Segment(source, named[HEAD].partition, self._options)
                segment.restore(payloads)
                self._segments[source] = segment
                self._sharing[segment.partition].members[source] = segment
            else:  # the first snapshot of this source was never finished
                self._orphans += [
                    StatePart(named[name].partition, source, name, None) for name in payloads
                ]
        for partition in {part.partition for part in parts} & self._sharing.keys():
            self._sharing[partition].restored()

    def forget(self, partitions: Collection[int]) -> None:
        """Drop the sources of partitions that were revoked; what is stored stays stored."""
        for source in [s for s, g in self._segments.items() if g.partition in partitions]:
            segment = self._segments.pop(source)
            self._past.add(segment)
        self._orphans = [part for part in self._orphans if part.partition not in partitions]
        for partition in partitions:
            self._canaries.pop(partition, None)
            self._sharing.pop(partition, None)

    def sources_of(self, partition: int) -> tuple[str, ...]:
        """Return the sources whose messages come from this partition, sorted."""
        return tuple(sorted(s for s, g in self._segments.items() if g.partition == partition))

    # --- counters since this process started, for metrics

    @property
    def replayed(self) -> int:
        """Messages that had been counted before and were passed over."""
        return self._past.replayed

    @property
    def too_late(self) -> int:
        """Documents too late for their window; they took part in drift detection only."""
        return self._past.too_late + sum(g.windows.too_late for g in self._segments.values())

    @property
    def repeated(self) -> int:
        """Documents whose doc_id was in the window already."""
        return self._past.repeated + sum(g.windows.repeated for g in self._segments.values())

    @property
    def unusable(self) -> int:
        """Documents whose embedding was empty, zero or not finite: in windows only."""
        return self._past.unusable + sum(g.detector.unusable for g in self._segments.values())

    def _blamed(self, alert: DriftAlert) -> DriftAlert:
        post = self._canaries.get(self._segments[alert.source].partition)
        return post.blamed(alert) if post is not None else alert

    @property
    def quiet(self) -> npt.NDArray[np.int64]:
        """Quiet documents of the sources held now, then passings of each level of the shadow."""
        totals = [segment.detector.shadow.totals for segment in self._segments.values()]
        return np.asarray(np.array(totals, np.int64).reshape(-1, 1 + len(LEVELS)).sum(axis=0))

    def _segment(self, source: str, partition: int) -> Segment:
        segment = self._segments.get(source)
        if segment is None:
            segment = self._segments[source] = Segment(source, partition, self._options)
            self._sharing[partition].members[source] = segment
        if segment.partition != partition:  # the topic has more partitions now
            old, names = segment.partition, segment.move(partition)
            del self._sharing[old].members[source]
            self._sharing[partition].members[source] = segment
            self._orphans += [StatePart(old, source, name, None) for name in names]
        return segment


def _kind(message: Enriched | Rebaseline) -> str:
    if isinstance(message, Rebaseline):
        return _CONTROL
    return _CANARY if message.source == CANARY_SOURCE else _DOCUMENT


def _in_order(indexed: list[tuple[int, _T]]) -> tuple[_T, ...]:
    return tuple(item for _, item in sorted(indexed, key=lambda pair: pair[0]))
