"""Where a document lives, and where it is buried, when it is published at several times."""

from __future__ import annotations

from streams.backends.clickhouse.moves import Place, settle
from tests.support.landed import HOUR, START, document

HOUR_OF_START = START // HOUR * 3600


def _at(offset: int, hours: int) -> Place:
    return Place.of(document(1, offset=offset, published_at=START + hours * HOUR))


def test_a_new_document_lives() -> None:
    """Nothing is known: no grave."""
    moves = settle([document(1, published_at=START)], [])
    assert [found.doc_id for found in moves.living] == ["doc-1"]
    assert moves.graves == []


def test_a_move_leaves_a_grave() -> None:
    """The tombstone has the version of what replaced the document."""
    new = document(1, offset=9, published_at=START + HOUR)
    moves = settle([new], [_at(1, 0)])
    assert moves.living == [new]
    assert moves.graves == [Place("news", "doc-1", new.version, HOUR_OF_START)]


def test_an_older_version_is_not_written() -> None:
    """It gets a grave at its own hour, in case it was ever there."""
    old = document(1, offset=1, published_at=START + HOUR)
    moves = settle([old], [_at(9, 0)])
    assert moves.living == []
    assert moves.graves == [Place("news", "doc-1", _at(9, 0).version, HOUR_OF_START + 3600)]


def test_a_redelivery_writes_the_same_again() -> None:
    """Rows and graves of a write that was torn are all repeated."""
    batch = [document(1, offset=offset, published_at=START + offset * HOUR) for offset in (1, 2, 3)]
    places = [Place.of(record) for record in batch]
    first, again = settle(batch, []), settle(batch, places)
    assert (first.living, first.graves) == (again.living, again.graves)
    assert (len(first.living), len(first.graves)) == (1, 2)


def test_equal_versions_at_two_hours_have_one_home() -> None:
    """Broken input, but the answer does not depend on the order."""
    one = document(1, offset=1, published_at=START)
    two = document(1, offset=1, published_at=START + HOUR)
    assert settle([one, two], []).living == settle([two, one], []).living == [two]
