"""Plain text: a file is a document, a line of standard input is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from streams.readers.columns import Refused, Row
from streams.readers.json_rows import lines
from streams.readers.opening import MAX_RECORD_BYTES, inner_name

if TYPE_CHECKING:
    from collections.abc import Iterator


def text_file(stream: BinaryIO, path: str) -> Iterator[Row | Refused]:
    """Yield the file as one row; its path is the identity, its name the title."""
    data = stream.read(MAX_RECORD_BYTES + 1)
    if len(data) > MAX_RECORD_BYTES:
        yield Refused(path, f"the file is longer than {MAX_RECORD_BYTES:,} bytes")
        return
    yield _row(path, data, {"doc_id": path, "title": inner_name(path).stem})


def text_lines(stream: BinaryIO, name: str) -> Iterator[Row | Refused]:
    """Yield every line that is not blank as a row."""
    for line in lines(stream, name):
        yield line if isinstance(line, Refused) else _row(*line, {})


def _row(location: str, data: bytes, others: dict[str, object]) -> Row | Refused:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return Refused(
            location,
            f"is not UTF-8 (byte {error.start}); convert it, for instance with iconv",
        )
    return Row(location, {**others, "text": text.strip()})
