"""Holding producers back: nothing unconsumed may pass the limit, and nothing may wait for ever."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from streams.backends.kafka.flow import FlowControl, consumer_groups
from streams.backends.kafka.offsets import Lag
from streams.errors import Unavailable
from streams.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Sequence

TOPIC = "documents"
LIMIT = 100_000
OVERHEAD = 128


class FakeTopic:
    """One partition: what was written, and how far each group has committed."""

    def __init__(self, *groups: str) -> None:
        self.end = 0
        self.low = 0
        self.committed: dict[str, int | None] = dict.fromkeys(groups)
        self.now = 0.0
        self.asked = 0

    def lag(self, group: str, topics: Sequence[str]) -> list[Lag]:
        self.asked += 1
        return [Lag(topics[0], 0, self.committed[group], self.low, self.end)]

    def monotonic(self) -> float:
        return self.now

    def control(self, limit: int = LIMIT) -> FlowControl:
        groups = {TOPIC: tuple(self.committed)}
        return FlowControl(self, groups, limit=limit, patience=5.0, monotonic=self.monotonic)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def write(self, flow: FlowControl, size: int, count: int = 1) -> None:
        """Send and have delivered, so many times; waiting passes the fake clock's time."""
        for _ in range(count):
            flow.acquire(TOPIC, 0, size, self.sleep)
            flow.delivered(TOPIC, 0, size, self.end)
            self.end += 1


def test_below_the_limit_nobody_is_asked_twice() -> None:
    """The commits are looked at once at the beginning, then only when room gets short."""
    topic = FakeTopic("enrich")
    topic.write(topic.control(), 1000, 50)
    assert topic.asked == 1


def test_a_sender_waits_until_the_consumer_commits() -> None:
    """The bytes that wait never pass the limit, and grow less with each commit."""
    topic = FakeTopic("enrich")
    flow = topic.control()
    topic.write(flow, 1000, 88)
    assert flow.unconsumed(TOPIC, 0) == 88 * (1000 + OVERHEAD)

    def consume_some(seconds: float) -> None:
        topic.sleep(seconds)
        topic.committed["enrich"] = (topic.committed["enrich"] or 0) + 10

    flow.acquire(TOPIC, 0, 1000, consume_some)
    assert flow.unconsumed(TOPIC, 0) <= LIMIT


def test_the_slowest_group_counts() -> None:
    """What drift has consumed but land has not is still needed."""
    topic = FakeTopic("drift", "land")
    flow = topic.control()
    topic.write(flow, 1000, 88)
    topic.committed = {"drift": 88, "land": None}
    with pytest.raises(Unavailable, match="consumer group land has committed nothing on documents"):
        flow.acquire(TOPIC, 0, 1000, topic.sleep)


def test_progress_renews_the_patience() -> None:
    """A slow consumer is waited for as long as it commits anything at all."""
    topic = FakeTopic("enrich")
    flow = topic.control()
    topic.write(flow, 10_000, 9)
    topic.end += 1
    flow.delivered(TOPIC, 0, 0, topic.end)
    committed_at: list[float] = []

    def consume_rarely(seconds: float) -> None:
        topic.sleep(seconds)
        if int(topic.now) // 4 > len(committed_at):
            committed_at.append(topic.now)
            topic.committed["enrich"] = len(committed_at)

    flow.acquire(TOPIC, 0, 60_000, consume_rarely)
    assert topic.now > 3 * 5.0


def test_messages_of_others_count_as_large_as_the_largest_own() -> None:
    """Only their offsets are known, so they are taken to be large."""
    topic = FakeTopic("enrich")
    flow = topic.control()
    topic.write(flow, 20_000)
    topic.end += 3
    flow.delivered(TOPIC, 0, 100, topic.end)
    expected = 20_000 + OVERHEAD + 3 * (20_000 + OVERHEAD)
    assert flow.unconsumed(TOPIC, 0) == pytest.approx(expected, abs=200)


def test_a_backlog_of_others_is_seen_at_the_start() -> None:
    """A second `produce` does not push out what the first has left."""
    topic = FakeTopic("enrich")
    topic.end = 1000
    flow = topic.control()
    with pytest.raises(Unavailable, match="is a worker running"):
        flow.acquire(TOPIC, 0, 1000, topic.sleep)


def test_what_is_gone_takes_no_room() -> None:
    """Offsets below the first that is kept are not waited for."""
    topic = FakeTopic("enrich")
    topic.end = topic.low = 1000
    topic.control().acquire(TOPIC, 0, 1000, topic.sleep)
    assert topic.now == 0


def test_a_failed_message_gives_its_room_back() -> None:
    """Otherwise failures would block the partition for good."""
    topic = FakeTopic("enrich")
    flow = topic.control()
    flow.acquire(TOPIC, 0, 90_000, topic.sleep)
    flow.delivered(TOPIC, 0, 90_000, None)
    flow.acquire(TOPIC, 0, 90_000, topic.sleep)
    assert topic.now == 0


def test_one_message_larger_than_the_limit_passes_alone() -> None:
    """It can be sent when nothing else waits, rather than never."""
    topic = FakeTopic("enrich")
    topic.control().acquire(TOPIC, 0, 2 * LIMIT, topic.sleep)
    assert topic.now == 0


def test_topics_without_groups_are_not_held_back() -> None:
    """Nobody commits on the state topic."""
    topic = FakeTopic("enrich")
    flow = topic.control()
    for _ in range(10):
        flow.acquire("state", 0, LIMIT, topic.sleep)
        flow.delivered("state", 0, LIMIT, 1)
    assert (topic.asked, topic.now) == (0, 0.0)


def test_a_blocked_sender_does_not_block_another_topic() -> None:
    """A worker that waits on one topic must let the role behind it finish on the next."""
    topic = FakeTopic("enrich")
    flow = FlowControl(topic, {TOPIC: ("enrich",), "stats": ("enrich",)}, limit=LIMIT)
    topic.write(flow, 1000, 88)
    blocked, free = threading.Event(), threading.Event()

    def wait(_seconds: float) -> None:
        blocked.set()
        if free.wait(0.01):
            topic.committed["enrich"] = 88

    sender = threading.Thread(target=flow.acquire, args=(TOPIC, 0, 5000, wait))
    sender.start()
    assert blocked.wait(10)
    topic.low = topic.end
    flow.acquire("stats", 0, 5000, lambda _seconds: None)
    free.set()
    sender.join(10)
    assert not sender.is_alive()


def test_every_topic_has_the_groups_that_read_it() -> None:
    """Enriched documents are needed by drift and by land, the state by no group."""
    topics = Topics()
    groups = consumer_groups(topics)
    assert groups[topics.documents] == ("tidemark-enrich",)
    assert groups[topics.enriched] == ("tidemark-drift", "tidemark-land")
    assert groups[topics.alerts] == ("tidemark-land",)
    assert groups[topics.state] == ()
