"""From the command line's inputs to documents: which files, of which format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from streams.errors import Misconfigured
from streams.readers.columns import Columns, Found, Mapper, Refused, Row
from streams.readers.csv_rows import csv_rows
from streams.readers.json_rows import json_lines, json_values
from streams.readers.opening import damaged_errors, decompressed, inner_name
from streams.readers.parquet_rows import parquet_rows
from streams.readers.text_files import text_file, text_lines

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Iterator, Sequence

STANDARD_INPUT = "-"
_CSV = {".csv", ".tsv"}
_LINES = {".jsonl", ".ndjson"}
_JSON = {".json"}
_TEXT = {".txt", ".md", ".rst"}
_PARQUET = {".parquet", ".pq"}
_KNOWN = ".csv, .tsv, .jsonl, .ndjson, .json, .parquet, .txt, .md and .rst, also with .gz, .xz, "


def check_inputs(inputs: Sequence[str]) -> None:
    """Check that every input is there.

    Raises:
        Misconfigured: names the one that is not.
    """
    for given in inputs:
        if given != STANDARD_INPUT and not Path(given).exists():
            raise Misconfigured(f"{given}: no such file or folder")


def total_bytes(inputs: Sequence[str]) -> int | None:
    """Return the bytes that will be read, for a progress bar; None with standard input."""
    if STANDARD_INPUT in inputs:
        return None
    return sum(path.stat().st_size for path in _paths(inputs) if path.is_file())


def read_documents(
    inputs: Sequence[str],
    columns: Columns,
    *,
    stdin: BinaryIO,
    report: Callable[[int], None] = lambda _: None,
) -> Iterator[Found | Refused]:
    """Yield the documents of all inputs in order, and what is none.

    Args:
        inputs: files, folders (searched through; names with a leading dot are left out), or ``-``.
        columns: which column holds what.
        stdin: what ``-`` stands for: JSON lines when it begins with ``{``, else lines of text.
        report: is told how many bytes were read, as it goes on.
    """
    for given in inputs:
        if given == STANDARD_INPUT:
            rows = _standard_input(stdin, report)
            yield from _documents(rows, Mapper(columns, "stdin"), "stdin")
            continue
        for path in _paths([given]):
            yield from _file(path, columns, report)


def _paths(inputs: Sequence[str]) -> Iterator[Path]:
    for given in inputs:
        path = Path(given)
        if path.is_dir():
            yield from sorted(found for found in path.rglob("*") if _wanted(found, path))
        else:
            yield path


def _wanted(found: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in found.relative_to(folder).parts)
    return found.is_file() and not hidden


def _file(path: Path, columns: Columns, report: Callable[[int], None]) -> Iterator[Found | Refused]:
    name = inner_name(str(path))
    if name.suffix.lower() in _TEXT:
        # A file is one document, so the folder is the segment and no column can be chosen.
        plain = Columns(source_name=columns.source_name)
        mapper = Mapper(plain, path.resolve().parent.name or "files")
    else:
        mapper = Mapper(columns, name.stem)
    yield from _documents(_rows(path, mapper, report), mapper, str(path))


def _documents(
    rows: Iterator[Row | Refused], mapper: Mapper, name: str
) -> Iterator[Found | Refused]:
    try:
        for row in rows:
            yield row if isinstance(row, Refused) else mapper.document(row)
    except damaged_errors() as error:
        yield Refused(name, f"cannot be read from here on: {error}")


def _rows(path: Path, mapper: Mapper, report: Callable[[int], None]) -> Iterator[Row | Refused]:
    suffix = inner_name(str(path)).suffix.lower()
    if suffix in _PARQUET:
        yield from parquet_rows(path, mapper.check, report)
        return
    with path.open("rb") as file:
        stream = decompressed(file, report)
        if suffix in _CSV:
            yield from csv_rows(stream, str(path), mapper.check)
        elif suffix in _LINES:
            yield from json_lines(stream, str(path))
        elif suffix in _JSON:
            yield from json_values(stream, str(path))
        elif suffix in _TEXT:
            yield from text_file(stream, str(path))
        else:
            yield Refused(str(path), f"its format is not known; known are {_KNOWN}.bz2 or .zst")


def _standard_input(stdin: BinaryIO, report: Callable[[int], None]) -> Iterator[Row | Refused]:
    stream = decompressed(stdin, report)
    first = _first_character(stream)
    if first == b"{":
        yield from json_lines(stream, "stdin")
    else:
        yield from text_lines(stream, "stdin")


def _first_character(stream: io.BufferedReader) -> bytes:
    return stream.peek(1).lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
