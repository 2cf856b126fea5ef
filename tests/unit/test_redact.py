"""Personal data is replaced; what only looks like it stays."""

from __future__ import annotations

import doctest

import pytest

import streams.stages.redact
from schemas.codec import codec_for
from schemas.messages import Document
from streams.clock import FixedClock
from streams.stages.enrich import EnrichStage
from streams.stages.ingest import Ingest
from streams.stages.redact import KINDS, Redactor, redactor_of
from tests.support.fakes import FakeEnricher, raw

ALL = Redactor(KINDS)


def test_examples_in_docstrings_hold() -> None:
    assert doctest.testmod(streams.stages.redact).failed == 0


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("Mail a.b+c@example.co.uk.", "Mail [email]."),
        ("<jörg@bücher.example>", "<[email]>"),
        ("mailto:x_y@y.org?subject=z", "mailto:[email]?subject=z"),
        ("call +1 (555) 123-4567 now", "call [phone] now"),
        ("+44 20 7946 0958.", "[phone]."),
        ("tel:+491701234567", "tel:[phone]"),
        ("0049 30 1234567", "[phone]"),
        ("(555) 123-4567, 555-123-4567", "[phone], [phone]"),
        ("555.123.4567", "[phone]"),
        ("030/1234567", "[phone]"),
        ("01 23 45 67 89", "[phone]"),
        ("020 7946 0958", "[phone]"),
        ("card 4111 1111 1111 1111.", "card [card]."),
        ("4111-1111-1111-1111", "[card]"),
        ("5555555555554444", "[card]"),
        ("3782 822463 10005", "[card]"),
    ],
)
def test_personal_data_is_replaced(text: str, redacted: str) -> None:
    assert ALL.text(text).text == redacted


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-01 12:00:00, 01.05.2024, 5/10/2004",
        "2024-05-01T12:00:00.000+02:00",
        "$1,234,567.89 or 1 234 567 people or +10 000 000 of them",
        "ISBN 978-3-16-148410-0, DOI 10.1000/182, arXiv:1706.03762",
        "order 1234567890123456 at 192.168.100.200:8080",
        "550e8400-e29b-41d4-a716-446655440000",
        "7 - 6, 6 - 4, 6 - 2 in 1999-2000",
        "pi 3.14159265358979, +12.5 %, +13.25",
        "@user, user@localhost, a @ b.c",
        "room 0815, 0 1234 5678, 2001 2002 2003 2004",
        "4111 1111 1111 1112, 0000 0000 0000 0000",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    """Dates, prices, identifiers, versions and scores."""
    assert ALL.text(text) == streams.stages.redact.Redacted(text, {})


def test_only_the_kinds_that_are_asked_for_are_replaced() -> None:
    text = "x@y.org, +44 20 7946 0958, 4111 1111 1111 1111"
    redacted = Redactor(["card"]).text(text)
    assert redacted.text == "x@y.org, +44 20 7946 0958, [card]"
    assert redacted.counts == {"card": 1}


def test_nothing_asked_for_is_no_redactor() -> None:
    assert redactor_of(" ") is None
    asked = redactor_of("phone,email")
    assert asked is not None
    assert asked.kinds == {"email", "phone"}


def test_an_unknown_kind_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'iban' is none of email, phone, card"):
        redactor_of("email, iban")
    with pytest.raises(ValueError, match="'iban' is none of"):
        Redactor(["iban"])  # type: ignore[list-item]  # what a caller without types may do


def test_the_enriched_record_holds_no_personal_data() -> None:
    """Title, text, summary, terms and metadata; and it says how much was taken out."""
    codec = codec_for(None)
    document = Document(
        text="Write to jane@example.org or jim@example.org.",
        title="Call +44 20 7946 0958",
        metadata={"author": "jane@example.org", "page": "7"},
    )
    ingest = Ingest(codec.decode, 10_000, 1000)
    clock = FixedClock(1_700_000_000_000)
    stage = EnrichStage(ingest, FakeEnricher(), clock, lambda _: None, redactor_of("email,phone"))
    message = raw(codec.encode("tidemark.documents", document))
    (record,) = stage.post(stage.core(stage.pre([message]))).enriched
    assert record.title == "Call [phone]"
    assert record.text == "Write to [email] or [email]."
    assert record.metadata == {"author": "[email]", "page": "7"}
    assert record.summary == record.text[::-1]
    assert record.redactions == {"email": 3, "phone": 1}
    assert not {"jane", "jim", "example"} & set(record.terms)


def test_a_document_without_personal_data_is_left_as_it_is() -> None:
    """Bytes are the same with redaction as without."""
    codec = codec_for(None)
    message = raw(codec.encode("tidemark.documents", Document("Tides turn.")))
    ingest = Ingest(codec.decode, 10_000, 1000)
    clock = FixedClock(1_700_000_000_000)
    records = []
    for redactor in (None, ALL):
        stage = EnrichStage(ingest, FakeEnricher(), clock, lambda _: None, redactor)
        records.append(stage.post(stage.core(stage.pre([message]))).enriched)
    assert records[0] == records[1]
