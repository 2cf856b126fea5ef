"""What is accepted is complete; what is refused says why and what to do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from schemas.codec import codec_for
from schemas.messages import Document, Origin
from streams.errors import InvalidDocument
from streams.ports import RawMessage
from streams.stages.ingest import Accepted, Ingest, clean, content_id
from tests.support import examples

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400_000
NOW = 1_717_243_200_000  # 2024-06-01T12:00:00Z
ORIGIN = Origin("tidemark.documents", 2, 40, NOW)
CODEC = codec_for(None)
INGEST = Ingest(CODEC.decode, max_document_bytes=4 * 1024 * 1024, max_future_ms=DAY)


def message(value: bytes | None) -> RawMessage:
    return RawMessage(ORIGIN, b"key", value)


def accept(document: Document) -> Accepted:
    return INGEST(message(CODEC.encode("any", document)))


def refusal(document: Document) -> InvalidDocument:
    with pytest.raises(InvalidDocument) as refused:
        INGEST.accept(document, ORIGIN)
    return refused.value


@pytest.mark.parametrize("path", examples.VALID_DOCUMENTS, ids=lambda path: path.stem)
def test_every_valid_example_is_accepted(path: Path) -> None:
    """Each published example has an identity, a segment, a time and a text."""
    accepted = INGEST(message(path.read_bytes()))
    assert all([accepted.doc_id, accepted.source, accepted.published_at, accepted.text])
    assert accepted.origin == ORIGIN


@pytest.mark.parametrize("path", examples.INVALID_DOCUMENTS, ids=lambda path: path.stem)
def test_every_invalid_example_is_refused_with_the_code_of_its_name(path: Path) -> None:
    """Each has its code and one line for a person."""
    with pytest.raises(InvalidDocument) as refused:
        INGEST(message(path.read_bytes()))
    assert examples.expected_code(path) == refused.value.code
    assert str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("stem", sorted(examples.RECORDS))
def test_records_of_other_topics_are_refused(stem: str) -> None:
    """A worker on the wrong topic does not make documents of what it finds."""
    with pytest.raises(InvalidDocument) as refused:
        INGEST(message(CODEC.encode("any", examples.record(stem))))
    assert refused.value.code == "unknown-schema"


def test_a_null_value_is_refused() -> None:
    """A tombstone is no document."""
    with pytest.raises(InvalidDocument) as refused:
        INGEST(message(None))
    assert refused.value.code == "null-value"


def test_what_the_producer_gave_is_kept() -> None:
    """A complete document passes unchanged."""
    document = Document("t", "i", "s", NOW - 5, "h", "en", {"a": "b"})
    expected = Accepted("i", "s", NOW - 5, "h", "t", "en", {"a": "b"}, ORIGIN)
    assert accept(document) == expected


@pytest.mark.parametrize("absent", [None, "", " \t", "\u200b"])
def test_what_the_producer_left_open_is_filled_in(absent: str | None) -> None:
    """Identity by content, the default segment, the time of arrival; blank is absent."""
    document = Document("t", absent, absent or "", None, absent, absent)
    expected = Accepted(
        content_id("default", None, "t"), "default", NOW, None, "t", None, {}, ORIGIN
    )
    assert accept(document) == expected


def test_a_content_id_is_pinned() -> None:
    """It must not change between versions, or redelivered documents would land twice."""
    assert content_id("default", None, "t") == content_id("default", "", "t")
    assert content_id("gazette", "Title", "Text") == "f376e52a6b174a639b6ab5441a33fc18"


def test_a_content_id_depends_on_source_title_and_text() -> None:
    """And on which of them a character belongs to."""
    parts = [("a", "b", "c"), ("ab", "", "c"), ("a", "", "bc"), ("", "ab", "c"), ("a", "bc", "")]
    assert len(parts) == len({content_id(*part) for part in parts})


def test_a_doubled_document_keeps_its_identity() -> None:
    """The same content twice is one document; another text under one identity an update."""
    one = accept(Document("same"))
    assert one == accept(Document("same"))
    assert one.doc_id != accept(Document("other")).doc_id
    assert accept(Document("same", "i")).doc_id == accept(Document("other", "i")).doc_id


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("a\x00b\x07c", "a b c"),
        ("form\x0cfeed\x0bvertical", "form feed vertical"),
        ("\x7f\x80\x85\x9f", "    "),
        ("tab\tline\nreturn\r\n", "tab\tline\nreturn\r\n"),
        ("half \ud83d pair", "half \ufffd pair"),
        ("مرحبا \u202bבוקר\u202c", "مرحبا \u202bבוקר\u202c"),  # noqa: RUF001 - meant so
        ("👩‍👩‍👧 ☀️ é e\u0301", "👩‍👩‍👧 ☀️ é e\u0301"),
    ],
)
def test_only_control_characters_and_lone_surrogates_are_replaced(raw: str, cleaned: str) -> None:
    """Right-to-left text, emoji and the normal form stay as they are."""
    assert cleaned == clean(raw)
    assert clean(raw) == clean(clean(raw))
    accepted = INGEST.accept(Document(f"x{raw}", title=f"y{raw}"), ORIGIN)
    assert (f"x{cleaned}", f"y{cleaned}") == (accepted.text, accepted.title)


@pytest.mark.parametrize(
    "text", ["", " ", "\n\t\r", "\x00\x01", "\u200b\u200d\ufeff", "\u00ad\u2060", "\u3164\u2800",
             "\ud800"]
)  # fmt: skip
def test_a_text_without_a_visible_character_is_refused(text: str) -> None:
    """There is nothing to summarize, and an empty vector would disturb the drift statistics."""
    assert refusal(Document(text)).code == "empty-text"


@pytest.mark.parametrize("text", [".", "0", "\U0001f600", "\u0661", "\u0301x", "字"])
def test_a_single_visible_character_is_enough(text: str) -> None:
    """Short is not empty."""
    assert text == accept(Document(text)).text


def test_a_megabyte_is_accepted_and_twenty_are_not() -> None:
    """The limit counts UTF-8 bytes of title and text and names the setting."""
    assert len(accept(Document("word " * 200_000)).text) == 1_000_000
    refused = refusal(Document("word " * 4_000_000, "i", "s"))
    assert (refused.code, refused.doc_id, refused.source) == ("text-too-large", "i", "s")
    assert "20,000,000" in str(refused)
    assert "TIDEMARK_MAX_DOCUMENT_BYTES" in str(refused)


@pytest.mark.parametrize("character", ["a", "é", "字", "😀"])
def test_the_limit_is_exact_in_bytes(character: str) -> None:
    """Whatever the script, the last allowed character passes and the next does not."""
    ingest = Ingest(CODEC.decode, max_document_bytes=1200, max_future_ms=DAY)
    fits = 1200 // len(character.encode())
    assert ingest.accept(Document(character * fits), ORIGIN).text
    for document in (
        Document(character * (fits + 1)),
        Document(character * fits, title=character),
    ):
        with pytest.raises(InvalidDocument, match="bytes"):
            ingest.accept(document, ORIGIN)


@pytest.mark.parametrize(
    ("published_at", "code"),
    [
        (-2_208_988_800_001, "date-out-of-range"),  # the last millisecond of 1899
        (-11_644_473_600_000, "date-out-of-range"),  # 1601
        (10_413_792_000_000, "date-out-of-range"),  # 2300
        (13_569_465_600_000, "date-out-of-range"),  # 2400
        (-(2**63), "date-out-of-range"),
        (2**63 - 1, "date-out-of-range"),
        (10_413_791_999_999, "date-in-future"),  # the last millisecond of 2299
        (NOW + DAY + 1, "date-in-future"),
    ],
)
def test_dates_that_cannot_be_are_refused(published_at: int, code: str) -> None:
    """They would open windows that no other document shares."""
    assert code == refusal(Document("t", published_at=published_at)).code


@pytest.mark.parametrize("published_at", [-2_208_988_800_000, -1, 0, NOW, NOW + DAY])
def test_dates_up_to_the_limits_are_accepted(published_at: int) -> None:
    """From 1900 until a day ahead of the arrival."""
    assert published_at == accept(Document("t", published_at=published_at)).published_at


def test_an_identity_of_a_kibibyte_is_accepted_and_a_longer_one_is_not() -> None:
    """Identities are keys; the refusal still shows its beginning."""
    assert accept(Document("t", "é" * 512)).doc_id == "é" * 512
    refused = refusal(Document("t", "é" * 513))
    assert refused.code == "doc-id-too-long"
    assert (refused.doc_id or "").startswith("é" * 200)


def test_a_segment_is_stripped_and_bounded() -> None:
    """Segments are few and have short names."""
    assert accept(Document("t", source="  wire \n")).source == "wire"
    assert accept(Document("t", source="s" * 256)).source == "s" * 256
    assert refusal(Document("t", source="s" * 257)).code == "source-too-long"


def test_a_codec_refusal_passes_through() -> None:
    """Identity and segment are kept where the codec could read them."""
    with pytest.raises(InvalidDocument) as refused:
        INGEST(message(b'{"doc_id": "d", "source": "s", "text": []}'))
    assert (
        refused.value.code,
        refused.value.doc_id,
        refused.value.source,
    ) == ("wrong-type", "d", "s")


def test_the_same_message_gives_the_same_document() -> None:
    """Redelivery changes nothing, so landing twice changes nothing."""
    raw = message(CODEC.encode("any", Document("t")))
    assert INGEST(raw) == INGEST(raw)
    moved = replace(raw, origin=replace(ORIGIN, offset=41))
    assert INGEST(moved).doc_id == INGEST(raw).doc_id
