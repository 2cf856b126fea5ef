"""Tumbling windows of event time of one source, with late documents by a stated rule.

The watermark (``watermark.py``) says how far event time has come. A window

* is emitted while it is open whenever its documents are four times as many (1, 4, 16, ...);
* is closed and emitted when the watermark reaches its end;
* still takes late documents in until the watermark is ``lateness_ms`` past its end, and is emitted
  again whenever the late ones have doubled;
* is then emitted a last time, if documents came since, and forgotten. Documents for it that come
  later still count as ``too_late``: they take part in drift detection, but in no window.

When a window closes, the monitors judge it (``monitors/``), once: late documents change its
numbers, not the judgement.

An emission that counts more documents has a higher version and replaces the others, in whatever
order they are written. A document counts once per window by its ``doc_id``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.drift.codec import pack, under
from streams.drift.hashset import HashSet, distinct
from streams.drift.monitors.copies import Copies
from streams.drift.monitors.facts import part
from streams.drift.monitors.metrics import Closed
from streams.drift.monitors.monitors import Monitors
from streams.drift.vocabulary import Vocabulary
from streams.drift.watermark import NEVER, Watermark
from streams.drift.window import Window, decode_runs
from streams.trends.cards import farewells_in, read_farewells

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from schemas.messages import DriftAlert, WindowStats
    from streams.drift.detector import Reading
    from streams.drift.finding import Moment
    from streams.drift.monitors.facts import Facts
    from streams.drift.options import DriftOptions
    from streams.drift.sketches.rows import Sketched
    from streams.drift.words import Words
    from streams.trends.cards import Farewell, Place

    Hashes = npt.NDArray[np.uint64]

_TURN = 512  # documents between two looks at the vocabulary's size


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Documents of one source, in order of arrival.

    Attributes:
        facts: of each.
        words: of each.
        readings: what the detector said after each.
        segments: how many sources shared the partition's budget when each came.
        first: documents of the source before these.
        rows: what each adds to the sketches.
        places: each one's place among the topics; None for nowhere.
    """

    facts: Facts
    words: Words
    readings: Sequence[Reading]
    segments: Sequence[int]
    first: int
    rows: Sketched
    places: Sequence[Place | None]


