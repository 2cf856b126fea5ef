"""Confluent wire format with a registry over HTTP."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from schemas.avro import published, superseded
from schemas.codec import Codec, codec_for
from schemas.messages import Document
from schemas.registry_access import RegistryAccess
from streams.errors import InvalidDocument, Misconfigured, Unavailable
from tests.support.fake_registry import FakeRegistry, fake_registry

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENT = Document("x", "a", metadata={"k": "v"})


@pytest.fixture
def server() -> Iterator[FakeRegistry]:
    with fake_registry() as registry:
        yield registry


def codec_of(server: FakeRegistry) -> Codec:
    return codec_for(RegistryAccess(server.url, retries=0))


def test_a_document_survives_the_wire_with_a_registry(server: FakeRegistry) -> None:
    """Zero byte, number of the schema big-endian, body; the subject is the topic's."""
    writer, reader = codec_of(server), codec_of(server)
    data = writer.encode("docs", DOCUMENT)
    assert data[:5] == struct.pack(">bI", 0, server.subjects["docs-value"])
    assert reader.decode(Document, data) == DOCUMENT


def test_each_number_and_subject_is_asked_for_once(server: FakeRegistry) -> None:
    """A million messages cost two requests."""
    codec = codec_of(server)
    for _ in range(3):
        assert codec.decode(Document, codec.encode("docs", DOCUMENT)) == DOCUMENT
    paths = [path for _, path in server.requests]
    assert sorted(set(paths)) == sorted(paths)


def test_a_registered_schema_is_found_without_the_right_to_register(server: FakeRegistry) -> None:
    """Once set up, a registry that may only be read is enough."""
    codec_of(server).encode("docs", DOCUMENT)
    server.read_only = True
    assert codec_of(server).encode("docs", DOCUMENT)[:1] == b"\x00"
    with pytest.raises(Misconfigured, match="refuses the credentials"):
        codec_of(server).encode("other", DOCUMENT)


def test_single_object_encoding_and_json_are_read_beside_a_registry(server: FakeRegistry) -> None:
    """A topic may hold both while producers move to the registry."""
    codec = codec_of(server)
    assert codec.decode(Document, codec_for(None).encode("docs", DOCUMENT)) == DOCUMENT
    assert codec.decode(Document, b'{"text": "x"}') == Document("x")


def test_an_older_writers_schema_is_resolved(server: FakeRegistry) -> None:
    """Any writer's schema of the registry is read as ours."""
    number = server.add(superseded("Document")[0])
    data = struct.pack(">bI", 0, number) + b"\x00\x02s\x00\x00\x02x"
    assert codec_of(server).decode(Document, data) == Document("x", source="s")


def test_an_unknown_number_is_a_bad_document(server: FakeRegistry) -> None:
    """Trying again cannot help, so it is a dead letter."""
    with pytest.raises(InvalidDocument, match="knows no schema 99") as refused:
        codec_of(server).decode(Document, struct.pack(">bI", 0, 99))
    assert refused.value.code == "unknown-schema"


def test_a_schema_that_is_not_avro_is_a_bad_document(server: FakeRegistry) -> None:
    """JSON Schema and Protobuf are not read."""
    number = server.add({"type": "object"}, schemaType="JSON")
    with pytest.raises(InvalidDocument) as refused:
        codec_of(server).decode(Document, struct.pack(">bI", 0, number))
    assert refused.value.code == "unsupported-schema"


def test_a_confluent_header_that_is_cut_off_is_refused(server: FakeRegistry) -> None:
    """No request is made for half a number."""
    with pytest.raises(InvalidDocument) as refused:
        codec_of(server).decode(Document, b"\x00\x00\x00")
    assert refused.value.code == "truncated"
    assert server.requests == []


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, Misconfigured), (409, Misconfigured), (422, Misconfigured), (500, Unavailable),
     (503, Unavailable), (429, Unavailable)],
)  # fmt: skip
def test_a_registry_that_refuses_is_told_from_one_that_is_down(
    server: FakeRegistry, status: int, error: type[Exception]
) -> None:
    """Only what can get better by itself is tried again."""
    server.refuse = status
    with pytest.raises(error):
        codec_of(server).encode("docs", DOCUMENT)


def test_a_registry_that_does_not_answer_is_unavailable() -> None:
    """Documents are never lost to a registry that restarts."""
    with fake_registry() as server:
        codec = codec_of(server)
    with pytest.raises(Unavailable, match="does not answer"):
        codec.decode(Document, struct.pack(">bI", 0, 1))


def test_a_password_in_the_address_is_never_shown() -> None:
    """Errors end up in logs."""
    with fake_registry() as server:
        url = server.url.replace("//", "//user:hunter2@")
        server.refuse = 401
        with pytest.raises(Misconfigured) as refused:
            codec_for(RegistryAccess(url, retries=0)).encode("docs", DOCUMENT)
    assert "hunter2" not in str(refused.value)
    assert "127.0.0.1" in str(refused.value)


@pytest.mark.parametrize("url", ["localhost:8081", "ftp://user:hunter2@host"])
def test_an_address_that_cannot_be_used_is_refused_at_the_start(url: str) -> None:
    """A typing error is noticed before the first message, and shown without its password."""
    with pytest.raises(Misconfigured, match="TIDEMARK_SCHEMA_REGISTRY") as refused:
        codec_for(RegistryAccess(url))
    assert "hunter2" not in str(refused.value)


def test_every_published_schema_can_be_registered(server: FakeRegistry) -> None:
    """What is registered is the published schema itself, documentation included."""
    codec_of(server).encode("docs", DOCUMENT)
    assert published("Document")["doc"] in server.schemas[1]["schema"]
