"""Answers as tables for people, JSON and CSV for programs.

A terminal gets a table with lines and colours; a pipe gets plain aligned text. Both show control
characters as escapes, so that the text of a document cannot steer the terminal.
"""

from __future__ import annotations

import csv
import io
import re
import sys
import unicodedata
from enum import Enum
from typing import TYPE_CHECKING, Any, TextIO

import orjson
import typer
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST_CELL = 200
_NUMBER = re.compile(r"(?:Nullable\()?(?:U?Int|Float|BFloat|Decimal)")
_CONTROL = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINER = "\u200d"  # holds emoji together


class Format(str, Enum):
    """How an answer is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def write(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    how: Format,
    *,
    title: str | None = None,
    types: Sequence[str] = (),
    stream: TextIO | None = None,
) -> None:
    """Write an answer.

    Args:
        columns: names.
        rows: values; None where there is none.
        how: table, JSON (a list of objects) or CSV (with a header).
        title: above a table; not in JSON or CSV.
        types: ClickHouse's types of the columns; numbers stand at the right.
        stream: standard output where absent.
    """
    out = sys.stdout if stream is None else stream
    if how is Format.JSON:
        typer.echo(as_json(columns, rows), file=out)
    elif how is Format.CSV:
        typer.echo(as_csv(columns, rows), file=out, nl=False)
    elif out.isatty():
        _rich(columns, rows, title, types, out)
    else:
        typer.echo(as_text(columns, rows, title=title, types=types), file=out)


def as_json(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a list of objects, one a row."""
    records = [dict(zip(columns, row, strict=True)) for row in rows]
    return orjson.dumps(records, option=orjson.OPT_INDENT_2).decode()


def as_csv(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return CSV (RFC 4180) with a header; lists and maps as JSON."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([["" if cell is None else _flat(cell) for cell in row] for row in rows])
    return out.getvalue()


def as_text(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    title: str | None = None,
    types: Sequence[str] = (),
) -> str:
    """Return aligned text without colours, columns two spaces apart."""
    cells = [list(columns), *([shown(cell) for cell in row] for row in rows)]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    right = _right(columns, types)
    lines = [
        "  ".join(_padded(*item) for item in zip(line, widths, right, strict=True)).rstrip()
        for line in cells
    ]
    return "\n".join([*([title] if title else []), *lines])


def shown(cell: object) -> str:
    """Return a value as one printable line."""
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:.4g}"
    text = printable(_flat(cell))
    return text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 1]}…"


def printable(text: str) -> str:
    """Return a text with control characters as escapes: it cannot steer a terminal."""
    return "".join(map(_printable, text))


def _rich(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    title: str | None,
    types: Sequence[str],
    out: TextIO,
) -> None:
    table = RichTable(title=title, title_justify="left", header_style="bold")
    for name, right in zip(columns, _right(columns, types), strict=True):
        table.add_column(Text(name), justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(shown(cell)) for cell in row))
    Console(file=out).print(table)


def _right(columns: Sequence[str], types: Sequence[str]) -> list[bool]:
    if not types:
        return [False] * len(columns)
    return [_NUMBER.match(kind) is not None for kind in types]


def _padded(text: str, width: int, right: bool) -> str:  # noqa: FBT001 - mapped over columns
    space = " " * (width - cell_len(text))
    return space + text if right else text + space


def _flat(cell: object) -> str:
    if isinstance(cell, (dict, list)):
        return orjson.dumps(cell).decode()
    return str(cell)


def _printable(character: str) -> str:
    if unicodedata.category(character) not in _CONTROL or character == _JOINER:
        return character
    return {"\n": "⏎", "\t": " "}.get(character, f"\\u{ord(character):04x}")
