"""A document that is published again with another time must not survive at both.

The sorting key of ``documents_raw`` begins with the hour of publication, so ClickHouse replaces
rows only within an hour. Of all hours that a document was ever given, the one of its newest version
is where it lives; at the others it is buried by a tombstone of that version, which an older message
that arrives later cannot lift.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.backends.clickhouse.rows import hour_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from schemas.messages import Enriched


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A version of a document at an hour (seconds since 1970)."""

    source: str
    doc_id: str
    version: int
    hour: int

    @classmethod
    def of(cls, document: Enriched) -> Place:
        """Return where a document stands."""
        hour = hour_seconds(document.published_at)
        return cls(document.source, document.doc_id, document.version, hour)


@dataclass(frozen=True, slots=True)
class Moves:
    """What to write for a batch: the documents that live on, and the graves of the others."""

    living: list[Enriched]
    graves: list[Place]


def settle(batch: Sequence[Enriched], known: Iterable[Place]) -> Moves:
    """Decide where each document of a batch lives.

    Args:
        batch: documents to be written; a document may occur more than once.
        known: every place that the documents of the batch were ever written to.
    """
    places: dict[tuple[str, str], set[Place]] = {}
    for place in (*map(Place.of, batch), *known):
        places.setdefault((place.source, place.doc_id), set()).add(place)
    homes = {key: max(found, key=_rank) for key, found in places.items()}
    newest = {Place.of(document): document for document in batch}
    living = [document for place, document in newest.items() if homes[_key(place)] == place]
    graves = {
        Place(home.source, home.doc_id, home.version, place.hour)
        for key, home in homes.items()
        for place in places[key]
        if place.hour != home.hour
    }
    return Moves(living, sorted(graves))


def _key(place: Place) -> tuple[str, str]:
    return place.source, place.doc_id


def _rank(place: Place) -> tuple[int, int]:
    return place.version, place.hour
