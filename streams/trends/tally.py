"""The topics of one window of one source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schemas.messages import WindowTopic
from streams.trends.cards import Card

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.trends.cards import Farewell, Place

_LONGEST_SUMMARY = 400


@dataclass(slots=True)
class _Entry:
    card: Card
    documents: int = 0
    similarity: float = 0.0  # sum of cosines
    best: float = 0.0
    doc_id: str = ""
    summary: str = ""
    ended: str = ""
    into: str = ""


class TopicTally:
    """Documents of a window by topic, the most central one of each, and the topics that ended."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    def add(self, places: Sequence[Place | None]) -> None:
        """Count documents, in order."""
        entries = self._entries
        for place in places:
            if place is None:
                continue
            card, similarity, doc_id, summary, _ = place
            if card is None:
                continue
            entry = entries.get(card[0])
            if entry is None or entry.card is not card:
                entry = self._entry(card)
            entry.documents += 1
            entry.similarity += similarity
            if similarity > entry.best or not entry.doc_id:
                entry.best, entry.doc_id = similarity, doc_id
                entry.summary = summary[:_LONGEST_SUMMARY]

    def part(self, farewells: Sequence[Farewell]) -> None:
        """Note topics that have ended."""
        for card, why, into in farewells:
            entry = self._entry(card)
            entry.ended, entry.into = why, into

    def _entry(self, card: Card) -> _Entry:
        entry = self._entries.get(card.topic_id)
        if entry is None:
            entry = self._entries[card.topic_id] = _Entry(card)
        entry.card = card
        return entry

    def records(self) -> tuple[WindowTopic, ...]:
        """Return what is sent and landed, in the order in which the topics came up."""
        return tuple(
            WindowTopic(
                topic_id=entry.card.topic_id,
                name=entry.card.name,
                documents=entry.documents,
                similarity=entry.similarity / entry.documents if entry.documents else 0.0,
                central_doc_id=entry.doc_id,
                central_summary=entry.summary,
                central_similarity=entry.best,
                first_seen=entry.card.first_seen,
                parent=entry.card.parent,
                ended=entry.ended,
                merged_into=entry.into,
                embedding_model=entry.card.model,
            )
            for entry in self._entries.values()
        )

    def plain(self) -> list[list[Any]]:
        """Return the state as JSON can hold it."""
        return [
            [list(e.card), e.documents, e.similarity, e.best, e.doc_id, e.summary, e.ended, e.into]
            for e in self._entries.values()
        ]

    @classmethod
    def of(cls, plain: Sequence[Sequence[Any]]) -> TopicTally:
        """Return what ``plain`` gave."""
        tally = cls()
        for card, *rest in plain:
            entry = _Entry(Card(*card), *rest)
            tally._entries[entry.card.topic_id] = entry
        return tally
