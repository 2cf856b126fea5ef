"""Rows of comma-, semicolon-, tab- or bar-separated files with a header line."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, BinaryIO

from streams.readers.columns import Refused, Row
from streams.readers.opening import MAX_RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_SEPARATORS = ",;\t|"
_UNDECODED = re.compile("[\udc80-\udcff]")
_NOT_UTF8 = "is not UTF-8; convert the file, for instance with iconv"


def csv_rows(
    stream: BinaryIO, name: str, check: Callable[[Sequence[str]], str | None]
) -> Iterator[Row | Refused]:
    """Yield the rows; ``check`` says of the header why rows under it would be no documents."""
    csv.field_size_limit(MAX_RECORD_BYTES)  # the module knows only one limit for the process
    text = io.TextIOWrapper(stream, "utf-8-sig", errors="surrogateescape", newline="")
    header_line = text.readline(MAX_RECORD_BYTES)
    separator = max(_SEPARATORS, key=header_line.count)
    header = next(csv.reader([header_line], delimiter=separator), [])
    reason = _NOT_UTF8 if _UNDECODED.search(header_line) else check(header)
    if reason is not None:
        yield Refused(name, reason)
        return
    reader = csv.reader(text, delimiter=separator, strict=True)
    while True:
        location = f"{name}:{reader.line_num + 2}"
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Refused(location, f"no CSV: {error}")
            continue
        if fields:
            yield _row(location, header, fields)


def _row(location: str, header: list[str], fields: list[str]) -> Row | Refused:
    if len(fields) != len(header):
        return Refused(location, f"has {len(fields)} fields, the header has {len(header)}")
    if any(_UNDECODED.search(field) for field in fields):
        return Refused(location, _NOT_UTF8)
    return Row(location, dict(zip(header, fields, strict=True)))
