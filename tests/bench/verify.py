"""Reads what a contender wrote and compares it with what it was given."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from confluent_kafka import Consumer, TopicPartition

from schemas.codec import codec_for
from schemas.messages import Enriched

_PATIENCE_S = 60.0
_FETCH = 2000


@dataclass(frozen=True)
class Expected:
    """Identities of the documents, and partitions of the topics."""

    doc_ids: set[str]
    partitions: int


def check_outputs(bootstrap: str, topic: str, expected: Expected) -> None:
    """Every document is there once, whole, and in the order in which it was read.

    Raises:
        AssertionError: it is not so.
    """
    codec = codec_for()
    seen: Counter[str] = Counter()
    newest: dict[tuple[int, int], int] = {}
    for partition, value in _read(bootstrap, topic, expected):
        record = codec.decode(Enriched, value)
        seen[record.doc_id] += 1
        assert record.tokens > 0
        assert len(record.embedding) == 4 * 384
        way = (record.partition, partition)
        assert newest.get(way, -1) < record.offset, f"out of order: {record.doc_id}"
        newest[way] = record.offset
    assert len(seen) == len(expected.doc_ids), f"{len(expected.doc_ids) - len(seen)} lost"
    assert set(seen) == expected.doc_ids
    assert max(seen.values()) == 1, f"{sum(seen.values()) - len(seen)} doubled"


def _read(bootstrap: str, topic: str, expected: Expected) -> list[tuple[int, bytes]]:
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "verify", "enable.auto.commit": False}
    )
    places = [TopicPartition(topic, number, 0) for number in range(expected.partitions)]
    ends = [consumer.get_watermark_offsets(place)[1] for place in places]
    consumer.assign(places)
    found: list[tuple[int, bytes]] = []
    try:
        while len(found) < sum(ends):
            messages = consumer.consume(_FETCH, _PATIENCE_S)
            assert messages, f"{sum(ends) - len(found)} messages of {topic} did not come"
            for message in messages:
                partition, value = message.partition(), message.value()
                assert message.error() is None, message.error()
                assert partition is not None
                assert isinstance(value, bytes)
                found.append((partition, value))
    finally:
        consumer.close()
    return found
