"""Everything that is kept of one source: gate, detector, windows; and how it is stored.

State is stored as named parts. All but the head are immutable: a part's name tells its content, a
changed part has a new name. The head, written last, lists the parts that belong to it; parts that
no head lists any more are deleted by the snapshot after. So a crash between two writes leaves the
older snapshot whole, and a snapshot writes only what is new.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from streams.drift.by_label import OF_THE_SOURCE, ByLabel
from streams.drift.codec import blob, pack, unpack
from streams.drift.counting import Arrivals
from streams.drift.detector import Detector
from streams.drift.finding import Moment
from streams.drift.gate import Gate
from streams.drift.joining import Joining
from streams.drift.lifecycle import Lifecycle
from streams.drift.windows import Windows
from streams.errors import UnreadableState
from streams.trends.source import SourceTopics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from schemas.messages import DriftAlert, Enriched, WindowStats
    from streams.drift.discoveries import Share
    from streams.drift.options import DriftOptions
    from streams.drift.prepared import Prepared

HEAD = "head"
_ALL = sys.maxsize


class Segment:
    """State of one source.

    Attributes:
        partition: of the enriched topic, where the source's messages come from.
        changed: whether anything happened since the last snapshot.
        events: the alerts that are open; every statistic hands its findings in here.
        standing: of the detector when the partition's epoch began; None: not yet there.
    """

    def __init__(self, source: str, partition: int, options: DriftOptions) -> None:
        self.source = source
        self.partition = partition
        self.changed = True
        self.gate = Gate()
        self.events = Lifecycle(options.cooldown_documents)
        self.detector = Detector(source, options, self.events)
        self.windows = Windows(source, options)
        self.topics = SourceTopics(source)
        self._by_label = ByLabel(source, options)
        self._labelled = options.by_label
        self.standing: float | None = None
        self._joining = Joining(options.window_ms)
        self._moment = Moment(0, 0, 0)
        self._stored: set[str] = set()
        self._garbage: list[str] = []

    def advance(
        self,
        documents: Sequence[Enriched],
        prepared: Prepared,
        shares: Sequence[Share],
    ) -> tuple[list[tuple[int, WindowStats]], list[tuple[int, DriftAlert]]]:
        """Count documents that the gate admitted; records and alerts with the documents' index."""
        self.changed = True
        words, facts, rows, read = prepared
        first = self._moment.position
        self._moment = Moment.after(documents[-1], first + len(documents))
        # The monitors hold their part as it is: their tests are no part of the step-up rule.
        if shares.count(shares[0]) == len(shares):  # as nearly always
            shared_by = [shares[0].shared_by] * len(shares)
            segments = [shares[0].segments] * len(shares)
        else:
            shared_by = [share.shared_by for share in shares]
            segments = [share.segments for share in shares]
        of_labels: list[tuple[int, DriftAlert]] = []
        if self._labelled:
            of_labels = self._by_label.advance(documents, words, shared_by)
            shared_by = [OF_THE_SOURCE * each for each in shared_by]
        readings, alerts = self.detector.advance(documents, words, shared_by, first, read)
        places = self.topics.advance(documents, rows)
        arrivals = Arrivals(facts, words, readings, segments, first, rows, places)
        records, found = self.windows.advance(arrivals)
        if self._labelled:
            records = [(at, self._by_label.told(record, at)) for at, record in records]
        return records, self._joining.fold_placed(alerts + of_labels + found)

    def open_stats(self) -> list[WindowStats]:
        """Return the records of the windows that are open."""
        records = self.windows.open_stats()
        return [self._by_label.told(one, _ALL) for one in records] if self._labelled else records

    def rebaseline(self, note: str, documents: int = 0) -> list[DriftAlert]:
        """Take a new reference by hand; returns the alerts that this closes.

        Args:
            note: stands with them.
            documents: that ``learn`` will bring as the reference; 0: the next of the stream.
        """
        self.changed = True
        if documents:
            self.detector.rebaseline_with(documents)
        else:
            self.detector.rebaseline()
        closed = self.events.close_all("by-hand", self._moment, note)
        closed += self._by_label.rebaseline(self._moment, note)
        return self._joining.fold(closed + self.windows.rebaseline(self._moment, note))

    def learn(self, document: Enriched) -> None:
        """Take in a document of the reference that ``rebaseline`` has announced."""
        self.changed = True
        self.detector.learn(document)

    def move(self, partition: int) -> list[str]:
        """Go over to another partition; returns the names of the parts left behind."""
        left = [*sorted(self._stored), *self._garbage, HEAD]
        self.partition, self.changed = partition, True
        self._stored, self._garbage = set(), []
        return left

    def snapshot(self) -> list[tuple[str, bytes | None]]:
        """Return deletions, new parts, and at the end the head, as (name, payload or None)."""
        parts = self._parts()
        written: list[tuple[str, bytes | None]] = [(name, None) for name in self._garbage]
        written += [(name, parts[name]()) for name in parts if name not in self._stored]
        self._garbage = sorted(self._stored - parts.keys())
        self._stored = set(parts)
        written.append((HEAD, self._head(sorted(parts))))
        self.changed = False
        return written

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Set the state from all parts that are stored for this source.

        Raises:
            UnreadableState: a part is damaged or missing.
        """
        meta, arrays = unpack(parts[HEAD])
        listed = meta["parts"]
        missing = [name for name in listed if name not in parts]
        if missing:
            raise UnreadableState(
                f"drift state of source {self.source!r} is incomplete: part {missing[0]} is missing"
            )
        own = {name: parts[name] for name in listed}
        self._restore(meta, arrays, own)
        self._stored = set(listed)
        self._garbage = sorted(parts.keys() - self._stored - {HEAD})
        self.changed = bool(self._garbage)

    def _restore(
        self,
        meta: Mapping[str, Any],
        arrays: Mapping[str, npt.NDArray[Any]],
        parts: Mapping[str, bytes],
    ) -> None:
        try:
            self.gate.restore(meta["gate"])
            self.standing = meta.get("standing")
            if "events" in meta:  # absent before alerts had a life
                self._moment = Moment(*meta["moment"])
                self.events.restore(meta["events"])
            self._joining.restore(meta.get("joining", ()))
            self.detector.restore(arrays["detector"].tobytes(), parts)
            self._by_label.restore(meta.get("labels", ()), arrays, parts)
            self.windows.restore(meta["windows"], arrays, parts)
            self.topics.restore(meta.get("topics", ()), arrays, parts)
        except (KeyError, TypeError, ValueError) as error:
            raise UnreadableState(
                f"drift state of source {self.source!r} does not fit this version: {error!r}"
            ) from error

    def _parts(self) -> dict[str, Callable[[], bytes]]:
        own = self.detector.parts() | self._by_label.parts()
        return own | self.windows.parts() | self.topics.parts()

    def _head(self, names: list[str]) -> bytes:
        numbers, arrays = self.windows.head()
        labels, heads = self._by_label.head()
        topics, tails = self.topics.head()
        meta = {
            "parts": names,
            "gate": self.gate.head(),
            "windows": numbers,
            "topics": topics,
            "moment": self._moment,
            "standing": self.standing,
            "events": self.events.head(),
            "joining": self._joining.head(),
            "labels": labels,
        }
        own = {"detector": blob(self.detector.head())}
        return pack(meta, {**own, **heads, **arrays, **tails})
