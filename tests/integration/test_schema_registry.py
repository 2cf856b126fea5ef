"""Confluent wire format against a real registry, and against Confluent's own serializers."""

from __future__ import annotations

import copy
import json
import struct
import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from schemas.avro import published, published_text, superseded
from schemas.codec import codec_for
from schemas.messages import Document, Enriched, WindowStats
from schemas.registry_access import RegistryAccess
from streams.backends.clickhouse import open_warehouse
from streams.backends.kafka.alerts import read_topic
from streams.backends.schema_registry import values_of
from streams.errors import InvalidDocument, Misconfigured, Unavailable
from tests.support.brokers import in_process, nothing_left, own_settings
from tests.support.front import front
from tests.support.registry import registry_program, schema_registry
from tests.support.runtime import (
    documents,
    parts_of,
    platform_on,
    publish,
    running,
    settings_for,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from schemas.codec import Codec
    from streams.backends.kafka.broker import Broker
    from tests.support.registry import RegistryServer

__all__ = ["in_process", "nothing_left", "own_settings", "registry_program", "schema_registry"]

pytestmark = pytest.mark.kafka

DOCUMENT = Document("text", "id", "source", 1_700_000_000_000, "title", "en", {"k": "v"})
OLD = b"\x00\x02s\x00\x00\x02x"  # Document("x", source="s") in the first version of the schema


@pytest.fixture
def topic() -> str:
    """A topic whose subject nobody used before."""
    return f"topic-{uuid.uuid4()}"


def codec_of(registry: RegistryServer) -> Codec:
    return codec_for(RegistryAccess(registry.url, timeout_seconds=30))


@pytest.fixture
def client(schema_registry: RegistryServer) -> Iterator[SchemaRegistryClient]:
    """Confluent's own client."""
    with SchemaRegistryClient({"url": schema_registry.url}) as client:
        yield client


def value_of(topic: str) -> SerializationContext:
    return SerializationContext(topic, MessageField.VALUE)


def without_a_default(schema: Any) -> Any:
    """The schema with one more field, which older messages do not have and nothing stands in."""
    changed = copy.deepcopy(schema)
    changed["fields"].append({"name": "mandatory", "type": "string"})
    return changed


def test_schemas_are_registered_under_the_topics_name(
    schema_registry: RegistryServer, client: SchemaRegistryClient, topic: str
) -> None:
    """Header: zero, then the number under which the registry has the published schema."""
    data = codec_of(schema_registry).encode(topic, DOCUMENT)
    registered = schema_registry.ask("GET", f"/subjects/{topic}-value/versions/latest")
    assert data[:5] == struct.pack(">bI", 0, registered["id"])
    assert (registered["subject"], registered["version"]) == (f"{topic}-value", 1)
    assert client.get_schema(registered["id"]).schema_str is not None
    assert codec_of(schema_registry).decode(Document, data) == DOCUMENT
    assert codec_of(schema_registry).encode(topic, DOCUMENT) == data


def test_confluents_deserializer_reads_what_we_write(
    schema_registry: RegistryServer, client: SchemaRegistryClient, topic: str
) -> None:
    """A consumer of ours needs nothing but the registry."""
    data = codec_of(schema_registry).encode(topic, DOCUMENT)
    read = AvroDeserializer(client)(data, value_of(topic))
    assert isinstance(read, dict)
    assert (read["doc_id"], read["text"], read["metadata"]) == ("id", "text", {"k": "v"})
    assert read["published_at"].timestamp() == 1_700_000_000


def test_we_read_what_confluents_serializer_writes(
    schema_registry: RegistryServer, client: SchemaRegistryClient, topic: str
) -> None:
    """A producer in any language that uses a registry is understood."""
    plain = {
        "doc_id": "id", "source": "source", "published_at": 1_700_000_000_000, "title": "title",
        "text": "text", "language": "en", "metadata": {"k": "v"},
    }  # fmt: skip
    serializer = AvroSerializer(client, published_text("Document"))
    data = serializer(plain, value_of(topic))
    assert codec_of(schema_registry).decode(Document, data) == DOCUMENT
    assert data is not None
    assert codec_of(schema_registry).encode(topic, DOCUMENT)[:5] == data[:5]


@pytest.mark.parametrize("rule", ["BACKWARD", "FORWARD", "FULL", "FULL_TRANSITIVE"])
def test_a_schema_evolves_under_the_subjects_rule(
    schema_registry: RegistryServer, client: SchemaRegistryClient, topic: str, rule: str
) -> None:
    """Old messages are read with the new schema, new ones with the old schema."""
    subject, (old, *_) = f"{topic}-value", superseded("Document")
    number = schema_registry.register(subject, old)
    schema_registry.demand(subject, rule)
    codec = codec_of(schema_registry)
    new = codec.encode(topic, DOCUMENT)
    assert schema_registry.ask("GET", f"/subjects/{subject}/versions") == [1, 2]
    was = AvroDeserializer(client, published_text("Document"))
    before = struct.pack(">bI", 0, number) + OLD
    assert codec.decode(Document, before) == Document("x", source="s")
    assert was(before, value_of(topic)) is not None
    old_reader = AvroDeserializer(client, json.dumps(old))
    read = old_reader(new, value_of(topic))
    assert isinstance(read, dict)
    assert read["text"] == "text"
    assert set(read) == {field["name"] for field in old["fields"]}


def test_an_incompatible_schema_is_refused_in_one_line(
    schema_registry: RegistryServer, topic: str
) -> None:
    """The registry's rule holds, and the line names subject and way out."""
    subject = f"{topic}-value"
    schema_registry.register(subject, without_a_default(published("Document")))
    schema_registry.demand(subject, "FORWARD")
    with pytest.raises(Misconfigured, match=rf"for subject {subject}: .*TIDEMARK_") as refused:
        codec_of(schema_registry).encode(topic, DOCUMENT)
    assert "\n" not in str(refused.value)
    schema_registry.demand(subject, "NONE")
    assert codec_of(schema_registry).encode(topic, DOCUMENT)


def test_an_incompatible_writer_is_a_bad_document(
    schema_registry: RegistryServer, topic: str
) -> None:
    """What another schema wrote is a dead letter with a reason, not a crash."""
    schema = {"type": "record", "name": "Order", "fields": [{"name": "price", "type": "int"}]}
    number = schema_registry.register(f"{topic}-value", schema)
    with pytest.raises(InvalidDocument) as refused:
        codec_of(schema_registry).decode(Document, struct.pack(">bI", 0, number) + b"\x02")
    assert refused.value.code in {"incompatible-schema", "corrupt"}
    with pytest.raises(InvalidDocument, match="knows no schema") as refused:
        codec_of(schema_registry).decode(Document, struct.pack(">bI", 0, 987_654))
    assert refused.value.code == "unknown-schema"


def test_an_outage_stops_only_what_is_new(schema_registry: RegistryServer, topic: str) -> None:
    """What was learned stays; the rest is unavailable until the registry is back."""
    with front(schema_registry.url) as gate:
        codec = codec_for(RegistryAccess(gate.url(), timeout_seconds=30, retries=0))
        data = codec.encode(topic, DOCUMENT)
        number = schema_registry.register(f"{topic}-2-value", superseded("Document")[0])
        other = struct.pack(">bI", 0, number) + OLD
        assert codec.decode(Document, data) == DOCUMENT
        gate.refuse = 503
        assert codec.decode(Document, codec.encode(topic, DOCUMENT)) == DOCUMENT
        with pytest.raises(Unavailable, match="HTTP status code 503"):
            codec.decode(Document, other)
        gate.refuse = None
        assert codec.decode(Document, other) == Document("x", source="s")
        port = gate.port
    with pytest.raises(Unavailable, match="does not answer"):
        codec.encode(f"{topic}-3", DOCUMENT)
    with front(schema_registry.url, port=port):
        assert codec.encode(f"{topic}-3", DOCUMENT)


async def test_documents_pass_and_land_in_confluent_wire_format(
    schema_registry: RegistryServer, in_process: Broker, tmp_path: Path
) -> None:
    """The whole pipeline with TIDEMARK_SCHEMA_REGISTRY: every value has its subject's number."""
    settings = settings_for(
        tmp_path, topic_prefix=f"registry-{uuid.uuid4()}", schema_registry=schema_registry.url
    )
    platform = platform_on(in_process, settings)
    platform.codec.announce(values_of(platform.topics))
    found = documents(60)
    publish(platform, found)
    warehouse = open_warehouse(settings.clickhouse_url)
    with closing(warehouse):
        async with running(platform, parts_of(warehouse)) as session:
            await session.finish()
        rows = warehouse.query("SELECT source, doc_id, text FROM documents").rows
    assert sorted((row[0], row[1], row[2]) for row in rows) == sorted(
        (one.source, one.doc_id, one.text) for one in found
    )
    for name, kind in ((platform.topics.enriched, Enriched), (platform.topics.stats, WindowStats)):
        latest = schema_registry.ask("GET", f"/subjects/{name}-value/versions/latest")
        headers = {value[:5] for value in _values(in_process, name)}
        assert headers == {struct.pack(">bI", 0, latest["id"])}, kind


def _values(broker: Broker, topic: str) -> list[bytes]:
    messages = read_topic(
        broker.bootstrap, broker.security, topic, from_beginning=True, follow=False
    )
    return [message.value or b"" for message in messages]