class Windows:
    """Open windows, watermark and vocabulary of one source."""

    def __init__(self, source: str, options: DriftOptions) -> None:
        self.too_late = 0
        self.repeated = 0
        self._source = source
        self._window_ms = options.window_ms
        self._lateness_ms = options.lateness_ms
        self._most = options.open_windows
        self._windows: dict[int, Window] = {}
        self._watermark = Watermark(options.partition_idle_ms)
        self._now = NEVER  # the watermark after the document at work
        self._forgotten = NEVER  # windows that end here or earlier take nothing in any more
        self._deadline = -NEVER  # earliest moment at which a window closes or is forgotten
        self._count = 0
        self._vocabulary = Vocabulary()
        self._copies = Copies()
        self._monitors = Monitors(source, options)
        self._arrivals: Arrivals | None = None
        self._codes = np.empty(0, np.uint8)
        self._unsettled: list[tuple[int, Window | None]] = []
        self._emissions: list[tuple[int, WindowStats]] = []
        self._alerts: list[tuple[int, DriftAlert]] = []
        self._farewells: list[tuple[int, tuple[Farewell, ...]]] = []  # that no window has noted

    def advance(
        self, arrivals: Arrivals
    ) -> tuple[list[tuple[int, WindowStats]], list[tuple[int, DriftAlert]]]:
        """Count documents; returns records and alerts with the index of their document."""
        self._emissions, self._alerts, self._arrivals = [], [], arrivals
        self._farewells = [(-1, each) for _, each in self._farewells] + farewells_in(
            arrivals.places
        )
        facts, length = arrivals.facts, self._window_ms
        self._codes = self._copies.advance(facts.signatures, facts.contents)
        published, received, heard = facts.times.T
        moments = np.minimum(published, received).tolist()
        marks = self._watermark.advance(facts.places, moments, heard.tolist())
        starts = (published // length * length).tolist()
        for index, each in enumerate(zip(marks, starts, facts.ids.tolist(), strict=True)):
            self._now, start, identity = each
            if self._now >= self._deadline:
                self._sweep(index)
            self._add(index, start, identity)
        self._settle()
        return self._emissions, self._alerts

    def open_stats(self) -> list[WindowStats]:
        """Return the records of all windows that are open or were changed since their emission."""
        return [
            window.stats(self._source, self._window_ms)
            for _, window in sorted(self._windows.items())
            if not window.closed or window.sent != window.documents
        ]

    def rebaseline(self, moment: Moment, note: str) -> list[DriftAlert]:
        """Let the monitors learn anew what is quiet; returns the alerts that this closes."""
        return self._monitors.rebaseline(moment, note)

    # --- documents

    def _add(self, index: int, start: int, identity: int) -> None:
        window = self._windows.get(start) or self._open(start)
        if window is None:
            self.too_late += 1
        elif not window.ids.add(identity):
            self.repeated += 1
            return
        else:
            window.documents += 1
            window.late += window.closed
            self._topics(index, window)
        self._unsettled.append((index, window))
        self._count += 1
        if self._count % _TURN == 0:
            self._settle()
            self._vocabulary.turn()
        if window is not None and window.documents >= window.due:
            self._emit(index, window)
        if len(self._windows) > self._most:
            self._forget(index, self._windows[min(self._windows)])

    def _topics(self, index: int, window: Window) -> None:
        """Count a document by its topic, and note what ended up to here."""
        place = self._arrivals.places[index] if self._arrivals is not None else None
        if place is not None:
            window.topics.add(place)
        while self._farewells and self._farewells[0][0] <= index:
            window.topics.part(self._farewells.pop(0)[1])

    def _open(self, start: int) -> Window | None:
        end = start + self._window_ms
        if end + self._lateness_ms <= self._now or end <= self._forgotten:
            return None
        window = self._windows[start] = Window(start)
        window.closed = end <= self._now
        self._deadline = min(self._deadline, self._due(window))
        return window

    # --- closing

    def _due(self, window: Window) -> int:
        end = window.start + self._window_ms
        return end + self._lateness_ms if window.closed else end

    def _sweep(self, index: int) -> None:
        """Close and forget what the watermark has passed, oldest first."""
        for _, window in sorted(self._windows.items()):
            if not window.closed and self._due(window) <= self._now:
                self._close(index, window)
                self._emit(index, window)
            if window.closed and self._due(window) <= self._now:
                self._forget(index, window)
        self._deadline = min(map(self._due, self._windows.values()), default=-NEVER)

    def _close(self, index: int, window: Window) -> None:
        """Close a window and have it judged; its documents came before the one at ``index``."""
        self._settle()
        window.closed = True
        if self._arrivals is None:
            return
        times = self._arrivals.facts.times[index]
        closed = Closed(
            start=window.start,
            tally=window.tally,
            distinct=len(window.terms),
            new=window.new_tokens,
            growth=tuple((tokens, found) for tokens, found in window.growth),
            position=self._arrivals.first + index + 1,
            moment=(int(times[0]), int(times[1])),
        )
        window.verdict, alerts = self._monitors.judge(closed, self._arrivals.segments[index])
        self._alerts += [(index, alert) for alert in alerts]

    def _forget(self, index: int, window: Window) -> None:
        if not window.closed:
            self._close(index, window)
            self._emit(index, window)
        elif window.sent != window.documents:
            self._emit(index, window)
        del self._windows[window.start]
        self._forgotten = max(self._forgotten, window.start + self._window_ms)

    def _emit(self, index: int, window: Window) -> None:
        self._settle()
        window.emitted()
        self._emissions.append((index, window.stats(self._source, self._window_ms)))

    # --- adding up what was counted

    def _settle(self) -> None:
        """Add up the documents that wait, in order of arrival.

        The result does not depend on when this is called: sums are of whole numbers, a word belongs
        to the window that held its first use, and sets do not care in which portions they grow.
        """
        if not self._unsettled or self._arrivals is None:
            return
        rows = [row for row, _ in self._unsettled]
        owners = [window for _, window in self._unsettled]
        self._unsettled = []
        self._count_documents(self._arrivals, owners, rows)
        words = self._arrivals.words
        # A word's first use decides: the windows take turns as their documents came.
        start = 0
        for end in range(1, len(owners) + 1):
            if end == len(owners) or owners[end] is not owners[start]:
                self._count_words(owners[start], distinct(words.take(rows[start:end]).flat))
                start = end

    def _count_documents(
        self, arrivals: Arrivals, owners: Sequence[Window | None], rows: Sequence[int]
    ) -> None:
        indices: dict[int, list[int]] = {}
        windows: dict[int, Window] = {}
        for row, window in zip(rows, owners, strict=True):
            if window is not None:
                windows[window.start] = window
                indices.setdefault(window.start, []).append(row)
        for start, mine in indices.items():
            readings = [arrivals.readings[row] for row in mine]
            windows[start].add(arrivals.facts.part(mine), part(self._codes, mine), readings)
            for model, sketched in arrivals.rows.parts(mine):
                windows[start].sketch(model, sketched)

    def _count_words(self, window: Window | None, words: Hashes) -> None:
        if window is None:
            self._vocabulary.add(words)
            return
        # What the window has had before went through the vocabulary then.
        fresh = window.terms.add(words)
        window.new_tokens += int(np.count_nonzero(self._vocabulary.add(fresh)))

    # --- state

    def parts(self) -> dict[str, Callable[[], bytes]]:
        """Return the immutable state, by name; a name tells the content."""
        named: dict[str, Callable[[], bytes]] = {}
        for start, window in self._windows.items():
            for name, encode in window.parts().items():
                named[f"window/{self._window_ms}/{start}/{name}"] = encode
        words = self._vocabulary
        for generation, hashes in enumerate((words.old, words.young), words.generation - 1):
            for name, run in hashes.named_runs().items():
                named[f"words/{generation}/{name}"] = partial(pack, {}, {"hashes": run})
        own = {"copies": self._copies.parts(), "monitors": self._monitors.parts()}
        for kind, parts in own.items():
            named |= {f"{kind}/{name}": encode for name, encode in parts.items()}
        return named

    def head(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return the small moving state: numbers and arrays."""
        words = self._vocabulary
        numbers = {
            **self._watermark.numbers(),
            "forgotten": self._forgotten,
            "count": self._count,
            "generation": words.generation,
            "copies": self._copies.count,
            "monitors": self._monitors.head(),
            "farewells": [each for _, each in self._farewells],
        }
        tail = {f"copies/{name}": array for name, array in self._copies.tail().items()}
        return numbers, {"young": words.young.recent, "old": words.old.recent, **tail}

    def restore(
        self,
        numbers: Mapping[str, Any],
        arrays: Mapping[str, npt.NDArray[Any]],
        parts: Mapping[str, bytes],
    ) -> None:
        """Set the state; windows of another length than the configured one are dropped."""
        self._watermark.restore(numbers)
        self._now = self._watermark.value
        self._forgotten = numbers["forgotten"]
        self._count = numbers["count"]
        generation = numbers["generation"]
        young = HashSet(arrays["young"], decode_runs(under(f"words/{generation}/", parts)))
        old = HashSet(arrays["old"], decode_runs(under(f"words/{generation - 1}/", parts)))
        self._vocabulary = Vocabulary(young, old, generation)
        tail = {name: arrays[f"copies/{name}"] for name in ("signatures", "contents")}
        self._copies.restore(numbers["copies"], under("copies/", parts), tail)
        self._monitors.restore(numbers["monitors"], under("monitors/", parts))
        self._farewells = [(-1, read_farewells(each)) for each in numbers.get("farewells", ())]
        own = under(f"window/{self._window_ms}/", parts)
        for start in {name.split("/", 1)[0] for name in own}:
            window = Window.decode(under(f"{start}/", own))
            self._windows[window.start] = window
        self._deadline = min(map(self._due, self._windows.values()), default=-NEVER)
