"""Bodies of Avro messages: one kind of record, written with our schema, read with any writer's."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from fastavro import schemaless_reader, schemaless_writer

from schemas import avro, guards
from schemas.lookups import Lookups
from schemas.messages import Message
from schemas.records import RecordType, without_surrogates
from streams.errors import InvalidDocument

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.avro import Schema

M = TypeVar("M", bound=Message)

SINGLE_OBJECT = b"\xc3\x01"


@dataclass(frozen=True, slots=True)
class Writer:
    """A schema that somebody writes with, and what it takes to read it as ours.

    Attributes:
        schema: the parsed writer's schema.
        reader: our parsed schema, or None when the two are the same.
        units: numerator and denominator of fields whose time is not in milliseconds.
    """

    schema: Schema
    reader: Schema | None
    units: dict[str, tuple[int, int]]


class AvroRecords(Generic[M]):
    """One kind of record with the schemas it is known to be written with.

    Attributes:
        header: what single-object encoding puts before a body of the current schema.
        by_header: writers by such a header, those of older versions too.
        by_id: writers by their number in the registry; as ``writer``, or what the registry raises.
    """

    def __init__(self, kind: type[M], schema_of: Callable[[int], Schema] | None = None) -> None:
        self.name = kind.__name__
        self.records = RecordType(kind)
        current = avro.published(self.name)
        self._schema = avro.parsed(current)
        self._bytes = [field["name"] for field in current["fields"] if field["type"] == "bytes"]
        self.header = SINGLE_OBJECT + avro.fingerprint(current)
        self.by_header = {self.header: Writer(self._schema, None, {})}
        for older in avro.superseded(self.name):
            self.by_header[SINGLE_OBJECT + avro.fingerprint(older)] = self.writer(older)
        ask = schema_of or _no_registry
        self.by_id: Lookups[int, Writer] = Lookups(lambda number: self.writer(ask(number)))

    def writer(self, schema: Schema) -> Writer:
        """Return how to read what is written with a schema.

        Raises:
            InvalidDocument: ``unsupported-schema``, it cannot be read with.
        """
        try:
            parsed = avro.parsed(schema)
        except Exception as error:  # noqa: BLE001 - fastavro lets KeyError and others out
            raise InvalidDocument(
                "unsupported-schema", f"the writer's schema cannot be parsed: {error!r}"
            ) from None
        unsafe = guards.unsafe_because(parsed)
        if unsafe is not None:
            raise InvalidDocument("unsupported-schema", f"the writer's schema is unsafe: {unsafe}")
        units = avro.time_units(schema)
        same = not units and self.header == SINGLE_OBJECT + avro.fingerprint(parsed)
        return Writer(parsed, None if same else self._schema, units)

    def read(self, writer: Writer, data: bytes, start: int) -> M:
        """Return the record whose body begins at ``start``.

        Raises:
            InvalidDocument: ``truncated``, ``trailing-bytes``, ``not-utf8``, ``corrupt`` or
                ``incompatible-schema``.
        """
        stream = io.BytesIO(data)
        stream.seek(start)
        try:
            plain = schemaless_reader(stream, writer.schema, writer.reader)
            if writer.reader is not None:
                _finish(plain, writer.units, self._bytes)
            record = self.records.from_avro(plain)
        except Exception as error:  # noqa: BLE001 - corrupt bytes make fastavro raise anything
            raise _unreadable(self.name, error) from None
        if stream.tell() != len(data):
            extra = len(data) - stream.tell()
            raise InvalidDocument(
                "trailing-bytes", f"{extra} bytes follow the {self.name}; send one record a message"
            )
        return record

    def write(self, record: M, header: bytes) -> bytes:
        """Return header and body; lone surrogates, which Avro cannot hold, become U+FFFD."""
        plain = self.records.to_avro(record)
        try:
            return self._written(plain, header)
        except UnicodeEncodeError:
            return self._written(without_surrogates(plain), header)

    def _written(self, plain: dict[str, Any], header: bytes) -> bytes:
        stream = io.BytesIO()
        stream.write(header)
        schemaless_writer(stream, self._schema, plain)
        return stream.getvalue()


def _no_registry(_number: int) -> Schema:
    raise InvalidDocument(
        "unknown-schema",
        "the message is in Confluent wire format but no registry is configured; "
        "set TIDEMARK_SCHEMA_REGISTRY",
    )


def _finish(plain: dict[str, Any], units: dict[str, tuple[int, int]], of_bytes: list[str]) -> None:
    """Bring a resolved record into our units, with maps of its own."""
    for name in of_bytes:
        if isinstance(plain.get(name), str):  # fastavro hands out a default as the schema has it
            plain[name] = plain[name].encode("latin-1")
    for name, (numerator, denominator) in units.items():
        if isinstance(plain.get(name), int):
            plain[name] = plain[name] * numerator // denominator
    for name, value in plain.items():
        if isinstance(value, dict):
            plain[name] = dict(value)  # fastavro hands out one and the same default


def _unreadable(name: str, error: Exception) -> InvalidDocument:
    if isinstance(error, EOFError):
        return InvalidDocument("truncated", f"the bytes end inside the {name}; send it whole")
    if isinstance(error, UnicodeDecodeError):
        return InvalidDocument("not-utf8", f"a string of the {name} is not UTF-8; send UTF-8")
    if type(error).__name__ == "SchemaResolutionError":
        line = str(error).splitlines()[0][:200]
        return InvalidDocument(
            "incompatible-schema", f"the writer's schema cannot be read as {name}: {line}"
        )
    return InvalidDocument("corrupt", f"the bytes are no {name}: {error!r:.120}")
