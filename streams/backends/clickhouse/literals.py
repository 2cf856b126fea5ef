"""Strings as ClickHouse literals, for lists too long for bound parameters (those go in the URL)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SPECIAL = re.compile(r"[\\'\x00-\x1f\x7f]")


def quote(text: str) -> str:
    """Return a string literal; control characters, NUL too, as hexadecimal escapes."""
    return f"'{_SPECIAL.sub(lambda match: f'{chr(92)}x{ord(match.group()):02x}', text)}'"


def tuples(keys: Iterable[tuple[str, str]], *, most: int, longest: int) -> Iterator[str]:
    """Yield lists of pairs for ``IN (...)``, each of at most so many pairs and about so long."""
    chunk: list[str] = []
    length = 0
    for first, second in keys:
        literal = f"({quote(first)},{quote(second)})"
        if chunk and (len(chunk) == most or length + len(literal) > longest):
            yield ",".join(chunk)
            chunk, length = [], 0
        chunk.append(literal)
        length += len(literal)
    if chunk:
        yield ",".join(chunk)
