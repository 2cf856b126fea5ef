"""Documents as JSON of the Avro schema, so that a producer can start with ``kcat`` and an editor.

Fields, types and defaults are those of ``document.avsc``. In addition ``null`` stands for an
absent optional field, and ``published_at`` may be an ISO 8601 string with ``Z`` or an offset.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any, NoReturn

import orjson

from schemas.messages import Document
from schemas.records import without_surrogates
from schemas.times import parse_iso8601
from streams.errors import InvalidDocument

_BOM = b"\xef\xbb\xbf"
_OBJECT = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*\{")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_STRINGS = ("doc_id", "source", "title", "language")
_FIELDS = frozenset({*_STRINGS, "text", "published_at", "metadata"})
_KINDS = {bool: "a boolean", dict: "an object", list: "an array", str: "a string"}
_INT64 = 1 << 63


def looks_like_json(data: bytes) -> bool:
    """Tell whether the first byte that is no space is a ``{`` (a byte order mark may precede)."""
    return _OBJECT.match(data) is not None


def document_from_json(data: bytes) -> Document:
    """Return the document.

    Raises:
        InvalidDocument: ``not-json``, ``not-utf8``, ``missing-text``, ``unknown-field`` or
            ``wrong-type``; names the field and says what to do.
    """
    plain = loads_object(data)
    try:
        return _document({name: value for name, value in plain.items() if value is not None})
    except InvalidDocument as error:
        error.doc_id = _string_or_none(plain.get("doc_id"))
        error.source = _string_or_none(plain.get("source"))
        raise


def loads_object(data: bytes) -> dict[str, Any]:
    """Return a JSON object; lone surrogates in its strings become U+FFFD.

    Raises:
        InvalidDocument: ``not-json`` or ``not-utf8``.
    """
    data = data.removeprefix(_BOM)
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        value = _loads_surrogates(data, error)
    if not isinstance(value, dict):
        raise InvalidDocument("not-json", "the JSON value is no object; send one object")
    return value


def _loads_surrogates(data: bytes, error: orjson.JSONDecodeError) -> Any:
    """Read JSON again that orjson refused, for the sake of lone surrogates: these are replaced."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as cause:
        raise InvalidDocument(
            "not-utf8", f"the JSON is not UTF-8 (byte {cause.start}); send it as UTF-8"
        ) from None
    if _SURROGATE.search(data):
        # Where this fails too, orjson's own message says better what is wrong.
        with suppress(ValueError, RecursionError):
            return without_surrogates(json.loads(text, parse_constant=_no_constant))
    raise InvalidDocument("not-json", f"begins like JSON but is none: {error}") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _document(plain: dict[str, Any]) -> Document:
    unknown = next((name for name in plain if name not in _FIELDS), None)
    if unknown is not None:
        raise InvalidDocument(
            "unknown-field",
            f"field {unknown[:80]!r} is not in the schema; put it into metadata as a string",
        )
    if "text" not in plain:
        raise InvalidDocument("missing-text", 'field "text" is missing; send the body in it')
    for name in (*_STRINGS, "text"):
        if not isinstance(plain.get(name, ""), str):
            raise _wrong(name, plain[name], "a string")
    if "published_at" in plain:
        plain["published_at"] = _milliseconds(plain["published_at"])
    if "metadata" in plain:
        _check_metadata(plain["metadata"])
    return Document(**plain)


def _milliseconds(value: Any) -> int:
    if isinstance(value, str):
        try:
            return parse_iso8601(value, offset_required=True)
        except ValueError as error:
            raise InvalidDocument("wrong-type", f'field "published_at": {error}') from None
    if type(value) is int and -_INT64 <= value < _INT64:
        return value
    raise _wrong("published_at", value, "whole milliseconds since 1970 or an ISO 8601 string")


def _check_metadata(value: Any) -> None:
    if not isinstance(value, dict):
        raise _wrong("metadata", value, "an object of strings")
    for name, part in value.items():
        if not isinstance(part, str):
            raise _wrong(f"metadata.{name[:80]}", part, "a string")


def _wrong(name: str, value: Any, wanted: str) -> InvalidDocument:
    kind = "null" if value is None else _KINDS.get(type(value), "a number")
    return InvalidDocument("wrong-type", f'field "{name}" is {kind}; it has to be {wanted}')


def _string_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None
