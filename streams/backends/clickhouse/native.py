"""The few blocks of ClickHouse's Native format that the embedded engine does not write itself.

Format: ``docs/en/interfaces/formats/Native`` of ClickHouse; numbers of columns and rows and lengths
of strings are LEB128 variable-length integers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def empty_block(columns: Sequence[tuple[str, str]]) -> bytes:
    """Return the block of an answer without rows: clients want its columns.

    Args:
        columns: names and types.
    """
    header = _varint(len(columns)) + _varint(0)
    return header + b"".join(_text(name) + _text(kind) for name, kind in columns)


def _text(text: str) -> bytes:
    content = text.encode()
    return _varint(len(content)) + content


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:  # noqa: PLR2004 - seven bits a byte
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])
