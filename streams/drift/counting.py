"""Adding up the documents of one source, window by window, many at once.

The result does not depend on when this is done: sums are of whole numbers, a word belongs to the
window that held its first use, and sets do not care in which portions they grow.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.drift.codec import pack, under
from streams.drift.hashset import HashSet, distinct, stretches
from streams.drift.vocabulary import Vocabulary
from streams.drift.window import decode_runs
from streams.trends.cards import farewells_in, read_farewells

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from streams.drift.hashset import Hashes
    from streams.drift.monitors.facts import Facts
    from streams.drift.progress import Reading
    from streams.drift.sketches.rows import Sketched
    from streams.drift.watermark import Watermark
    from streams.drift.window import Window
    from streams.drift.words import Words
    from streams.trends.cards import Farewell, Place

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


@dataclass(slots=True)
class Coming:
    """The same documents, one after the other.

    Attributes:
        marks: the watermark after each.
        starts: of each one's window, ms.
        ids: hash of each one's ``doc_id``.
        ends: where stretches of documents of one window end.
        one_by_one: up to where documents are added one by one, since one of them repeats another.
    """

    marks: list[int]
    starts: list[int]
    ids: list[int]
    ends: list[int]
    one_by_one: int = 0

    @classmethod
    def of(cls, facts: Facts, watermark: Watermark, length: int) -> Coming:
        """Return the documents of windows of a length, ms; the watermark comes to their end."""
        published, received, heard = facts.times.T
        moments = np.minimum(published, received)
        starts = published // length * length
        return cls(
            watermark.advance(facts.places, moments, heard),
            starts.tolist(),
            facts.ids.tolist(),
            stretches(starts)[1:],
        )


class Counting:
    """What a source's documents add to their windows, and the words that it has used.

    Attributes:
        count: documents noted so far.
    """

    def __init__(self) -> None:
        self.count = 0
        self._vocabulary = Vocabulary()
        self._arrivals: Arrivals | None = None
        self._codes = np.empty(0, np.uint8)
        self._waiting: list[tuple[Window | None, int, int]] = []
        self._farewells: list[tuple[int, tuple[Farewell, ...]]] = []  # that no window has noted

    @property
    def room(self) -> int:
        """Documents up to the one after which the vocabulary is looked at."""
        return _TURN - self.count % _TURN

    def begin(self, arrivals: Arrivals, codes: npt.NDArray[np.uint8]) -> None:
        """Come to the next documents; ``codes`` says which of them are copies."""
        self._arrivals, self._codes = arrivals, codes
        self._farewells = [(-1, each) for _, each in self._farewells]
        self._farewells += farewells_in(arrivals.places)

    def note(self, window: Window | None, first: int, last: int) -> None:
        """Note neighbouring documents, at most ``room``, of a window or of none."""
        self.count += last - first
        if self._waiting and self._waiting[-1][0] is window and self._waiting[-1][2] == first:
            first = self._waiting.pop()[1]
        self._waiting.append((window, first, last))
        if self.count % _TURN == 0:
            self.settle()
            self._vocabulary.turn()

    def settle(self) -> None:
        """Add up the documents that wait, in order of arrival."""
        waiting, arrivals = self._waiting, self._arrivals
        if not waiting or arrivals is None:
            return
        self._waiting = []
        spans: dict[int, list[tuple[int, int]]] = {}
        windows: dict[int, Window] = {}
        for window, first, last in waiting:
            if window is not None:
                windows[window.start] = window
                spans.setdefault(window.start, []).append((first, last))
        for start, own in spans.items():
            self._count_documents(arrivals, windows[start], own)
        # A word's first use decides: the windows take turns as their documents came.
        for window, first, last in waiting:
            self._count_words(window, distinct(arrivals.words.hashes(first, last)))
            if window is not None:
                self._count_topics(window, arrivals.places[first:last], last)

    def parts(self) -> dict[str, Callable[[], bytes]]:
        """Return the immutable state, by name; a name tells the content."""
        named: dict[str, Callable[[], bytes]] = {}
        words = self._vocabulary
        for generation, hashes in enumerate((words.old, words.young), words.generation - 1):
            for name, run in hashes.named_runs().items():
                named[f"words/{generation}/{name}"] = partial(pack, {}, {"hashes": run})
        return named

    def head(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return the small moving state: numbers and arrays."""
        words = self._vocabulary
        numbers = {
            "count": self.count,
            "generation": words.generation,
            "farewells": [each for _, each in self._farewells],
        }
        return numbers, {"young": words.young.recent, "old": words.old.recent}

    def restore(
        self,
        numbers: Mapping[str, Any],
        arrays: Mapping[str, npt.NDArray[Any]],
        parts: Mapping[str, bytes],
    ) -> None:
        """Set the state from what ``head`` and ``parts`` returned."""
        self.count = numbers["count"]
        generation = numbers["generation"]
        self._farewells = [(-1, read_farewells(each)) for each in numbers.get("farewells", ())]
        young = HashSet(arrays["young"], decode_runs(under(f"words/{generation}/", parts)))
        old = HashSet(arrays["old"], decode_runs(under(f"words/{generation - 1}/", parts)))
        self._vocabulary = Vocabulary(young, old, generation)

    def _count_documents(
        self, arrivals: Arrivals, window: Window, spans: Sequence[tuple[int, int]]
    ) -> None:
        if len(spans) == 1:
            first, last = spans[0]
            rows: slice | list[int] = slice(first, last)
            readings = arrivals.readings[first:last]
        else:
            rows = [row for span in spans for row in range(*span)]
            readings = [arrivals.readings[row] for row in rows]
        window.add(arrivals.facts.chosen(rows), self._codes[rows], readings)
        for model, sketched in arrivals.rows.parts(rows):
            window.sketch(model, sketched)

    def _count_topics(self, window: Window, places: Sequence[Place | None], last: int) -> None:
        """Count documents by their topics, and note what ended before ``last``."""
        window.topics.add(places)
        while self._farewells and self._farewells[0][0] < last:
            window.topics.part(self._farewells.pop(0)[1])

    def _count_words(self, window: Window | None, words: Hashes) -> None:
        if window is None:
            self._vocabulary.add(words)
            return
        # What the window has had before went through the vocabulary then.
        fresh = window.terms.add(words)
        window.new_tokens += int(np.count_nonzero(self._vocabulary.add(fresh)))
