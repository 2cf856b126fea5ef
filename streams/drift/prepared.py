"""What is computed of documents for all sources of a batch at once: one price for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from streams.drift.feed import common_feed
from streams.drift.monitors.facts import facts_of
from streams.drift.sketches.rows import sketch_rows
from streams.drift.words import Words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.messages import Enriched
    from streams.drift.feed import Feed
    from streams.drift.monitors.facts import Facts
    from streams.drift.sketches.rows import Sketched


class Prepared(NamedTuple):
    """What does not depend on the source, of neighbouring documents.

    Attributes:
        words: their words.
        facts: their numbers.
        rows: what they add to sketches.
        read: their embeddings, and from which row on; None where they are not all alike.
    """

    words: Words
    facts: Facts
    rows: Sketched
    read: tuple[Feed, int] | None

    @classmethod
    def of(cls, documents: Sequence[Enriched]) -> Prepared:
        """Compute it."""
        words, feed = Words.of(documents), common_feed(documents)
        read = None if feed is None else (feed, 0)
        return cls(words, facts_of(documents, words), sketch_rows(documents, feed), read)

    def part(self, first: int, last: int) -> Prepared:
        """Return the same of some of the documents."""
        words, facts, rows, read = self
        return Prepared(
            words.part(first, last),
            facts.part(first, last),
            rows.part(first, last),
            None if read is None else (read[0], read[1] + first),
        )


class Batch:
    """Documents of any sources, those of a source beside each other, whoever came between them."""

    def __init__(self, documents: Sequence[Enriched]) -> None:
        sources = [document.source for document in documents]
        if sources.count(sources[0]) == len(sources):
            self._documents, self._ranks = documents, list(range(len(sources)))
        else:
            order = sorted(range(len(sources)), key=sources.__getitem__)
            self._documents = [documents[place] for place in order]
            self._ranks = [0] * len(order)
            for rank, place in enumerate(order):
                self._ranks[place] = rank
        self._prepared: Prepared | None = None

    def of(self, places: Sequence[int]) -> Prepared:
        """Return what was computed of documents of one source, in ascending order.

        Where one between them does not count, it is computed anew.
        """
        first, last = self._ranks[places[0]], self._ranks[places[-1]] + 1
        if last - first != len(places):
            return Prepared.of([self._documents[self._ranks[place]] for place in places])
        if self._prepared is None:
            self._prepared = Prepared.of(self._documents)
        return self._prepared.part(first, last)
