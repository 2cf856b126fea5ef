"""Schemas change: older messages stay readable, and older readers read newer messages."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from fastavro import schemaless_reader, schemaless_writer

from schemas.avro import fingerprint, parsed, published, superseded
from schemas.codec import Codec, codec_for
from schemas.messages import Document, Enriched, WindowStats
from streams.errors import InvalidDocument
from tests.support.examples import record as example

OLD_NAMES = ["doc_id", "source", "published_at", "title", "text"]
OLD = {"doc_id": "a", "source": "s", "published_at": 5, "title": None, "text": "old"}
HEADER = b"\x00\x00\x00\x00\x07"


class OneSchema:
    """A registry that knows one writer's schema, as number 7."""

    def __init__(self, schema: Any) -> None:
        self._schema = schema
        self.asked = 0

    def schema(self, schema_id: int) -> Any:
        assert schema_id == 7
        self.asked += 1
        return self._schema

    def schema_id(self, topic: str, name: str) -> int:
        raise NotImplementedError((topic, name))


def body(schema: Any, plain: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    schemaless_writer(stream, parsed(schema), plain)
    return stream.getvalue()


def changed(name: str, **changes: Any) -> Any:
    """Return the document schema with one field changed."""
    schema = published("Document")
    for field in schema["fields"]:
        if field["name"] == name:
            field.update(changes)
    return schema


def through_registry(schema: Any, plain: dict[str, Any]) -> Document:
    return Codec(OneSchema(schema)).decode(Document, HEADER + body(schema, plain))


def full(**changes: Any) -> dict[str, Any]:
    return {**OLD, "language": None, "metadata": {}, **changes}


def test_messages_of_the_first_schema_are_still_read() -> None:
    """What was added since has its default."""
    (first,) = superseded("Document")
    assert [field["name"] for field in first["fields"]] == OLD_NAMES
    data = b"\xc3\x01" + fingerprint(first) + body(first, OLD)
    assert codec_for(None).decode(Document, data) == Document("old", "a", "s", 5)


def test_a_reader_of_the_first_schema_reads_todays_messages() -> None:
    """Consumers outside the project need not be updated on the same day."""
    (first,) = superseded("Document")
    record = Document("new", "a", "s", 5, "t", "en", {"k": "v"})
    stream = io.BytesIO(codec_for(None).encode("any", record)[10:])
    read = schemaless_reader(stream, parsed(published("Document")), parsed(first))
    assert read == {**OLD, "title": "t", "text": "new"}


@pytest.mark.parametrize("version", range(len(superseded("WindowStats"))))
def test_window_statistics_of_older_schemas_are_still_read(version: int) -> None:
    """A worker of today reads what one of yesterday wrote, and the other way round."""
    older = superseded("WindowStats")[version]
    written = example("window_stats")
    assert isinstance(written, WindowStats)
    today = codec_for(None).encode("any", written)
    read = schemaless_reader(
        io.BytesIO(today[10:]), parsed(published("WindowStats")), parsed(older)
    )
    assert len(read) == len(older["fields"])
    old = b"\xc3\x01" + fingerprint(older) + body(older, read)
    back = codec_for(None).decode(WindowStats, old)
    topics = () if version < 2 else written.topics
    assert (back.documents, back.topics, back.label_states) == (2, topics, {})
    if version == 0:
        assert (back.copies, back.languages, back.token_sample) == (0, {}, b"")


def test_enriched_documents_of_the_first_schema_are_still_read() -> None:
    """A land worker of today reads what an enrich worker of yesterday wrote, and the reverse."""
    first = superseded("Enriched")[0]
    assert len(superseded("Enriched")) == 2
    today = codec_for(None).encode("any", example("enriched"))
    read = schemaless_reader(io.BytesIO(today[10:]), parsed(published("Enriched")), parsed(first))
    assert len(read) == len(first["fields"])
    old = b"\xc3\x01" + fingerprint(first) + body(first, read)
    back = codec_for(None).decode(Enriched, old)
    assert (back.label, back.summary_flags, back.redactions) == ("weather", (), {})
    assert (back.summarizer, back.prompt, back.price_per_hour) == ("", "", 0.0)


def test_defaults_are_not_shared_between_documents() -> None:
    """A caller that changes one document's metadata changes no other."""
    (first,) = superseded("Document")
    data = b"\xc3\x01" + fingerprint(first) + body(first, OLD)
    codec = codec_for(None)
    one, other = codec.decode(Document, data), codec.decode(Document, data)
    assert one.metadata == other.metadata == {}
    assert one.metadata is not other.metadata


def test_a_producers_own_field_is_left_out() -> None:
    """A writer may have more than we read."""
    schema = published("Document")
    schema["fields"].insert(1, {"name": "pages", "type": {"type": "array", "items": "long"}})
    assert through_registry(schema, full(pages=[1, 2])) == Document("old", "a", "s", 5)


def test_a_renamespaced_and_reordered_schema_is_read() -> None:
    """Fields are matched by name, the record by its unqualified name, as Avro says."""
    schema = {**published("Document"), "namespace": "com.example"}
    schema["fields"].reverse()
    assert through_registry(schema, full(language="en")) == Document(
        "old", "a", "s", 5, language="en"
    )


@pytest.mark.parametrize(
    ("logical", "base", "written", "milliseconds"),
    [
        ("timestamp-millis", "long", -1_500, -1_500),
        ("timestamp-micros", "long", 1_714_564_800_250_999, 1_714_564_800_250),
        ("timestamp-nanos", "long", -1, -1),
        ("date", "int", 19_844, 1_714_521_600_000),
    ],
)
def test_other_units_of_time_become_milliseconds(
    logical: str, base: str, written: int, milliseconds: int
) -> None:
    """A writer's microseconds are not read as dates in the far future."""
    kind = ["null", {"type": base, "logicalType": logical}]
    document = through_registry(changed("published_at", type=kind), full(published_at=written))
    assert milliseconds == document.published_at


def test_a_writers_schema_is_asked_for_once() -> None:
    """The registry is not in the way of every message."""
    registry = OneSchema(published("Document"))
    codec = Codec(registry)
    data = HEADER + body(published("Document"), full())
    assert codec.decode(Document, data) == codec.decode(Document, data)
    assert registry.asked == 1


@pytest.mark.parametrize(
    ("schema", "plain"),
    [
        (changed("text", type="long"), full(text=5)),
        ({**published("Document"), "name": "Article"}, full()),
        (
            {"type": "record", "name": "Document", "fields": [{"name": "body", "type": "string"}]},
            {"body": "x"},
        ),
    ],
    ids=["wrong type", "wrong record", "no text"],
)
def test_an_incompatible_writer_is_refused(schema: Any, plain: dict[str, Any]) -> None:
    """A producer of something else is told so."""
    with pytest.raises(InvalidDocument) as refused:
        through_registry(schema, plain)
    assert refused.value.code == "incompatible-schema"


def record(*types: Any) -> Any:
    fields = [{"name": f"f{number}", "type": kind} for number, kind in enumerate(types)]
    return {"type": "record", "name": "Document", "fields": fields}


NOTHING = {"type": "record", "name": "Nothing", "fields": [{"name": "n", "type": "null"}]}


@pytest.mark.parametrize(
    "schema",
    [
        record({"type": "array", "items": "null"}),
        record({"type": "array", "items": {"type": "fixed", "name": "F", "size": 0}}),
        record({"type": "array", "items": NOTHING}),
        record(NOTHING, {"type": "map", "values": {"type": "array", "items": "Nothing"}}),
        record(["null", "Document"]),
        record({"type": "array", "items": "Document"}),
        "no such type",
        {"type": "record"},
        17,
    ],
    ids=json.dumps,
)
def test_schemas_that_make_a_few_bytes_endless_are_refused(schema: Any) -> None:
    """Items without bytes and schemas that contain themselves are no way to stop a worker."""
    codec = Codec(OneSchema(schema))
    with pytest.raises(InvalidDocument) as refused:
        codec.decode(Document, HEADER + b"\xfe\xff\xff\xff\xff\xff\xff\x7f" * 3)
    assert refused.value.code == "unsupported-schema"


def test_harmless_schemas_are_not_refused() -> None:
    """Unions, enums, maps and nested records may stand in arrays."""
    part = {"type": "record", "name": "Part", "fields": [{"name": "p", "type": "int"}]}
    schema = published("Document")
    schema["fields"] += [
        {"name": "parts", "type": {"type": "array", "items": part}},
        {"name": "more", "type": {"type": "map", "values": ["null", "Part"]}},
        {"name": "same", "type": {"type": "array", "items": ["null", "tidemark.Part"]}},
    ]
    plain = full(parts=[{"p": 1}], more={"a": None}, same=[{"p": 2}, None])
    assert through_registry(schema, plain) == Document("old", "a", "s", 5)
