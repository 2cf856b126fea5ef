"""Records to bytes and back: Avro single-object encoding, Confluent wire format, JSON documents.

What a value is, its first bytes tell:

=============  =====================================================================
``C3 01``      Avro single-object encoding: fingerprint of the writer's schema, body
``00``         Confluent wire format: number of the writer's schema in a registry, body
``{``          JSON of the document schema, UTF-8 (spaces or a byte order mark may precede)
=============  =====================================================================
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, TypeVar, cast

from schemas.avro_records import SINGLE_OBJECT, AvroRecords
from schemas.document_json import document_from_json, looks_like_json
from schemas.messages import (
    DeadLetter,
    Document,
    DriftAlert,
    Enriched,
    HumanLabel,
    Message,
    Receipt,
    ShadowResult,
    WindowStats,
)
from schemas.registry import ConfluentRegistry
from streams.errors import InvalidDocument

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.registry import Registry
    from schemas.registry_access import RegistryAccess

M = TypeVar("M", bound=Message)

KINDS: tuple[type[Message], ...] = (
    Document,
    Enriched,
    WindowStats,
    DriftAlert,
    DeadLetter,
    Receipt,
    HumanLabel,
    ShadowResult,
)
_SINGLE_OBJECT_HEADER = 10
_CONFLUENT = b"\x00"
_CONFLUENT_HEADER = struct.Struct(">bI")


class Codec:
    """Encodes and decodes the records of ``schemas/messages.py``; safe to share between threads.

    Args:
        registry: when given, records are written in Confluent wire format and such messages can
            be read; otherwise they are written in single-object encoding.
    """

    def __init__(self, registry: Registry | None = None) -> None:
        self._registry = registry
        ask = registry.schema if registry is not None else None
        self._kinds: dict[type[Any], AvroRecords[Any]] = {k: AvroRecords(k, ask) for k in KINDS}

    def announce(self, values: Mapping[str, type[Message]]) -> None:
        """See to it that a registry, where there is one, knows the schema of each topic's values.

        Raises:
            Unavailable: the registry does not answer.
            Misconfigured: the registry refuses a schema or the credentials, or is none.
        """
        if self._registry is None:
            return
        for topic, kind in values.items():
            self._registry.schema_id(topic, kind.__name__)

    def encode(self, topic: str, record: Message) -> bytes:
        """Return the value of a message for ``topic``.

        Raises:
            Unavailable: the registry does not answer.
            Misconfigured: the registry refuses the schema or the credentials, or is none.
        """
        kind = self._kinds[type(record)]
        if self._registry is None:
            return kind.write(record, kind.header)
        number = self._registry.schema_id(topic, kind.name)
        return kind.write(record, _CONFLUENT_HEADER.pack(0, number))

    def decode(self, kind: type[M], data: bytes | None) -> M:
        """Return the record of a message's value.

        Raises:
            InvalidDocument: the value can never be read; code and reason say why.
            Unavailable: the registry does not answer; try again.
            Misconfigured: the registry refuses the credentials, or is none.
        """
        if data is None:
            raise InvalidDocument("null-value", "the message has no value; send a document")
        records: AvroRecords[M] = self._kinds[kind]
        if data.startswith(SINGLE_OBJECT):
            return self._single_object(records, data)
        if data.startswith(_CONFLUENT):
            return _confluent(records, data)
        if kind is Document and looks_like_json(data):
            return cast("M", document_from_json(data))
        raise InvalidDocument(
            "not-avro-nor-json",
            f"the value begins with {data[:4].hex(' ') or 'nothing'}; send Avro single-object "
            "encoding, Confluent wire format, or a JSON object in UTF-8",
        )

    def _single_object(self, kind: AvroRecords[M], data: bytes) -> M:
        header = data[:_SINGLE_OBJECT_HEADER]
        writer = kind.by_header.get(header)
        if writer is not None:
            return kind.read(writer, data, _SINGLE_OBJECT_HEADER)
        if len(header) < _SINGLE_OBJECT_HEADER:
            raise InvalidDocument("truncated", "the message ends inside its Avro header")
        raise InvalidDocument(
            "unknown-schema",
            f"no {kind.name} schema has the fingerprint {header[2:].hex()}; write with the "
            "schema in schemas/, or use a registry and the Confluent wire format",
        )


def _confluent(kind: AvroRecords[M], data: bytes) -> M:
    if len(data) < _CONFLUENT_HEADER.size:
        raise InvalidDocument("truncated", "the message ends inside its Confluent header")
    number = _CONFLUENT_HEADER.unpack_from(data)[1]
    return kind.read(kind.by_id(number), data, _CONFLUENT_HEADER.size)


def codec_for(access: RegistryAccess | None = None) -> Codec:
    """Return the codec for a registry, or for single-object encoding without one.

    Raises:
        Misconfigured: the registry's address or files cannot be used.
    """
    return Codec(ConfluentRegistry(access) if access else None)
