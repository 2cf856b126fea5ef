"""Dead letters as lines of a file: exported, repaired with any editor or program, put back.

A line is a JSON object. ``letter`` is its identity and stays as it is. What is put back is either
``document`` (an object of the document schema; given where the bytes could be read as Avro) or
``value``: text, ``null``, or ``{"base64": "..."}`` where the bytes are no UTF-8. ``key`` and the
values of ``headers`` are written like ``value``. Everything else is for the reader.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, BinaryIO

import orjson

from schemas.document_json import document_from_json, looks_like_json
from schemas.messages import Document
from streams.errors import InvalidDocument, Misconfigured, Unavailable
from streams.stages.replays import read, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from schemas.codec import Codec
    from streams.stages.replays import Candidate, LetterKey


def export(candidates: Iterable[Candidate], file: BinaryIO, codec: Codec) -> int:
    """Write letters; returns how many."""
    count = 0
    for count, one in enumerate(candidates, 1):  # noqa: B007 - the last number is the count
        file.write(orjson.dumps(_line(one, codec)) + b"\n")
    return count


def repaired(
    path: Path,
    find: Callable[[LetterKey], Candidate | None],
    encode: Callable[[str, Document], bytes],
) -> Iterator[Candidate]:
    """Yield the letters of a file as they are to be put back.

    Args:
        path: what ``export`` wrote, repaired.
        find: looks a letter up in the database.
        encode: writes a document for a topic.

    Raises:
        Misconfigured: a line is wrong; names it.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield _repaired(line, f"{path}, line {number}", find, encode)
    except OSError as error:
        raise Misconfigured(f"cannot read {path}: {error.strerror}") from error


def _line(one: Candidate, codec: Codec) -> dict[str, Any]:
    letter = one.letter
    line: dict[str, Any] = {
        "letter": written(one.key),
        "code": letter.code,
        "reason": letter.reason,
        "doc_id": letter.doc_id,
        "source": letter.source,
    }
    document = _document(letter.value, codec)
    line |= {"value": _shown(letter.value)} if document is None else {"document": asdict(document)}
    headers = {name: _shown(part) for name, part in letter.headers.items()}
    return {**line, "key": _shown(letter.key), "headers": headers}


def _document(value: bytes | None, codec: Codec) -> Document | None:
    if value is None or looks_like_json(value):
        return None  # JSON is best repaired as it is
    try:
        return codec.decode(Document, value)
    except (InvalidDocument, Unavailable):
        return None


def _repaired(
    line: bytes,
    where: str,
    find: Callable[[LetterKey], Candidate | None],
    encode: Callable[[str, Document], bytes],
) -> Candidate:
    try:
        plain = orjson.loads(line)
        key = read(str(plain["letter"]).encode())
        found = find(key) if key is not None else None
        if found is None:
            raise Misconfigured(f"{where}: there is no dead letter {plain['letter']!r}")
        topic = found.letter.topic
        value = _value(plain, lambda document: encode(topic, document))
        headers = {name: _bytes(part) or b"" for name, part in plain["headers"].items()}
        letter = replace(found.letter, key=_bytes(plain["key"]), value=value, headers=headers)
    except InvalidDocument as error:
        raise Misconfigured(f"{where}: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Misconfigured(
            f"{where} is no line of `tidemark dead-letters export` ({error!r:.100})"
        ) from error
    return replace(found, letter=letter)


def _value(plain: dict[str, Any], encode: Callable[[Document], bytes]) -> bytes | None:
    if ("document" in plain) == ("value" in plain):
        raise ValueError("give document or value, one of them")
    if "value" in plain:
        return _bytes(plain["value"])
    return encode(document_from_json(orjson.dumps(plain["document"])))


def _shown(content: bytes | None) -> str | dict[str, str] | None:
    if content is None:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}


def _bytes(shown: object) -> bytes | None:
    if shown is None:
        return None
    if isinstance(shown, str):
        return shown.encode()
    if isinstance(shown, dict) and set(shown) == {"base64"}:
        try:
            return base64.b64decode(shown["base64"], validate=True)
        except binascii.Error as error:
            raise ValueError(f"base64: {error}") from error
    raise ValueError(f"{shown!r:.40} is neither text, null nor base64")
