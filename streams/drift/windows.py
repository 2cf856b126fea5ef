"""Tumbling windows of event time of one source, with late documents by a stated rule.

The watermark (``watermark.py``) says how far event time has come. A window

* is emitted while it is open whenever its documents have doubled (1, 2, 4, 8, ...);
* is closed and emitted when the watermark reaches its end;
* still takes late documents in until the watermark is ``lateness_ms`` past its end, and is emitted
  again whenever the late ones have doubled;
* is then emitted a last time, if documents came since, and forgotten. Documents for it that come
  later still count as ``too_late``: they take part in drift detection, but in no window.

An emission that counts more documents has a higher version and replaces the others, in whatever
order they are written. A document counts once per window by its ``doc_id``.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.drift.codec import pack, under
from streams.drift.hashing import hash_text
from streams.drift.hashset import HashSet, distinct
from streams.drift.vocabulary import Vocabulary
from streams.drift.watermark import NEVER, Watermark
from streams.drift.window import Window, decode_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from schemas.messages import Enriched, WindowStats
    from streams.drift.detector import Reading
    from streams.drift.sketches.rows import Row

    Hashes = npt.NDArray[np.uint64]

_TURN = 128  # documents between two looks at the vocabulary's size


class Windows:
    """Open windows, watermark and vocabulary of one source."""

    def __init__(
        self, source: str, window_ms: int, lateness_ms: int, idle_ms: int, most: int
    ) -> None:
        self.too_late = 0
        self.repeated = 0
        self._source = source
        self._window_ms = window_ms
        self._lateness_ms = lateness_ms
        self._most = most
        self._windows: dict[int, Window] = {}
        self._watermark = Watermark(idle_ms)
        self._forgotten = NEVER  # windows that end here or earlier take nothing in any more
        self._deadline = -NEVER  # earliest moment at which a window closes or is forgotten
        self._count = 0
        self._vocabulary = Vocabulary()
        self._unsettled: list[tuple[Window | None, Hashes]] = []
        self._unsketched: list[tuple[Window, Row]] = []
        self._emissions: list[tuple[int, WindowStats]] = []

    def advance(
        self,
        documents: Sequence[Enriched],
        terms: Sequence[Hashes],
        readings: Sequence[Reading],
        rows: Sequence[Row | None],
    ) -> list[tuple[int, WindowStats]]:
        """Count documents, in order; returns records with the index of their document.

        Args:
            documents: of this source.
            terms: hashes of each one's distinct words.
            readings: what the detector said after each.
            rows: what each adds to the sketches; None for nothing.
        """
        self._emissions = []
        for index, document in enumerate(documents):
            if self._watermark.advance(document) and self._watermark.value >= self._deadline:
                self._sweep(index)
            self._add(index, document, terms[index], readings[index], rows[index])
        self._settle()
        return self._emissions

    def open_stats(self) -> list[WindowStats]:
        """Return the records of all windows that are open or were changed since their emission."""
        self._settle()
        return [
            window.stats(self._source, self._window_ms)
            for _, window in sorted(self._windows.items())
            if not window.closed or window.sent != window.documents
        ]

    # --- documents

    def _add(
        self,
        index: int,
        document: Enriched,
        terms: Hashes,
        reading: Reading,
        row: Row | None,
    ) -> None:
        window = self._window(document.published_at)
        if window is None:
            self.too_late += 1
        elif not window.ids.add(hash_text(document.doc_id)):
            self.repeated += 1
            return
        else:
            window.add(document, reading)
            if row is not None:
                self._unsketched.append((window, row))
        self._unsettled.append((window, terms))
        self._count += 1
        if self._count % _TURN == 0:
            self._settle()
            self._vocabulary.turn()
        if window is not None and window.documents >= window.due:
            self._emit(index, window)
        if len(self._windows) > self._most:
            self._forget(index, self._windows[min(self._windows)])

    def _window(self, published_at: int) -> Window | None:
        start = published_at // self._window_ms * self._window_ms
        window = self._windows.get(start)
        if window is not None:
            return window
        end = start + self._window_ms
        if end + self._lateness_ms <= self._watermark.value or end <= self._forgotten:
            return None
        window = self._windows[start] = Window(start)
        window.closed = end <= self._watermark.value
        self._deadline = min(self._deadline, self._due(window))
        return window

    # --- closing

    def _due(self, window: Window) -> int:
        end = window.start + self._window_ms
        return end + self._lateness_ms if window.closed else end

    def _sweep(self, index: int) -> None:
        """Close and forget what the watermark has passed, oldest first."""
        for _, window in sorted(self._windows.items()):
            if not window.closed and self._due(window) <= self._watermark.value:
                window.closed = True
                self._emit(index, window)
            if window.closed and self._due(window) <= self._watermark.value:
                self._forget(index, window)
        self._deadline = min(map(self._due, self._windows.values()), default=-NEVER)

    def _forget(self, index: int, window: Window) -> None:
        if not window.closed or window.sent != window.documents:
            self._emit(index, window)
        del self._windows[window.start]
        self._forgotten = max(self._forgotten, window.start + self._window_ms)

    def _emit(self, index: int, window: Window) -> None:
        self._settle()
        window.emitted()
        self._emissions.append((index, window.stats(self._source, self._window_ms)))

    # --- words

    def _settle(self) -> None:
        """Count the words and embeddings that wait, in order of arrival.

        The result does not depend on when this is called: a word belongs to the window that held
        its first use, and sets and sums of whole numbers do not care in which portions they grow.
        """
        self._sketch()
        if not self._unsettled:
            return
        owners = [window for window, _ in self._unsettled]
        hashes = [each for _, each in self._unsettled]
        self._unsettled = []
        first = owners[0]
        if all(owner is first for owner in owners):
            self._count_words(first, distinct(np.concatenate(hashes)))
            return
        # A word's first use decides: the windows take turns as their documents came.
        start = 0
        for end in range(1, len(owners) + 1):
            if end == len(owners) or owners[end] is not owners[start]:
                self._count_words(owners[start], distinct(np.concatenate(hashes[start:end])))
                start = end

    def _sketch(self) -> None:
        """Add the embeddings that wait: all of one window in one sum."""
        waiting, self._unsketched = self._unsketched, []
        groups: dict[tuple[int, int], list[tuple[Window, Row]]] = defaultdict(list)
        for window, row in waiting:
            groups[window.start, id(row.rows)].append((window, row))
        for members in groups.values():
            window, first = members[0]
            places = [row.place for _, row in members]
            start, end = places[0], places[-1] + 1
            together = end - start == len(places)  # a slice need not be copied
            rows = first.rows[start:end] if together else first.rows[places]
            window.sketch(first.model, rows)

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
        self._settle()
        named: dict[str, Callable[[], bytes]] = {}
        for start, window in self._windows.items():
            for name, encode in window.parts().items():
                named[f"window/{self._window_ms}/{start}/{name}"] = encode
        words = self._vocabulary
        for generation, hashes in enumerate((words.old, words.young), words.generation - 1):
            for name, run in hashes.named_runs().items():
                named[f"words/{generation}/{name}"] = partial(pack, {}, {"hashes": run})
        return named

    def head(self) -> tuple[dict[str, int], dict[str, npt.NDArray[Any]]]:
        """Return the small moving state: numbers and arrays."""
        self._settle()
        words = self._vocabulary
        numbers = {
            **self._watermark.numbers(),
            "forgotten": self._forgotten,
            "count": self._count,
            "generation": words.generation,
        }
        return numbers, {"young": words.young.recent, "old": words.old.recent}

    def restore(
        self,
        numbers: Mapping[str, int],
        arrays: Mapping[str, npt.NDArray[Any]],
        parts: Mapping[str, bytes],
    ) -> None:
        """Set the state; windows of another length than the configured one are dropped."""
        self._watermark.restore(numbers)
        self._forgotten = numbers["forgotten"]
        self._count = numbers["count"]
        generation = numbers["generation"]
        young = HashSet(arrays["young"], decode_runs(under(f"words/{generation}/", parts)))
        old = HashSet(arrays["old"], decode_runs(under(f"words/{generation - 1}/", parts)))
        self._vocabulary = Vocabulary(young, old, generation)
        own = under(f"window/{self._window_ms}/", parts)
        for start in {name.split("/", 1)[0] for name in own}:
            window = Window.decode(under(f"{start}/", own))
            self._windows[window.start] = window
        self._deadline = min(map(self._due, self._windows.values()), default=-NEVER)
