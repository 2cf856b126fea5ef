"""Where the columns of ClickHouse's Native format end, without decoding their values.

Layout of the columns: ``docs/en/interfaces/formats/Native`` and ``src/DataTypes/Serializations`` of
ClickHouse; clickhouse-connect parses the names of the types.
"""

from __future__ import annotations

import struct
from typing import Any

_ARRAY_LIKE = ("Array", "Map", "Nested")


class UnknownType(Exception):  # noqa: N818 - named by its consequence
    """How long such a column is, this walker does not know."""


class Walk:
    """A place in blocks that moves on; ``at`` is its offset."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.at = 0

    def varint(self) -> int:
        """Read a LEB128 number."""
        number = shift = 0
        while True:
            byte = self._content[self.at]
            self.at += 1
            number |= (byte & 0x7F) << shift
            if byte < 0x80:  # noqa: PLR2004 - the highest bit says that more follow
                return number
            shift += 7

    def text(self) -> str:
        """Read a string."""
        length = self.varint()
        self.at += length
        return self._content[self.at - length : self.at].decode()

    def column(self, kind: str, rows: int) -> None:
        """Pass over the values of a column.

        Raises:
            UnknownType: it is of a type whose layout depends on its values.
        """
        from clickhouse_connect.datatypes.registry import get_from_name  # noqa: PLC0415 - heavy
        from clickhouse_connect.driver.exceptions import ClickHouseError  # noqa: PLC0415

        try:
            parsed = get_from_name(kind)
        except ClickHouseError as error:
            raise UnknownType(kind) from error
        self._prefix(parsed)
        self._values(parsed, rows)

    def _prefix(self, kind: Any) -> None:
        """Versions of dictionaries stand before all values of a column."""
        if kind.low_card:
            self.at += 8
            return
        for element in _elements(kind):
            self._prefix(element)

    def _values(self, kind: Any, rows: int) -> None:
        if kind.low_card:
            self._dictionary(kind, rows)
            return
        if kind.nullable and kind.name != "Nothing":
            self.at += rows
        self._plain(kind, rows)

    def _dictionary(self, kind: Any, rows: int) -> None:
        if not rows:
            return
        width = 1 << (self._uint64() & 0xFF)
        self._plain(kind, self._uint64())
        keys = self._uint64()
        self.at += width * keys

    def _plain(self, kind: Any, rows: int) -> None:
        name = type(kind).__name__
        if name in _ARRAY_LIKE:
            self.at += 8 * rows
            rows = struct.unpack_from("<Q", self._content, self.at - 8)[0] if rows else 0
            for element in _elements(kind):
                self._values(element, rows)
        elif name == "Tuple":
            for element in _elements(kind):
                self._values(element, rows)
        elif name == "String":
            for _ in range(rows):
                length = self.varint()
                self.at += length
        elif kind.byte_size:
            self.at += kind.byte_size * rows
        else:
            raise UnknownType(kind.name)

    def _uint64(self) -> int:
        self.at += 8
        number: int = struct.unpack_from("<Q", self._content, self.at - 8)[0]
        return number


def _elements(kind: Any) -> tuple[Any, ...]:
    name = type(kind).__name__
    if name == "Array":
        return (kind.element_type,)
    if name == "Map":
        return (kind.key_type, kind.value_type)
    return tuple(kind.element_types) if name in {"Tuple", "Nested"} else ()
