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

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Any

from streams.drift.codec import under
from streams.drift.counting import Coming, Counting
from streams.drift.monitors.copies import Copies
from streams.drift.monitors.metrics import Closed
from streams.drift.monitors.monitors import Monitors
from streams.drift.watermark import NEVER, Watermark
from streams.drift.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from schemas.messages import DriftAlert, WindowStats
    from streams.drift.counting import Arrivals
    from streams.drift.finding import Moment
    from streams.drift.options import DriftOptions

_MANY = 4  # documents that are faster added together


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
        self._counting = Counting()
        self._copies = Copies()
        self._monitors = Monitors(source, options)
        self._arrivals: Arrivals | None = None
        self._emissions: list[tuple[int, WindowStats]] = []
        self._alerts: list[tuple[int, DriftAlert]] = []

    def advance(
        self, arrivals: Arrivals
    ) -> tuple[list[tuple[int, WindowStats]], list[tuple[int, DriftAlert]]]:
        """Count documents; returns records and alerts with the index of their document."""
        self._emissions, self._alerts, self._arrivals = [], [], arrivals
        facts, length = arrivals.facts, self._window_ms
        codes = self._copies.advance(facts.signatures, facts.contents, facts.bands)
        self._counting.begin(arrivals, codes)
        coming = Coming.of(facts, self._watermark, length)
        index = 0
        while index < len(coming.starts):
            self._now = coming.marks[index]
            if self._now >= self._deadline:
                self._sweep(index)
            index = self._add_many(index, coming) or self._add(index, coming)
        self._counting.settle()
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

    def _add_many(self, index: int, coming: Coming) -> int:
        """Add documents of one open window while they do no more than count.

        Returns the place of the next document; 0 where the first one already does more.
        """
        window = self._windows.get(coming.starts[index])
        if window is None or index < coming.one_by_one:
            return 0
        quiet = min(window.due - window.documents, self._counting.room) - 1
        last = min(coming.ends[bisect_right(coming.ends, index)], index + quiet)
        last = bisect_left(coming.marks, self._deadline, index, max(last, index))
        if last < index + _MANY:
            return 0
        if not window.ids.add_all(coming.ids[index:last]):
            coming.one_by_one = last
            return 0
        window.documents += last - index
        window.late += (last - index) * window.closed
        self._counting.note(window, index, last)
        return last

    def _add(self, index: int, coming: Coming) -> int:
        """Add a document; returns the place of the next one."""
        start = coming.starts[index]
        window = self._windows.get(start) or self._open(start)
        if window is None:
            self.too_late += 1
        elif not window.ids.add(coming.ids[index]):
            self.repeated += 1
            return index + 1
        else:
            window.documents += 1
            window.late += window.closed
        self._counting.note(window, index, index + 1)
        if window is not None and window.documents >= window.due:
            self._emit(index, window)
        if len(self._windows) > self._most:
            self._forget(index, self._windows[min(self._windows)])
        return index + 1

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
        self._counting.settle()
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
        self._counting.settle()
        window.emitted()
        self._emissions.append((index, window.stats(self._source, self._window_ms)))

    # --- state

    def parts(self) -> dict[str, Callable[[], bytes]]:
        """Return the immutable state, by name; a name tells the content."""
        named: dict[str, Callable[[], bytes]] = {}
        for start, window in self._windows.items():
            for name, encode in window.parts().items():
                named[f"window/{self._window_ms}/{start}/{name}"] = encode
        named |= self._counting.parts()
        own = {"copies": self._copies.parts(), "monitors": self._monitors.parts()}
        for kind, parts in own.items():
            named |= {f"{kind}/{name}": encode for name, encode in parts.items()}
        return named

    def head(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return the small moving state: numbers and arrays."""
        counted, words = self._counting.head()
        numbers = {
            **self._watermark.numbers(),
            **counted,
            "forgotten": self._forgotten,
            "copies": self._copies.count,
            "monitors": self._monitors.head(),
        }
        tail = {f"copies/{name}": array for name, array in self._copies.tail().items()}
        return numbers, {**words, **tail}

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
        self._counting.restore(numbers, arrays, parts)
        tail = {name: arrays[f"copies/{name}"] for name in ("signatures", "contents")}
        self._copies.restore(numbers["copies"], under("copies/", parts), tail)
        self._monitors.restore(numbers["monitors"], under("monitors/", parts))
        own = under(f"window/{self._window_ms}/", parts)
        for start in {name.split("/", 1)[0] for name in own}:
            window = Window.decode(under(f"{start}/", own))
            self._windows[window.start] = window
        self._deadline = min(map(self._due, self._windows.values()), default=-NEVER)
