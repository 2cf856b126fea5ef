"""Between the typed records and the dictionaries that fastavro reads and writes."""

from __future__ import annotations

import re
from dataclasses import fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from schemas import messages
from schemas.avro import published

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from schemas.avro import Schema
    from schemas.messages import Message

M = TypeVar("M", bound="Message")
_SURROGATES = re.compile("[\ud800-\udfff]")


class RecordType(Generic[M]):
    """How one kind of record becomes a dictionary and comes back; worked out once."""

    def __init__(self, kind: type[M]) -> None:
        self.kind = kind
        self.names = tuple(field.name for field in fields(kind))
        self._values: Callable[[M], tuple[Any, ...]] = attrgetter(*self.names)
        arrays = _arrays(published(kind.__name__))
        self._dump = {name: _dump_items(item) for name, item in arrays.items() if item}
        self._load = {name: _load_items(item) for name, item in arrays.items()}

    def to_avro(self, record: M) -> dict[str, Any]:
        """Return the record as a dictionary of plain values."""
        plain = dict(zip(self.names, self._values(record), strict=True))
        for name, dump in self._dump.items():
            plain[name] = dump(plain[name])
        return plain

    def from_avro(self, plain: dict[str, Any]) -> M:
        """Return the record; takes over the dictionary.

        Raises:
            TypeError: a field is missing or not known.
        """
        for name, load in self._load.items():
            plain[name] = load(plain[name])
        return self.kind(**plain)


def without_surrogates(value: Any) -> Any:
    """Return the value with U+FFFD for lone surrogates, which UTF-8 cannot express."""
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, dict):
        return {without_surrogates(name): without_surrogates(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_surrogates(part) for part in value]
    return value


def _arrays(schema: Schema) -> dict[str, type[Any] | None]:
    """Return the array fields and, where their items are records, the type of these."""
    return {
        field["name"]: _item_type(field["type"]["items"])
        for field in schema["fields"]
        if isinstance(field["type"], dict) and field["type"]["type"] == "array"
    }


def _item_type(items: Schema) -> type[Any] | None:
    name = items["name"] if isinstance(items, dict) else items
    item: type[Any] | None = getattr(messages, name, None)
    return item


def _dump_items(item: type[Any] | None) -> Callable[[Any], list[Mapping[str, Any]]]:
    names = [field.name for field in fields(item)] if item else []
    return lambda records: [{name: getattr(record, name) for name in names} for record in records]


def _load_items(item: type[Any] | None) -> Callable[[Any], tuple[Any, ...]]:
    if item is None:
        return tuple
    return lambda plain: tuple(item(**part) for part in plain)
