"""What is said of a topic, and of a document's place in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Card(NamedTuple):
    """A topic as it presents itself.

    Attributes:
        topic_id: the same for as long as the topic lives.
        name: its distinctive words, with commas between.
        first_seen: publication of the earliest document it was born from, ms.
        parent: topic that most of these were in before, or empty.
        model: of the embeddings, with its revision.
    """

    topic_id: str
    name: str
    first_seen: int
    parent: str
    model: str


class Farewell(NamedTuple):
    """A topic that is no more.

    Attributes:
        card: the topic.
        ended: ``merged`` or ``faded``.
        into: the topic that it was merged into, or empty.
    """

    card: Card
    ended: str
    into: str


class Place(NamedTuple):
    """A document among the topics.

    Attributes:
        card: of its topic; None before there are any, or where its embedding cannot be used.
        similarity: cosine to the topic's centre.
        doc_id: the document's.
        summary: the document's.
        farewells: topics that have ended since the document before.
    """

    card: Card | None
    similarity: float
    doc_id: str
    summary: str
    farewells: tuple[Farewell, ...] = ()


def farewells_in(places: Sequence[Place | None]) -> list[tuple[int, tuple[Farewell, ...]]]:
    """Return the farewells of documents, each with the document's index."""
    # A place is a tuple, and its farewells come last: one look at each is what this may cost.
    return [(index, place[-1]) for index, place in enumerate(places) if place and place[-1]]


def read_farewells(plain: Sequence[Any]) -> tuple[Farewell, ...]:
    """Return farewells that have been through JSON."""
    return tuple(Farewell(Card(*card), why, into) for card, why, into in plain)
