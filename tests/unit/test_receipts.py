"""Receipts without a broker: their contents, their keys, and how a producer gathers them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from schemas.codec import codec_for
from schemas.messages import Origin, Receipt
from streams.cli.receipts import ReceiptDesk, Told
from streams.errors import Unavailable
from streams.ports import RawMessage
from streams.runtime.receipts import Receipts
from streams.stages.headers import carried
from streams.stages.receipts import HEADER, accepted, done, receipt_key, rejected
from tests.support.landed import START, document, letter

if TYPE_CHECKING:
    from collections.abc import Sequence

CODEC = codec_for(None)


class Topic:
    """A receipts topic that gives what it is given."""

    def __init__(self) -> None:
        self.batches: list[list[RawMessage]] = []

    def add(self, key: bytes | None, value: bytes) -> None:
        self.batches.append([RawMessage(Origin("r", 0, 0, 0), key, value)])

    def take(self, most: int, seconds: float) -> list[RawMessage]:
        assert most > 0 <= seconds
        return self.batches.pop(0) if self.batches else []


def told(desk: ReceiptDesk, topic: Topic, *statuses: str, elapsed: Sequence[int] = ()) -> None:
    """Answer the desk's next document."""
    headers = desk.headers()
    record = document(1)
    for number, status in enumerate(statuses):
        one = {
            "accepted": accepted(record, headers, START),
            "done": done(record, headers, START + (elapsed[number] if elapsed else 5)),
            "rejected": rejected(letter(1), headers),
        }[status]
        topic.add(headers[HEADER], CODEC.encode("r", one))


def test_a_receipt_says_what_became_of_the_message() -> None:
    """Origin, identity, time since the broker's timestamp; never negative."""
    headers = {HEADER: b"order-\xff"}
    receipt = done(document(3), headers, START + 3 + 250)
    assert receipt == Receipt(
        "done", "order-\\xff", "doc-3", "news", "tidemark.documents", 0, 3, START + 3, None, None,
        250)  # fmt: skip
    assert done(document(3), headers, START).elapsed_ms == 0
    refused = rejected(letter(8), {})
    assert (refused.code, refused.elapsed_ms, refused.correlation_id) == (
        "not-avro-nor-json", 1, None)  # fmt: skip
    assert receipt_key(receipt) == ("tidemark.documents", 0, 3, START + 3, "done")


def test_the_key_is_the_correlation_id_or_the_doc_id() -> None:
    """Exactly as it came, bytes that are not UTF-8 too; a very long one is cut."""
    receipts = Receipts("asked", "r", CODEC)
    given = {HEADER: b"\xfe" * 5000}
    long = receipts.outgoing(done(document(3), given, START), given)
    assert long.key == b"\xfe" * 1024
    assert receipts.outgoing(done(document(3), {}, START), {}).key == b"doc-3"
    assert receipts.outgoing(rejected(letter(1), {}), {}).key is None


@pytest.mark.parametrize(
    ("mode", "headers", "wanted"),
    [("asked", {}, False), ("asked", {"trace": b""}, False), ("asked", {HEADER: b""}, True),
     ("all", {}, True), ("none", {HEADER: b"x"}, False)],
)  # fmt: skip
def test_who_is_told(mode: str, headers: dict[str, bytes], wanted: bool) -> None:  # noqa: FBT001
    """Those that ask, all, or none."""
    assert Receipts(mode, "r", CODEC).wanted(headers) is wanted  # type: ignore[arg-type]


def test_only_our_headers_travel_on() -> None:
    """A producer's own headers do not fill the enriched topic."""
    assert carried({HEADER: b"1", "trace": b"2"}) == {HEADER: b"1"}
    assert carried({}) == {}


def test_the_desk_waits_for_the_last_word() -> None:
    """Accepted is not the end; doubles count once; others' receipts are not ours."""
    topic = Topic()
    desk = ReceiptDesk(topic, CODEC, monotonic=lambda: 0.0, run="run")
    told(desk, topic, "accepted", "done", "done")
    topic.add(b"run2-1", b"of another run")
    topic.add(None, b"of nobody")
    told(desk, topic, "accepted", "rejected")
    seen: list[int] = []
    desk.wait(2, 60, seen.append)
    assert (len(desk.told.accepted), len(desk.told.done), len(desk.told.rejected)) == (2, 1, 1)
    assert seen[-1] == 2


def test_the_desk_gives_up_when_nothing_comes() -> None:
    """One line that says how many are open and what to do."""
    clock = iter(range(100))
    desk = ReceiptDesk(Topic(), CODEC, monotonic=lambda: float(next(clock)))
    with pytest.raises(Unavailable, match=r"3 of 3 documents have no receipt.*enrich and land"):
        desk.wait(3, 10, lambda _: None)


def test_percentiles_are_nearest_ranks() -> None:
    """Of one, of a hundred, of none."""
    assert Told().percentile(50) is None
    assert Told(done={"a": 7}).percentile(99) == 7
    hundred = Told(done={str(n): n for n in range(1, 101)})
    assert [hundred.percentile(percent) for percent in (50, 95, 99)] == [50, 95, 99]
