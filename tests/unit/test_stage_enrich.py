"""The enrich stage: results match their documents, and a bad one never takes others down."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from schemas.codec import codec_for
from streams.clock import FixedClock
from streams.errors import TooManyDeadLetters
from streams.stages.enrich import Enrichment, EnrichStage
from streams.stages.guard import DeadLetterGuard, Record
from streams.stages.ingest import Ingest
from tests.support.fakes import FakeEnricher, embed, raw

if TYPE_CHECKING:
    from streams.ports import RawMessage

NOW = 1_700_000_001_000


def _document(text: str, offset: int) -> RawMessage:
    return raw(json.dumps({"text": text, "doc_id": f"d{offset}"}).encode(), offset)


def _run(enricher: FakeEnricher, messages: list[RawMessage]) -> Enrichment:
    ingest = Ingest(codec_for().decode, 1 << 20, 86_400_000)
    stage = EnrichStage(ingest, enricher, FixedClock(NOW), lambda _: None)
    return stage.post(stage.core(stage.pre(messages)))


def test_each_document_gets_its_own_result() -> None:
    """Summary, label and embedding belong to the document they stand beside."""
    texts = [f"document number {i} {'x' * i}" for i in range(50)]
    result = _run(FakeEnricher(), [_document(text, i) for i, text in enumerate(texts)])
    assert [record.text for record in result.enriched] == texts
    assert [record.summary for record in result.enriched] == [text[::-1] for text in texts]
    for record, text in zip(result.enriched, texts, strict=True):
        assert np.array_equal(np.frombuffer(record.embedding, "<f4"), embed(text))


def test_one_breaking_document_is_dead_lettered_alone() -> None:
    """A document that breaks the model is given up alone; its neighbours are enriched."""
    messages = [_document(f"text {i}", i) for i in range(20)]
    enricher = FakeEnricher(breaks_on=lambda text: text.text == "text 13")
    result = _run(enricher, messages)
    assert [record.offset for record in result.enriched] == [i for i in range(20) if i != 13]
    assert [(x.offset, x.code, x.value) for x in result.dead_letters] == [
        (13, "model-error", messages[13].value)
    ]
    assert "RuntimeError" in result.dead_letters[0].reason


def test_passing_failure_costs_no_document() -> None:
    """A failure that does not come back loses nothing and dead-letters nothing."""
    failures = iter([True])

    def fail_once(_texts: object) -> None:
        if next(failures, False):
            raise MemoryError("out of memory")

    result = _run(FakeEnricher(core_hook=fail_once), [_document(f"t {i}", i) for i in range(8)])
    assert (len(result.enriched), result.dead_letters) == (8, ())


def test_refused_messages_keep_their_bytes_and_origin() -> None:
    """A message that is no document is dead-lettered byte for byte with origin and reason."""
    messages = [
        raw(b"\xff\x00garbage", 1),
        _document("fine", 2),
        raw(None, 3),
        raw(b'{"text": " "}', 4),
    ]
    result = _run(FakeEnricher(), messages)
    assert [record.offset for record in result.enriched] == [2]
    assert [(x.topic, x.partition, x.offset, x.value) for x in result.dead_letters] == [
        ("tidemark.documents", 0, m.origin.offset, m.value) for m in (messages[0], *messages[2:])
    ]
    assert all(letter.reason and letter.role == "enrich" for letter in result.dead_letters)


def test_batch_of_nothing_but_refusals() -> None:
    """The model is not called when no document was accepted."""
    enricher = FakeEnricher()
    result = _run(enricher, [raw(b"?", 1), raw(b"!", 2)])
    assert (len(result.dead_letters), enricher.batches) == (2, [])


def test_guard_stops_when_too_much_is_bad() -> None:
    """Over the limit the guard stops the worker and tells the share and one reason."""
    guard = DeadLetterGuard(0.5)
    guard.check(150, 150, "early")
    with pytest.raises(TooManyDeadLetters, match=r"180 of the last 201 .* not JSON"):
        guard.check(51, 30, "not JSON")


def test_guard_goes_on_where_another_process_stopped() -> None:
    """The first bad batch after a restart is one too many; history is asked for once."""
    asked: list[Record] = [Record(150, 150)]
    guard = DeadLetterGuard(0.5, asked.pop)
    with pytest.raises(TooManyDeadLetters, match="214 of the last 214"):
        guard.check(64, 64, "bad deploy")
    with pytest.raises(TooManyDeadLetters):
        guard.check(1, 1, "bad deploy")


def test_guard_lets_who_mended_the_cause_go_on() -> None:
    """A bad past does not stop batches that are good but for a message or two."""
    guard = DeadLetterGuard(0.5, lambda: Record(1000, 900))
    for _ in range(5):
        guard.check(128, 2, "now and then")
    with pytest.raises(TooManyDeadLetters, match="the cause is back"):
        guard.check(128, 128, "the cause is back")


def test_guard_forgets_what_is_old() -> None:
    """Only the last 1,000 messages count."""
    guard = DeadLetterGuard(0.5)
    guard.check(150, 70, "old")
    for _ in range(20):
        guard.check(100, 10, "now and then")
    guard.check(400, 400, "a burst")
    with pytest.raises(TooManyDeadLetters):
        guard.check(200, 200, "too much")
