"""The pure stage of the drift worker: enriched documents in, window statistics and alerts out.

Every message has its effect exactly once. The runtime calls ``process``, has the outputs and then
the parts of ``snapshot`` acknowledged by the broker, and only then commits offsets; after a crash
it calls ``restore`` with the parts that are stored for its partitions and replays the messages
since the commit. Replayed messages that the snapshot has seen are passed over; those it has not
seen give the same records and alerts again, bit for bit, however they are cut into batches.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar

from schemas.messages import Enriched
from streams.drift.control import Learn, Rebaseline
from streams.drift.options import DriftOptions
from streams.drift.prepared import Batch
from streams.stages.canary import CANARY_SOURCE
from streams.stages.holdings import Holdings, StatePart
from streams.stages.stretches import Stretches

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    import numpy as np
    import numpy.typing as npt

    from schemas.messages import DriftAlert, Origin, WindowStats
    from streams.drift.control import Control
    from streams.drift.segment import Segment
    from streams.stages.stretches import Stretch

__all__ = ["DriftOptions", "DriftOutput", "DriftStage", "StatePart"]

_T = TypeVar("_T")
_CANARY, _CONTROL, _DOCUMENT = "canary", "control", "document"


@dataclass(frozen=True, slots=True)
class DriftOutput:
    """What a batch gave, in the order of the messages that gave it."""

    stats: tuple[WindowStats, ...]
    alerts: tuple[DriftAlert, ...]


class DriftStage:
    """Window statistics and drift detection of all sources of this worker.

    Each partition holds an equal part of the budget of false alarms, whoever owns it, and its
    sources share that part: the alerts of a partition depend on its messages alone.
    """

    def __init__(self, options: DriftOptions) -> None:
        self._held = Holdings(options)
        self._stretches = Stretches(self._held)

    def process(self, batch: Sequence[tuple[Origin, Enriched | Control]]) -> DriftOutput:
        """Count a batch; the partitions may be mixed, each in the order of its offsets.

        Args:
            batch: documents, and what people ask, with the position of the enriched message;
                canaries among them are compared, not counted.
        """
        if _are_documents(batch):  # as nearly always
            return self._counted(batch)
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
            yield from self._held.canary(origin.partition).take(origin, document)

    def _obeyed(self, controls: Iterable[tuple[Origin, Any]]) -> Iterator[DriftAlert]:
        for origin, control in controls:
            if isinstance(control, Rebaseline) and control.documents:
                segment: Segment | None = self._held.segment(control.source, origin.partition)
            else:
                segment = self._held.segments.get(control.source)
            if segment is None or segment.partition != origin.partition:
                continue
            if not segment.gate.admit_control(origin):
                self._stretches.replayed += 1
                continue
            self._held.sharing[origin.partition].reach(origin.offset)
            if isinstance(control, Learn):
                segment.learn(control.document)
            else:
                yield from segment.rebaseline(control.reason, control.documents)

    def _counted(self, batch: Sequence[tuple[Origin, Any]]) -> DriftOutput:
        stats: list[WindowStats] = []
        alerts: list[DriftAlert] = []
        if not batch:
            return DriftOutput((), ())
        documents = Batch([document for _, document in batch])
        for stretch in self._stretches.of(batch):
            output = self._advanced(stretch, documents)
            stats += output.stats
            alerts += output.alerts
        return DriftOutput(tuple(stats), tuple(alerts))

    def _advanced(self, stretch: Stretch, batch: Batch) -> DriftOutput:
        stats: list[tuple[int, WindowStats]] = []
        alerts: list[tuple[int, DriftAlert]] = []
        for segment, own, places, shares in stretch.values():
            new_stats, new_alerts = segment.advance(own, batch.of(places), shares)
            stats += [(places[at], record) for at, record in new_stats]
            alerts += [(places[at], alert) for at, alert in new_alerts]
        return DriftOutput(_in_order(stats), tuple(map(self._blamed, _in_order(alerts))))

    def flush_open(self) -> tuple[WindowStats, ...]:
        """Return the records of all windows that are still open, for the end of a bounded run.

        Nothing is closed: when more documents come, later records replace these.
        """
        segments = [self._held.segments[source] for source in sorted(self._held.segments)]
        return tuple(record for each in segments for record in each.open_stats())

    def snapshot(self) -> tuple[StatePart, ...]:
        """Return what changed since the last snapshot.

        The parts must become durable in this order - one Kafka partition and an idempotent
        producer see to that - and before the offsets are committed.
        """
        return self._held.snapshot()

    def restore(self, parts: Iterable[StatePart]) -> None:
        """Take over the sources of partitions that were assigned, from all their stored parts.

        Args:
            parts: in the order of the topic; of two parts of one name the later one counts.

        Raises:
            UnreadableState: a part is damaged, missing or of another version; names the source.
        """
        self._held.restore(parts)

    def forget(self, partitions: Collection[int]) -> None:
        """Drop the sources of partitions that were revoked; what is stored stays stored."""
        self._held.forget(partitions)

    def sources_of(self, partition: int) -> tuple[str, ...]:
        """Return the sources whose messages come from this partition, sorted."""
        return tuple(sorted(s for s, g in self._held.segments.items() if g.partition == partition))

    # --- counters since this process started, for metrics

    @property
    def replayed(self) -> int:
        """Messages that had been counted before and were passed over."""
        return self._stretches.replayed

    @property
    def too_late(self) -> int:
        """Documents too late for their window; they took part in drift detection only."""
        return self._held.too_late

    @property
    def repeated(self) -> int:
        """Documents whose doc_id was in the window already."""
        return self._held.repeated

    @property
    def unusable(self) -> int:
        """Documents whose embedding was empty, zero or not finite: in windows only."""
        return self._held.unusable

    @property
    def quiet(self) -> npt.NDArray[np.int64]:
        """Quiet documents of the sources held now, then passings of each level of the shadow."""
        return self._held.quiet

    def _blamed(self, alert: DriftAlert) -> DriftAlert:
        post = self._held.canaries.get(self._held.segments[alert.source].partition)
        return post.blamed(alert) if post is not None else alert


def _are_documents(batch: Sequence[tuple[Origin, Any]]) -> bool:
    messages = [message for _, message in batch]
    if not {Enriched}.issuperset(map(type, messages)):
        return False
    return CANARY_SOURCE not in {message.source for message in messages}


def _kind(message: Enriched | Control) -> str:
    if isinstance(message, (Rebaseline, Learn)):
        return _CONTROL
    return _CANARY if message.source == CANARY_SOURCE else _DOCUMENT


def _in_order(indexed: list[tuple[int, _T]]) -> tuple[_T, ...]:
    return tuple(item for _, item in sorted(indexed, key=lambda pair: pair[0]))
