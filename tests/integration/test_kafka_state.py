"""State with one owner for each partition, on a real broker."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from streams.backends.kafka.producer import open_producer, producer_options
from streams.backends.kafka.state import FencedState
from streams.errors import Superseded
from streams.ports import Outgoing
from tests.support.runtime import fresh_prefix, platform_on, settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streams.backends.kafka.broker import Broker
    from streams.ports import Producer
    from streams.runtime.platform import Platform

pytestmark = pytest.mark.kafka

SIZE = 8 << 20


@pytest.fixture
def platform(kafka: Broker, tmp_path: Path) -> Platform:
    return platform_on(kafka, settings_for(tmp_path, topic_prefix=fresh_prefix("fenced")))


@pytest.fixture
def producer(platform: Platform) -> Iterator[Producer]:
    with closing(open_producer(platform.broker, platform.topics, SIZE)) as opened:
        yield opened


def _store(platform: Platform, producer: Producer) -> FencedState:
    options = producer_options(platform.topics, SIZE, "test")
    return FencedState(platform.broker, platform.topics.state, producer, options)


def _value(platform: Platform, partition: int, key: bytes, value: bytes | None) -> Outgoing:
    return Outgoing(platform.topics.state, key, value, partition=partition)


def _kept(store: FencedState, partition: int) -> dict[bytes | None, bytes | None]:
    return {one.key: one.value for one in store.claim(partition)}


def test_an_earlier_owner_is_shut_out(platform: Platform, producer: Producer) -> None:
    """From the moment of the claim, for good, and of that partition only."""
    first, second = _store(platform, producer), _store(platform, producer)
    assert (_kept(first, 0), _kept(first, 1)) == ({}, {})
    first.save([_value(platform, 0, b"a", b"1"), _value(platform, 1, b"b", b"1")])
    assert _kept(second, 0) == {b"a": b"1"}
    for _ in range(2):
        with pytest.raises(Superseded, match=r"the state of partition 0 .* has taken it over"):
            first.save([_value(platform, 0, b"a", b"old")])
    first.save([_value(platform, 1, b"b", b"2")])
    second.save([_value(platform, 0, b"a", b"2"), _value(platform, 0, b"c", b"3")])
    third = _store(platform, producer)
    assert (_kept(third, 0), _kept(third, 1)) == ({b"a": b"2", b"c": b"3"}, {b"b": b"2"})


def test_an_owner_that_comes_back_is_an_owner_again(platform: Platform, producer: Producer) -> None:
    """A claim is all that it takes; nothing is kept from before."""
    first, second = _store(platform, producer), _store(platform, producer)
    first.claim(2)
    second.claim(2)
    first.release([2])
    assert _kept(first, 2) == {}
    first.save([_value(platform, 2, b"a", b"1")])
    with pytest.raises(Superseded):
        second.save([_value(platform, 2, b"a", b"2")])
    assert _kept(second, 2) == {b"a": b"1"}


def test_what_has_moved_away_is_deleted_without_a_claim(
    platform: Platform, producer: Producer
) -> None:
    """The owner of the other partition is not shut out by it."""
    owner, other = _store(platform, producer), _store(platform, producer)
    owner.claim(3)
    owner.save([_value(platform, 3, b"a", b"1"), _value(platform, 3, b"b", b"1")])
    other.save([_value(platform, 3, b"a", None)])
    owner.save([_value(platform, 3, b"c", b"2")])
    assert _kept(other, 3) == {b"b": b"1", b"c": b"2"}
