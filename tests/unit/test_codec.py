"""What is written can be read, and every other value is refused with its reason."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from fastavro.schema import fingerprint as fastavro_fingerprint

from schemas.avro import fingerprint, published, without_logical_types
from schemas.codec import KINDS, Codec, codec_for
from schemas.messages import Document, Enriched, Message
from streams.errors import InvalidDocument
from tests.support import examples

DOCUMENT = Document(
    text="Kaffee ☕ und Kuchen",
    doc_id="a-1",
    source="café",
    published_at=-1,
    title="",
    language="de",
    metadata={"ä": "ö"},
)


@pytest.fixture(scope="module")
def codec() -> Codec:
    return codec_for(None)


def refusal(codec: Codec, data: bytes | None) -> InvalidDocument:
    with pytest.raises(InvalidDocument) as refused:
        codec.decode(Document, data)
    return refused.value


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_records_have_the_fields_of_their_schema_in_order(kind: type[Message]) -> None:
    """A dataclass and its .avsc cannot drift apart."""
    in_schema = [field["name"] for field in published(kind.__name__)["fields"]]
    in_record = [field.name for field in fields(kind)]
    if kind is Document:  # its one required field comes first in Python
        assert sorted(in_schema) == sorted(in_record)
    else:
        assert in_schema == in_record


@pytest.mark.parametrize("stem", sorted(examples.RECORDS))
def test_every_example_record_survives_the_wire(codec: Codec, stem: str) -> None:
    """Nested records, arrays, maps and bytes come back equal."""
    record = examples.record(stem)
    assert record == codec.decode(type(record), codec.encode("any", record))


def test_a_document_survives_the_wire(codec: Codec) -> None:
    """A document comes back equal, negative times and empty strings too."""
    assert codec.decode(Document, codec.encode("any", DOCUMENT)) == DOCUMENT
    assert codec.decode(Document, codec.encode("any", Document("x"))) == Document("x")


def test_the_header_is_avro_single_object_encoding(codec: Codec) -> None:
    """Marker C3 01, then the CRC-64-AVRO fingerprint of the published schema, little-endian."""
    data = codec.encode("any", DOCUMENT)
    assert data[:2] == b"\xc3\x01"
    assert data[2:10] == fingerprint(published("Document"))


def test_the_fingerprint_is_that_of_the_specification() -> None:
    """The specification's example: "null" has the fingerprint 63dd24e7cc258f8a."""
    expected = 0x63DD24E7CC258F8A.to_bytes(8, "little")
    assert fingerprint("null") == expected
    assert fastavro_fingerprint('"null"', "CRC-64-AVRO") == expected.hex()


def test_logical_types_do_not_change_the_fingerprint() -> None:
    """Producers that leave the timestamps' logical type away are recognised too."""
    schema = published("Document")
    assert without_logical_types(schema) != schema
    assert fingerprint(without_logical_types(schema)) == fingerprint(schema)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (None, "null-value"),
        (b"", "not-avro-nor-json"),
        (b"hello", "not-avro-nor-json"),
        (b"[1]", "not-avro-nor-json"),
        (b"\xff\xfe{\x00", "not-avro-nor-json"),
        (b"\xc3\x01\x00", "truncated"),
        (b"\xc3\x01" + bytes(8) + b"body", "unknown-schema"),
        (b"\x00\x00\x00\x00\x07body", "unknown-schema"),
    ],
)
def test_values_that_are_no_document_are_refused(
    codec: Codec, data: bytes | None, code: str
) -> None:
    """Each has its code, and a reason that is one line."""
    refused = refusal(codec, data)
    assert code == refused.code
    assert "\n" not in str(refused)


def test_every_truncation_is_refused(codec: Codec) -> None:
    """A document that lacks its last bytes is never read as another one."""
    data = codec.encode("any", DOCUMENT)
    codes = {refusal(codec, data[:size]).code for size in range(2, len(data))}
    assert codes <= {"truncated", "unknown-schema"}


def test_trailing_bytes_are_refused(codec: Codec) -> None:
    """Two records in one message are not silently read as one."""
    assert refusal(codec, codec.encode("any", DOCUMENT) + b"\x00").code == "trailing-bytes"


def test_invalid_utf8_in_a_string_is_refused(codec: Codec) -> None:
    """Bytes that are no text do not become one."""
    data = codec.encode("any", replace(DOCUMENT, source="cafe"))
    assert refusal(codec, data.replace(b"cafe", b"caf\xe9")).code == "not-utf8"


@pytest.mark.parametrize("length", [b"\xfe\xff\xff\xff\x0f", b"\xff" * 9 + b"\x01", b"\x01"])
def test_a_corrupt_length_neither_allocates_nor_hangs(codec: Codec, length: bytes) -> None:
    """Lengths of gigabytes and negative ones end at the end of the message."""
    header = codec.encode("any", DOCUMENT)[:10]
    body = b"\x00" + length + b"short"  # doc_id null, then the length of source
    assert refusal(codec, header + body).code in {"truncated", "corrupt"}


def test_lone_surrogates_are_written_as_replacement_characters(codec: Codec) -> None:
    """Avro cannot hold them; the rest of the record must not be lost with them."""
    record = replace(DOCUMENT, text="a\ud800b", metadata={"k\udfff": "\udc00"})
    expected = replace(DOCUMENT, text="a\ufffdb", metadata={"k\ufffd": "\ufffd"})
    assert codec.decode(Document, codec.encode("any", record)) == expected


def test_json_is_read_for_documents_only(codec: Codec) -> None:
    """Records that Tidemark itself writes are always Avro."""
    with pytest.raises(InvalidDocument) as refused:
        codec.decode(Enriched, b'{"text": "x"}')
    assert refused.value.code == "not-avro-nor-json"


def test_a_record_of_another_kind_is_refused(codec: Codec) -> None:
    """A wrong topic is noticed by the fingerprint."""
    letter = codec.encode("any", examples.record("dead_letter"))
    assert refusal(codec, letter).code == "unknown-schema"
