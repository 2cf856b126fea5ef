"""Champion and challenger: the sample, what is kept, and that no failure reaches the champion."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import codec_for
from schemas.messages import Document, Enriched, ShadowResult
from streams.backends.memory_producer import MemoryProducer
from streams.clock import FixedClock
from streams.errors import Unavailable
from streams.logs import logger
from streams.metrics import Metrics
from streams.runtime.shadow import MOST_FAILURES, Challenger, Opening, ShadowThread
from streams.stages.enrich import EnrichStage
from streams.stages.ingest import Ingest
from streams.stages.shadow import result_of, sampled
from streams.topics import Topics
from tests.support.examples import record
from tests.support.fakes import FakeEnricher, raw
from tests.support.flaky import FlakyProducer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streams.ports import Enricher, Producer, RawMessage, Text

TOPICS, CODEC = Topics(), codec_for(None)
INGEST = Ingest(CODEC.decode, 1 << 20, 86_400_000)
CLOCK = FixedClock(1_700_000_001_000)
PATIENCE_S = 30.0


@given(st.text(), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_contains_a_smaller_one(doc_id: str, one: float, other: float) -> None:
    """Whoever asks, whenever: the same documents are sampled; all at 1, none at 0."""
    assert sampled(doc_id, min(one, other)) <= sampled(doc_id, max(one, other))
    assert (sampled(doc_id, 0.0), sampled(doc_id, 1.0)) == (False, True)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5])
def test_the_share_is_met(share: float) -> None:
    """Of 20,000 documents within four standard deviations."""
    found = sum(sampled(f"doc-{number}", share) for number in range(20_000))
    assert abs(found - 20_000 * share) < 4 * (20_000 * share * (1 - share)) ** 0.5


def test_a_result_is_that_of_its_document() -> None:
    """All but the challenger's name and task is the enriched record's own."""
    enriched = record("enriched")
    assert isinstance(enriched, Enriched)
    result = result_of(enriched, "small", "summarization")
    own = {name: getattr(enriched, name, None) for name in ShadowResult.__slots__}
    assert result == ShadowResult(**{**own, "shadow": "small", "task": "summarization"})  # type: ignore[arg-type]


class Messages:
    """Batches of documents, then nothing; notes how many were committed."""

    def __init__(self, batches: Sequence[Sequence[RawMessage]]) -> None:
        self._left = list(batches)
        self.taken = self.committed = 0
        self.failures = self.refusals = 0
        self.done, self.closed = threading.Event(), False

    def take(self, most: int, seconds: float) -> list[RawMessage]:
        if self.failures:
            self.failures -= 1
            raise Unavailable("the broker is away; try again")
        if not self._left:
            if not self.refusals:
                self.done.set()
            threading.Event().wait(min(seconds, 0.01))
            return []
        batch = list(self._left.pop(0))
        assert len(batch) <= most
        self.taken += len(batch)
        return batch

    def commit(self) -> None:
        if self.refusals:
            self.refusals -= 1
            raise Unavailable("the group is in a rebalance; try again")
        self.committed = self.taken

    def close(self) -> None:
        self.closed = True


def messages(*texts: str) -> list[RawMessage]:
    return [
        raw(CODEC.encode("t", Document(text, doc_id=text, source="news")), number)
        for number, text in enumerate(texts)
    ]


def ran(
    reader: Messages,
    producer: Producer,
    load: Callable[[], Enricher] = FakeEnricher,
    share: float = 1.0,
) -> tuple[ShadowThread, Metrics]:
    """Let the thread answer all there is, and stop it."""
    metrics = Metrics()
    opening = Opening(
        challenger=lambda: Challenger("small", "classification", load()),
        stage=lambda model: EnrichStage(INGEST, model, CLOCK, lambda _: None),
        reader=lambda: reader,
        producer=lambda: producer,
    )
    thread = ShadowThread(
        "small", opening=opening, ingest=INGEST, share=share, codec=CODEC, topics=TOPICS,
        metrics=metrics, log=logger(),
    )  # fmt: skip
    thread.start()
    assert reader.done.wait(PATIENCE_S)
    thread.stop()
    thread._thread.join(PATIENCE_S)
    assert reader.closed
    return thread, metrics


def answers(producer: MemoryProducer) -> list[ShadowResult]:
    assert {one.topic for one in producer.acknowledged} <= {TOPICS.shadow}
    return [CODEC.decode(ShadowResult, one.value) for one in producer.acknowledged]


def test_a_share_is_answered_and_the_rest_committed_too() -> None:
    """Bad messages are the champion's; the answers are those of the challenger's model."""
    texts = [f"text {number}" for number in range(30)]
    chosen = [text for text in texts if sampled(text, 0.3)]
    assert 0 < len(chosen) < len(texts)
    reader, producer = Messages([[*messages(*texts), raw(b"\xfe", 99)]]), MemoryProducer()
    _, metrics = ran(reader, producer, share=0.3)
    found = answers(producer)
    assert [one.doc_id for one in found] == chosen
    assert all(one.summary == one.doc_id[::-1] for one in found)
    assert {(one.shadow, one.classifier) for one in found} == {("small", "parity")}
    assert reader.committed == len(texts) + 1
    assert metrics.total("tidemark_shadow_documents_total") == len(chosen)


def test_one_document_that_breaks_it_is_counted_and_lacks() -> None:
    """The others of its batch have their answers."""
    reader, producer = Messages([messages("good", "bad", "fine")]), MemoryProducer()
    thread, metrics = ran(reader, producer, lambda: FakeEnricher(lambda text: text.text == "bad"))
    assert [one.doc_id for one in answers(producer)] == ["good", "fine"]
    assert metrics.total("tidemark_shadow_errors_total") == 1
    assert not thread.off


def test_it_is_switched_off_after_repeated_failure() -> None:
    """Then documents pass: the group goes on, and nothing is asked of the model any more."""
    asked: list[int] = []

    def hook(texts: Sequence[Text]) -> None:
        asked.append(len(texts))

    batches = [messages(f"a{number}") for number in range(MOST_FAILURES + 4)]
    reader, producer = Messages(batches), MemoryProducer()
    broken = FakeEnricher(lambda _: True, hook)
    thread, metrics = ran(reader, producer, lambda: broken)
    assert thread.off
    assert answers(producer) == []
    assert reader.committed == len(batches)
    assert metrics.total("tidemark_shadow_errors_total") == MOST_FAILURES
    each = len(asked) // MOST_FAILURES  # the stage tries each document several times
    assert len(asked) == each * MOST_FAILURES


def test_a_challenger_that_cannot_be_loaded_stays_off() -> None:
    """The error is told, not raised."""

    def load() -> Enricher:
        raise RuntimeError("no weights")

    reader, producer = Messages([messages("a"), messages("b")]), MemoryProducer()
    thread, _ = ran(reader, producer, load)
    assert thread.off
    assert (reader.committed, answers(producer)) == (2, [])


def test_answers_are_delivered_before_their_messages_are_committed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A broker that loses what it was given is given it again; none is lost."""
    monkeypatch.setattr("streams.runtime.shadow._AGAIN_S", 0.001)
    kept = MemoryProducer()
    reader = Messages([messages("a", "b"), messages("c")])
    reader.failures = 2
    ran(reader, FlakyProducer(kept, failures=2))
    assert [one.doc_id for one in answers(kept)] == ["a", "b", "c"]
    assert reader.committed == 3


def test_a_commit_in_a_rebalance_is_not_waited_for() -> None:
    """Only reading on joins the group again; a later commit covers what was answered."""
    reader, producer = Messages([messages("a"), messages("b")]), MemoryProducer()
    reader.refusals = 3
    ran(reader, producer)
    assert [one.doc_id for one in answers(producer)] == ["a", "b"]
    assert reader.committed == 2


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="a thread's priority is Linux's")
def test_its_threads_give_way() -> None:
    """On Linux the challenger's thread runs at a lower priority, this one does not."""
    seen: list[int] = []

    def hook(_texts: Sequence[Text]) -> None:
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    ran(Messages([messages("a")]), MemoryProducer(), lambda: FakeEnricher(core_hook=hook))
    assert seen == [max(10, own)]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == own
