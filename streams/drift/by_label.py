"""Each label of a source as a segment of its own: a change that the whole source would drown.

The source's scan and its labels' scans share what was the scan's part of the budget: the source
holds half, and each of the labels that the classifier knows an equal part of the other half, so
that nothing changes when a rare label turns up. A label has its own reference of as many documents
as a source's, and raises nothing before it has them; every window of the source says how far each
label is. Its alerts name it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from streams.drift.codec import blob, under
from streams.drift.detector import Detector
from streams.drift.hashing import hash_name
from streams.drift.lifecycle import Lifecycle
from streams.drift.progress import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from schemas.messages import DriftAlert, Enriched, WindowStats
    from streams.drift.finding import Moment
    from streams.drift.options import DriftOptions
    from streams.drift.words import Words

OF_THE_SOURCE = 2.0
"""How much smaller the part of a source's own scan is while its labels are watched."""

MOST_LABELS = 64
"""Labels of a source that are watched, the first to come: each may need as much as a source."""


class _Label:
    """Detector of one label, how many documents it has seen, and what it said in this batch."""

    def __init__(self, source: str, label: str, options: DriftOptions) -> None:
        self.name = label
        self.documents = 0
        self.events = Lifecycle(options.cooldown_documents)
        self.detector = Detector(source, options, self.events, label)
        self.place = f"label/{hash_name(label)}/"
        self.last: Reading | None = None  # what it said after its newest document
        self.told: tuple[Reading | None, list[int], list[Reading]] = (None, [], [])

    def at(self, place: int) -> Reading | None:
        """Return the reading after a document of the batch; None before the label's first."""
        before, places, readings = self.told
        known = bisect_right(places, place)
        return readings[known - 1] if known else before

    def rest(self) -> None:
        """Begin a batch: all there is to say is what was said before."""
        self.told = (self.last, [], [])

    def take(self, places: list[int], readings: list[Reading]) -> None:
        """Note what it said after each of its documents of the batch."""
        self.told, self.last = (self.last, places, readings), readings[-1]

    def begin(self, last: Reading | None) -> None:
        """Go on from what was said last, or after a new reference."""
        self.last = last
        self.rest()


class ByLabel:
    """The labels of one source; deterministic given its documents in order."""

    def __init__(self, source: str, options: DriftOptions) -> None:
        self._source = source
        self._options = options
        self._labels: dict[str, _Label] = {}

    def advance(
        self, documents: Sequence[Enriched], words: Words, shared_by: Sequence[float]
    ) -> list[tuple[int, DriftAlert]]:
        """Take in documents of the source, in order; alerts with the index of their document."""
        for each in self._labels.values():
            each.rest()
        groups: dict[str, list[int]] = defaultdict(list)
        for place, document in enumerate(documents):
            groups[document.label].append(place)
        alerts: list[tuple[int, DriftAlert]] = []
        for name, places in groups.items():
            label = self._label(name)
            if label is None:
                continue
            own = [documents[place] for place in places]
            shares = [
                shared_by[place] * OF_THE_SOURCE * max(len(documents[place].scores), 1)
                for place in places
            ]
            taken = words.take(places)
            readings, found = label.detector.advance(own, taken, shares, label.documents)
            label.take(places, readings)
            label.documents += len(own)
            alerts += [(places[index], alert) for index, alert in found]
        return alerts

    def told(self, record: WindowStats, place: int) -> WindowStats:
        """Return a window's record with what each label's detector said after a document.

        Args:
            record: of the source.
            place: of the document that brought the record, in the batch of ``advance``.
        """
        found = {name: label.at(place) for name, label in self._labels.items()}
        said = {name: reading for name, reading in found.items() if reading is not None}
        return replace(
            record,
            label_states={n: r.state for n, r in said.items()},
            label_references={n: r.reference_documents for n, r in said.items()},
            label_scores={n: r.score for n, r in said.items() if r.score is not None},
            label_thresholds={n: r.threshold for n, r in said.items() if r.threshold is not None},
        )

    def rebaseline(self, moment: Moment, note: str) -> list[DriftAlert]:
        """Take new references by hand; returns the alerts that this closes."""
        closed = []
        for label in self._labels.values():
            label.detector.rebaseline()
            label.begin(label.detector.reading)
            closed += label.events.close_all("by-hand", moment, note)
        return closed

    def parts(self) -> dict[str, Callable[[], bytes]]:
        """Return the immutable state, by name."""
        return {
            label.place + name: encode
            for label in self._labels.values()
            for name, encode in label.detector.parts().items()
        }

    def head(self) -> tuple[list[list[Any]], dict[str, npt.NDArray[Any]]]:
        """Return the small moving state: plain values, and arrays by name."""
        labels = self._labels.values()
        numbers = [
            [label.name, label.documents, label.events.head(), label.last] for label in labels
        ]
        return numbers, {label.place + "head": blob(label.detector.head()) for label in labels}

    def restore(
        self,
        numbers: Sequence[Sequence[Any]],
        arrays: Mapping[str, npt.NDArray[Any]],
        parts: Mapping[str, bytes],
    ) -> None:
        """Set the state from what ``head`` and ``parts`` returned."""
        self._labels = {}
        if not self._options.by_label:
            return
        for name, documents, events, *said in numbers:
            label = self._labels[name] = _Label(self._source, name, self._options)
            label.documents = documents
            label.events.restore(events)
            own = under(label.place, parts)
            label.detector.restore(arrays[label.place + "head"].tobytes(), own)
            last = Reading(*said[0]) if said and said[0] else label.detector.reading
            label.begin(last._replace(quiet=tuple(last.quiet)))

    def _label(self, name: str) -> _Label | None:
        if name not in self._labels and len(self._labels) < MOST_LABELS:
            self._labels[name] = _Label(self._source, name, self._options)
        return self._labels.get(name)
