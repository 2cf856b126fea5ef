"""Rows of JSON lines, and of files that are one JSON array or several JSON values."""

from __future__ import annotations

import codecs
import json
import re
from typing import TYPE_CHECKING, Any, BinaryIO

from schemas.document_json import loads_object
from schemas.records import without_surrogates
from streams.errors import InvalidDocument
from streams.readers.columns import Refused, Row
from streams.readers.opening import MAX_RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 1 << 16
_SPACES = re.compile(r"[ \t\r\n]*")


def lines(stream: BinaryIO, name: str) -> Iterator[tuple[str, bytes] | Refused]:
    """Yield place and content of each line that is not blank; too long ones are refused."""
    number = 0
    while line := stream.readline(MAX_RECORD_BYTES):
        number += 1
        if len(line) == MAX_RECORD_BYTES and not line.endswith(b"\n"):
            while len(stream.readline(MAX_RECORD_BYTES)) == MAX_RECORD_BYTES:
                pass
            yield Refused(f"{name}:{number}", f"the line is longer than {MAX_RECORD_BYTES:,} bytes")
        elif line.strip():
            yield f"{name}:{number}", line


def json_lines(stream: BinaryIO, name: str) -> Iterator[Row | Refused]:
    """Yield a row for every line that holds a JSON object."""
    for line in lines(stream, name):
        if isinstance(line, Refused):
            yield line
            continue
        location, data = line
        try:
            yield Row(location, loads_object(data.strip()))
        except InvalidDocument as error:
            yield Refused(location, str(error))


def json_values(stream: BinaryIO, name: str) -> Iterator[Row | Refused]:
    """Yield a row for every object of a JSON array, or of JSON values one after the other.

    After a place that is no JSON the rest cannot be told apart and is refused as a whole.
    """
    items = _Items(stream)
    number = 0
    while True:
        number += 1
        location = f"{name}:item {number}"
        try:
            item = items.next()
        except StopIteration:
            return
        except ValueError as error:
            yield Refused(location, f"no JSON from here on: {error}")
            return
        if isinstance(item, dict):
            yield Row(location, without_surrogates(item))
        else:
            yield Refused(location, "the item is no object")


class _Items:
    """Takes one value after the other from a text that is read in pieces."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._utf8 = codecs.getincrementaldecoder("utf-8-sig")()
        self._decoder = json.JSONDecoder()
        self._text = ""
        self._at = 0
        self._at_end = False
        self._in_array: bool | None = None
        self._first = True

    def next(self) -> Any:
        """Return the next value.

        Raises:
            StopIteration: there is none.
            ValueError: what follows is no JSON, or longer than a record may be.
        """
        if self._in_array is None:
            self._in_array = self._took("[")
        if self._finished():
            raise StopIteration
        if self._in_array and not self._first and not self._took(","):
            raise ValueError(f"expected ',', found {self._text[self._at :][:20]!r}")
        self._first = False
        self._peek()
        return self._value()

    def _value(self) -> Any:
        step = _CHUNK
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                if self._at_end or len(self._text) - self._at > MAX_RECORD_BYTES:
                    raise ValueError(str(error)) from None
                step *= 2  # so that a long value is not parsed again for every small piece
                self._fill(step)
                continue
            # A number at the end of the piece may go on in the next one.
            if end < len(self._text) or self._at_end:
                self._at = end
                return value
            self._fill(step)

    def _finished(self) -> bool:
        if self._in_array and self._took("]"):
            self._in_array = False
        if self._peek():
            return False
        if self._in_array:
            raise ValueError("the array is cut off")
        return True

    def _took(self, character: str) -> bool:
        found = self._peek() == character
        self._at += found
        return found

    def _peek(self) -> str:
        """Return the next character that is no space; empty at the end."""
        while True:
            match = _SPACES.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text) or self._at_end:
                return self._text[self._at : self._at + 1]
            self._fill(_CHUNK)

    def _fill(self, size: int) -> None:
        data = self._stream.read(size)
        self._at_end = not data
        self._text = self._text[self._at :] + self._utf8.decode(data, final=self._at_end)
        self._at = 0
