"""Documents as JSON: the schema's fields and types, and what people get wrong."""

from __future__ import annotations

import json

import pytest

from schemas.codec import codec_for
from schemas.messages import Document
from schemas.times import parse_iso8601
from streams.errors import InvalidDocument

CODEC = codec_for(None)


def decode(data: bytes) -> Document:
    return CODEC.decode(Document, data)


def refusal(data: bytes) -> InvalidDocument:
    with pytest.raises(InvalidDocument) as refused:
        decode(data)
    return refused.value


def test_all_fields_are_read() -> None:
    """JSON and Avro describe the same document."""
    document = Document("t", "i", "s", 1714557600000, "h", "en", {"a": "b"})
    plain = {name: getattr(document, name) for name in Document.__slots__}
    assert decode(json.dumps(plain).encode()) == document


@pytest.mark.parametrize("prefix", [b"\xef\xbb\xbf", b" \r\n\t", b"\xef\xbb\xbf\n"])
def test_spaces_and_a_byte_order_mark_may_precede(prefix: bytes) -> None:
    """Windows editors and pretty-printers are welcome."""
    assert decode(prefix + b'{"text": "x"}\n') == Document("x")


def test_null_stands_for_an_absent_field() -> None:
    """Exporters that write every column need no special treatment."""
    nulls = dict.fromkeys(["doc_id", "source", "published_at", "title", "language", "metadata"])
    assert decode(json.dumps({"text": "x", **nulls}).encode()) == Document("x")


@pytest.mark.parametrize(
    ("written", "milliseconds"),
    [
        (1714564800250, 1714564800250),
        (-1, -1),
        ("2024-05-01T12:00:00Z", 1714564800000),
        ("2024-05-01T14:00:00.250+02:00", 1714564800250),
        ("2024-05-01 12:00Z", 1714564800000),
        ("20240501T120000,5z", 1714564800500),
        ("1969-12-31T23:59:59.999Z", -1),
        ("2024-05-01T05:30:00.123456789-0630", 1714564800123),
    ],
)
def test_times_are_milliseconds_or_iso_8601(written: object, milliseconds: int) -> None:
    """Both forms give the same instant, before 1970 too."""
    document = decode(json.dumps({"text": "x", "published_at": written}).encode())
    assert milliseconds == document.published_at


@pytest.mark.parametrize(
    "written",
    ["2024-05-01T12:00:00", "2024-05-01", "yesterday", "", 1.5, True, [], 2**63, "2024-13-01T00Z",
     "2024-02-30T00:00Z", "0000-01-01T00:00Z", "2024-05-01T12:00:00+99:00"],
)  # fmt: skip
def test_other_times_are_refused(written: object) -> None:
    """A time whose zone is unknown would be a guess."""
    refused = refusal(json.dumps({"text": "x", "published_at": written}).encode())
    assert (refused.code, "published_at" in str(refused)) == ("wrong-type", True)


@pytest.mark.parametrize(
    ("data", "code", "named"),
    [
        (b'{"text": 1}', "wrong-type", "text"),
        (b'{"text": "x", "title": {}}', "wrong-type", "title"),
        (b'{"text": "x", "source": false}', "wrong-type", "source"),
        (b'{"text": "x", "metadata": []}', "wrong-type", "metadata"),
        (b'{"text": "x", "metadata": {"k": null}}', "wrong-type", "metadata.k"),
        (b'{"text": "x", "author": "A"}', "unknown-field", "author"),
        (b'{"title": "x"}', "missing-text", "text"),
        (b'{"text": null}', "missing-text", "text"),
        (b"{", "not-json", "line 1"),
        (b'{"text": "x"} {}', "not-json", "column"),
        (b'{"text": NaN}', "not-json", "column"),
        (b'{"text": "\xff"}', "not-utf8", "byte 10"),
        (b'{"text": "\xed\xa0\x80"}', "not-utf8", "byte 10"),
        (b'{"text":' + b"[" * 5000, "not-json", "depth"),
        (b'{"text": "\\ud800", "x": ' + b"[" * 200_000, "not-json", ""),
    ],
)
def test_what_is_wrong_is_named(data: bytes, code: str, named: str) -> None:
    """The reason names the field or the place."""
    refused = refusal(data)
    assert code == refused.code
    assert named in str(refused)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (rb"\ud800", "\ufffd"),
        (rb"a\udfffb", "a\ufffdb"),
        (rb"\ud83d\ude00", "\U0001f600"),
        (rb"\ud83d\ude00\ud83d", "\U0001f600\ufffd"),
    ],
)
def test_lone_surrogates_become_replacement_characters(written: bytes, text: str) -> None:
    """Half of a pair is lost already; the document is not."""
    assert decode(b'{"text": "' + written + b'"}').text == text


def test_a_refusal_names_the_document_where_it_can_be_read() -> None:
    """Dead letters can be found by identity and segment."""
    refused = refusal(b'{"doc_id": "d", "source": "s", "text": 1}')
    assert (refused.doc_id, refused.source) == ("d", "s")
    refused = refusal(b'{"doc_id": 5, "source": [], "text": "x"}')
    assert (refused.doc_id, refused.source) == (None, None)


def test_a_time_without_offset_is_utc_where_that_is_allowed() -> None:
    """Files may hold plain dates."""
    assert parse_iso8601("1970-01-02", offset_required=False) == 86_400_000
    assert parse_iso8601("1970-01-01 00:00:01", offset_required=False) == 1_000
