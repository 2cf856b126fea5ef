"""The roles over fakes: what is sent again after a failure, and what is cut to fit."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from schemas.codec import codec_for
from schemas.messages import DeadLetter, WindowStats
from streams.backends.memory_producer import MemoryProducer
from streams.clock import FixedClock
from streams.logs import logger
from streams.metrics import Metrics
from streams.ports import RawMessage
from streams.runtime.dead_letters import KEPT_BYTES, outgoing_letter
from streams.runtime.drift_role import DriftRole, state_key, state_part
from streams.runtime.retry import Retry
from streams.stages.drift import DriftOptions, DriftStage
from streams.topics import Topics
from tests.support.flaky import FlakyProducer
from tests.support.landed import letter
from tests.support.streams_of_documents import Law, stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.ports import Outgoing, Producer

CODEC, TOPICS = codec_for(), Topics()


class _Now(threading.Event):
    """A stop that is never asked for, and waits no time."""

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002 - signature of Event
        return False


class _Store:
    """State that goes the way of all messages."""

    def __init__(self, producer: Producer, stored: list[RawMessage]) -> None:
        self._producer, self._stored = producer, stored

    def claim(self, partition: int) -> list[RawMessage]:
        return [one for one in self._stored if one.origin.partition == partition]

    def save(self, messages: Sequence[Outgoing]) -> None:
        self._producer.send(messages)
        self._producer.flush(1.0)

    def release(self, _partitions: object) -> None:
        """Nothing is held."""


def _drift(producer: Producer, stored: list[RawMessage]) -> tuple[DriftRole, Metrics]:
    metrics = Metrics()
    role = DriftRole(
        stage=DriftStage(DriftOptions(60_000, 0, 100, 1e-9, partition_idle_ms=0)),
        codec=CODEC,
        producer=producer,
        state=_Store(producer, stored),
        topics=TOPICS,
        retry=Retry(_Now(), logger(), random.Random(1)),
        clock=FixedClock(0),
        metrics=metrics,
    )
    return role, metrics


def _messages(count: int) -> list[RawMessage]:
    rng = np.random.default_rng(2)
    items = stream(Law.of(8).draw(rng, count), rng)
    return [
        RawMessage(origin, b"news", CODEC.encode(TOPICS.enriched, record))
        for origin, record in items
    ]


def _run(role: DriftRole, messages: list[RawMessage]) -> None:
    (step,) = role.steps()
    for start in range(0, len(messages), 50):
        step.run(messages[start : start + 50])
    role.save()


def test_statistics_that_a_failed_flush_lost_are_sent_again() -> None:
    """They and the state are acknowledged in their order, as often as it takes."""
    steady, shaky = MemoryProducer(), MemoryProducer()
    _run(_drift(steady, [])[0], _messages(400))
    flaky = FlakyProducer(shaky, failures=3)
    _run(_drift(flaky, [])[0], _messages(400))
    assert flaky.lost > 0
    assert steady.acknowledged == shaky.acknowledged
    assert {TOPICS.stats, TOPICS.state} <= {one.topic for one in steady.acknowledged}


def test_a_confirmed_checkpoint_is_not_sent_again() -> None:
    """A failure after it concerns only what came after it."""
    producer = MemoryProducer()
    flaky = FlakyProducer(producer, failures=0)
    role, _ = _drift(flaky, [])
    messages = _messages(400)
    _run(role, messages[:200])
    before = len(producer.acknowledged)
    flaky.failures = 1
    _run(role, messages[200:])
    again = [one for one in producer.acknowledged[before:] if one.topic == TOPICS.stats]
    starts = [CODEC.decode(WindowStats, one.value).window_start for one in again]
    assert starts
    assert min(starts) >= 1_700_000_000_000 + 200 * 500 - 60_000


def test_state_names_its_partition() -> None:
    """The worker that has a partition of documents finds the state of its sources there."""
    producer = MemoryProducer()
    _run(_drift(producer, [])[0], _messages(200))
    state = [one for one in producer.acknowledged if one.topic == TOPICS.state]
    assert {one.partition for one in state} == {0}
    names = {(one.key or b"").partition(b"\x00")[0] for one in state}
    assert names == {b"news"}


def test_a_message_that_nobody_can_read_is_left_to_land() -> None:
    """It is counted and passed over; the land role dead-letters it."""
    producer = MemoryProducer()
    role, metrics = _drift(producer, [])
    messages = _messages(100)
    messages[7] = replace(messages[7], value=b"\xff")
    messages[8] = replace(messages[8], value=None)
    _run(role, messages)
    assert metrics.total("tidemark_messages_skipped_total") == 2


def test_keys_of_state_are_read_back() -> None:
    """Sources may hold anything but NUL, which cleaning has taken out."""
    part = state_part(replace(_messages(1)[0], key=state_key("a/b: ü", "head"), value=b"v"))
    assert (part.source, part.name, part.payload) == ("a/b: ü", "head", b"v")


def test_a_dead_letter_that_fits_is_whole() -> None:
    """Byte for byte."""
    original = letter(3, value=bytes(range(256)))
    sent = outgoing_letter(original, TOPICS.dead_letters, CODEC, MemoryProducer(10_000))
    assert original == CODEC.decode(DeadLetter, sent.value)


@pytest.mark.parametrize("role", ["enrich", "land"])
def test_a_dead_letter_that_does_not_fit_is_cut(role: str) -> None:
    """It says so, and where the whole is; the place and the code stay."""
    original = replace(letter(3, value=b"v" * 1_000_000, role=role), key=b"k" * 900_000)
    producer = MemoryProducer(100_000)
    sent = outgoing_letter(original, TOPICS.dead_letters, CODEC, producer)
    assert producer.refusal(sent) is None
    short = CODEC.decode(DeadLetter, sent.value)
    assert (short.value, short.key) == (b"v" * KEPT_BYTES, b"k" * KEPT_BYTES)
    assert (short.topic, short.partition, short.offset, short.code, short.role) == (
        *(original.topic, original.partition, original.offset, original.code, role),
    )
    assert "of its 1,000,000 bytes the first 32,768 are kept here" in short.reason
