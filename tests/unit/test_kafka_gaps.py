"""Noticing lost messages by their offsets."""

from __future__ import annotations

from streams.backends.kafka.gaps import GapCheck


def test_consecutive_offsets_have_no_gap() -> None:
    """Partitions and topics are followed apart."""
    check = GapCheck()
    seen = [("a", 0, 7), ("a", 1, 3), ("b", 0, 0), ("a", 0, 8), ("b", 0, 1), ("a", 1, 4)]
    assert [check.observe(*one) for one in seen] == [0] * 6


def test_missing_messages_are_counted_once() -> None:
    """The gap is reported where it is seen, and added up."""
    check = GapCheck()
    assert [check.observe("a", 0, offset) for offset in (0, 1, 6, 7)] == [0, 0, 4, 0]
    assert check.missing == 4


def test_a_gap_in_front_shows_against_the_committed_offset() -> None:
    """What was evicted before the consumer came is missing too."""
    check = GapCheck()
    check.start("a", 0, 100)
    assert check.observe("a", 0, 150) == 50


def test_a_redelivery_is_no_gap() -> None:
    """After a rebalance the offsets go back and on from there."""
    check = GapCheck()
    assert [check.observe("a", 0, offset) for offset in (5, 6, 5, 6)] == [0, 0, 0, 0]


def test_a_partition_that_went_away_is_forgotten() -> None:
    """Another consumer moved on in the meantime."""
    check = GapCheck()
    check.observe("a", 0, 5)
    check.forget("a", 0)
    assert check.observe("a", 0, 90) == 0
