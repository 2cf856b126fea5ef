"""What the embedded engine does not write itself of ClickHouse's Native format.

Format: ``docs/en/interfaces/formats/Native`` of ClickHouse; numbers of columns and rows and lengths
of strings are LEB128 variable-length integers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.backends.clickhouse.native_walk import Walk

if TYPE_CHECKING:
    from collections.abc import Sequence

_WITH_SERIALIZATION = 54_454
_BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"
"""No overflow row, no bucket of a two-level aggregation, end of the fields."""


def empty_block(columns: Sequence[tuple[str, str]]) -> bytes:
    """Return the block of an answer without rows: clients want its columns.

    Args:
        columns: names and types.
    """
    header = _varint(len(columns)) + _varint(0)
    return header + b"".join(_text(name) + _text(kind) for name, kind in columns)


def for_revision(content: bytes, revision: int) -> bytes:
    """Return blocks as a client wants them that names a revision of the protocol.

    Go's driver, and so Grafana's data source, sends ``client_protocol_version``: then a block
    begins with its info, and since revision 54454 a column says that it is serialized plainly.
    The engine knows no such parameter.

    Raises:
        UnknownType: a column is of a type whose end cannot be told.
    """
    if revision <= 0:
        return content
    plain = b"\x00" if revision >= _WITH_SERIALIZATION else b""
    walk, out, copied = Walk(content), bytearray(), 0
    while walk.at < len(content):
        out += _BLOCK_INFO
        columns, rows = walk.varint(), walk.varint()
        for _ in range(columns):
            walk.text()
            kind = walk.text()
            out += content[copied : walk.at] + plain
            copied = walk.at
            if rows:
                walk.column(kind, rows)
        out += content[copied : walk.at]
        copied = walk.at
    return bytes(out)


def _text(text: str) -> bytes:
    content = text.encode()
    return _varint(len(content)) + content


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:  # noqa: PLR2004 - seven bits a byte
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])
