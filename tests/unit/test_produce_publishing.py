"""The publishing loop: everything readable is acknowledged, everything else is said."""

from __future__ import annotations

import orjson
import pytest

from schemas.codec import codec_for
from schemas.messages import Document
from streams.backends.memory_producer import MemoryProducer
from streams.cli.publishing import SHOWN_REFUSALS, Outcome, Pacer, Publisher, as_json
from streams.clock import FixedClock
from streams.errors import InvalidDocument, Unavailable
from streams.ports import Outgoing
from streams.readers import Found, Refused
from streams.stages.ingest import Ingest, content_id

NOW = 1_717_243_200_000
CODEC = codec_for(None)


def publisher(producer: MemoryProducer, waits: list[int] | None = None) -> Publisher:
    return Publisher(
        producer,
        "docs",
        encode=lambda document: CODEC.encode("docs", document),
        ingest=Ingest(CODEC.decode, max_document_bytes=10_000, max_future_ms=0),
        clock=FixedClock(NOW),
        pace=lambda: waits.append(1) if waits is not None else None,
    )


def found(number: int, **fields: object) -> Found:
    plain: dict[str, object] = {"text": f"text {number}", "doc_id": str(number), **fields}
    return Found(f"f:{number}", Document(**plain))  # type: ignore[arg-type]


def test_documents_are_published_in_order_under_their_identity() -> None:
    """The key is the identity, so updates of a document stay in order."""
    producer, outcome = MemoryProducer(), Outcome()
    items = [found(number) for number in range(200)]
    publisher(producer).run(items, outcome)
    expected = [
        Outgoing("docs", item.document.doc_id.encode(), CODEC.encode("docs", item.document))
        for item in items
        if item.document.doc_id
    ]
    assert producer.acknowledged == expected
    assert outcome == Outcome(done=200)


def test_a_document_without_identity_gets_that_of_its_content() -> None:
    """Publishing a file twice gives updates, not doubles."""
    producer = MemoryProducer()
    publisher(producer).run([found(1, doc_id=None), found(1, doc_id=None)], Outcome())
    one, two = producer.acknowledged
    assert one == two
    assert one.key == content_id("default", None, "text 1").encode()
    assert CODEC.decode(Document, one.value).doc_id == content_id("default", None, "text 1")


def test_what_the_enrich_role_would_refuse_is_not_published() -> None:
    """The person at the keyboard learns it now, with the place."""
    producer, outcome = MemoryProducer(), Outcome()
    items: list[Found | Refused] = [
        found(1, text=" "),
        found(2, text="x" * 10_001),
        found(3, published_at=NOW + 1),
        Refused("f:4", "is no row"),
        found(5),
    ]
    publisher(producer).run(items, outcome)
    assert (outcome.done, outcome.refused, len(producer.acknowledged)) == (1, 4, 1)
    assert [refused.location for refused in outcome.reasons] == ["f:1", "f:2", "f:3", "f:4"]


def test_a_message_larger_than_the_topic_allows_is_refused_alone() -> None:
    """The others are published."""
    producer, outcome = MemoryProducer(max_message_bytes=2_000), Outcome()
    publisher(producer).run([found(1), found(2, text="x" * 3_000), found(3)], outcome)
    assert (outcome.done, outcome.refused) == (2, 1)
    assert str(outcome.reasons[0]).startswith("f:2: message of ")


def test_only_the_first_refusals_are_kept() -> None:
    """A file of the wrong kind does not fill the memory or the screen."""
    outcome = Outcome()
    items = [Refused(f"f:{number}", "no") for number in range(50)]
    publisher(MemoryProducer()).run(items, outcome)
    assert (outcome.refused, len(outcome.reasons)) == (50, SHOWN_REFUSALS)


def test_what_is_not_acknowledged_is_not_counted() -> None:
    """Success is said only of what is durable."""
    producer, outcome = MemoryProducer(), Outcome()
    producer.down = True
    with pytest.raises(Unavailable):
        publisher(producer).run([found(1)], outcome)
    assert outcome.done == 0


def test_an_interruption_still_delivers_what_was_sent() -> None:
    """Ctrl-C loses nothing that was counted."""

    def interrupted() -> object:
        yield found(1)
        raise KeyboardInterrupt

    producer, outcome = MemoryProducer(), Outcome()
    with pytest.raises(KeyboardInterrupt):
        publisher(producer).run(interrupted(), outcome)  # type: ignore[arg-type]
    assert (outcome.done, len(producer.acknowledged)) == (1, 1)


def test_every_row_is_paced() -> None:
    """A rate holds for rows, refused or not."""
    waits: list[int] = []
    publisher(MemoryProducer(), waits).run([found(1), Refused("f:2", "no")], Outcome())
    assert len(waits) == 2


def test_a_pacer_keeps_to_its_rate_and_catches_up() -> None:
    """Ten a second: 0.1 s apart; after a delay without waiting until it is made up for."""
    now = [100.0]

    def wait(seconds: float) -> None:
        now[0] += seconds

    pacer = Pacer(10, lambda: now[0], wait)
    times = []
    for delay in (0.0, 0.0, 0.25, 0.0, 0.0):
        now[0] += delay
        pacer()
        times.append(round(now[0] - 100, 6))
    assert times == [0.0, 0.1, 0.35, 0.35, 0.4]


def test_json_leaves_out_what_is_absent() -> None:
    """And is what a person would write."""
    assert orjson.loads(as_json(Document("t", "i"))) == {
        "text": "t",
        "doc_id": "i",
        "source": "default",
    }


def test_the_memory_producer_refuses_all_or_nothing() -> None:
    """As the port's real implementation does."""
    producer = MemoryProducer(max_message_bytes=1)
    with pytest.raises(InvalidDocument):
        producer.send([Outgoing("t", None, b"a"), Outgoing("t", None, b"ab")])
    producer.send([Outgoing("t", None, b"a"), Outgoing("t", None, None)])
    producer.close()
    assert (len(producer.acknowledged), producer.waiting, producer.closed) == (2, [], True)


def test_shared_identities_are_counted() -> None:
    """Documents that will replace an earlier one of the same run are counted, not hidden."""
    outcome = Outcome()
    producer = MemoryProducer()
    texts = [("a", "x"), ("b", "y"), ("a", "z")]
    items = [Found("f", Document(text=text, doc_id=name)) for name, text in texts]
    publisher(producer).run(items, outcome)
    assert (outcome.done, outcome.repeated) == (3, 1)
