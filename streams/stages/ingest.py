"""From a raw message to an accepted document, or to a refusal with its reason.

Every choice that a producer left to us is made here, once: identity, segment, event time. After
this stage a document has all of them, and its text has no character that later stages must fear.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from schemas.messages import Document
from streams.errors import InvalidDocument
from streams.stages.canary import CANARY_SOURCE, CANARY_TOPIC, is_reserved

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.messages import Origin
    from streams.ports import RawMessage

DEFAULT_SOURCE = "default"
MAX_DOC_ID_BYTES = 1024
MAX_SOURCE_CHARACTERS = 256
EARLIEST_MS = -2_208_988_800_000  # 1900-01-01T00:00:00Z, where ClickHouse's DateTime64 begins
LATEST_MS = 10_413_791_999_999  # 2299-12-31T23:59:59.999Z, where it ends

_UTF8_MAX = 4
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
# Fillers, joiners, direction marks, variation selectors, tags, and what stands for lost characters.
_VISIBLE = re.compile(
    r"[^\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffd\U000e0000-\U000e0fff]"
)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A document that can be worked on: nothing of it is left open."""

    doc_id: str
    source: str
    published_at: int
    title: str | None
    text: str
    language: str | None
    metadata: Mapping[str, str]
    origin: Origin


class Decode(Protocol):
    """What a codec does with a message's value; ``schemas.codec.Codec.decode`` fits."""

    def __call__(self, kind: type[Document], data: bytes | None, /) -> Document:
        """Return the document or raise ``InvalidDocument``."""
        ...


class Ingest:
    """Reads, checks and completes documents; pure.

    Args:
        decode: reads a message's value.
        max_document_bytes: longest title and text together, in UTF-8 bytes.
        max_future_ms: how far ahead of its arrival a document may be dated, in milliseconds.
    """

    def __init__(self, decode: Decode, max_document_bytes: int, max_future_ms: int) -> None:
        self._decode = decode
        self._max_document_bytes = max_document_bytes
        self._max_future_ms = max_future_ms

    def __call__(self, message: RawMessage) -> Accepted:
        """Return the document of a message.

        Raises:
            InvalidDocument: it can never be processed; the reason says what to do.
            Unavailable: a schema registry does not answer; try again.
        """
        return self.accept(self._decode(Document, message.value), message.origin)

    def accept(self, document: Document, origin: Origin) -> Accepted:
        """Return the completed document.

        Raises:
            InvalidDocument: as above.
        """
        try:
            return self._completed(document, origin)
        except InvalidDocument as error:
            error.doc_id = _readable(document.doc_id, MAX_DOC_ID_BYTES // _UTF8_MAX)
            error.source = _readable(document.source, MAX_SOURCE_CHARACTERS) or DEFAULT_SOURCE
            raise

    def _completed(self, document: Document, origin: Origin) -> Accepted:
        text = clean(document.text)
        title = _optional(document.title)
        self._check_text(text, title)
        source = _source(document.source)
        _check_reserved(source, origin)
        return Accepted(
            doc_id=_doc_id(document.doc_id) or content_id(source, title, text),
            source=source,
            published_at=self._published_at(document.published_at, origin.received_at),
            title=title,
            text=text,
            language=_optional(document.language),
            metadata=document.metadata,
            origin=origin,
        )

    def _check_text(self, text: str, title: str | None) -> None:
        if _VISIBLE.search(text) is None:
            raise InvalidDocument("empty-text", "the text has no visible character; send a text")
        if (len(text) + len(title or "")) * _UTF8_MAX <= self._max_document_bytes:
            return  # spares nearly every document the second encoding
        size = _utf8_bytes(text) + _utf8_bytes(title or "")
        if size > self._max_document_bytes:
            raise InvalidDocument(
                "text-too-large",
                f"title and text have {size:,} bytes, more than the {self._max_document_bytes:,} "
                "allowed; split the document or raise TIDEMARK_MAX_DOCUMENT_BYTES",
            )

    def _published_at(self, given: int | None, received_at: int) -> int:
        if given is None:
            return received_at
        if not EARLIEST_MS <= given <= LATEST_MS:
            raise InvalidDocument(
                "date-out-of-range",
                f"published_at {given} is not between the years 1900 and 2299; "
                "send milliseconds since 1970-01-01 UTC",
            )
        if given > received_at + self._max_future_ms:
            raise InvalidDocument(
                "date-in-future",
                f"published_at is {(given - received_at) / 3_600_000:,.1f} hours ahead of the "
                "message's arrival; correct the producer's clock or raise TIDEMARK_MAX_FUTURE",
            )
        return given


def clean(text: str) -> str:
    """Return the text with a space for control characters and U+FFFD for lone surrogates.

    Tab, line feed and carriage return stay; so do right-to-left text, emoji and every other
    character, and the Unicode normal form.
    """
    cleaned = _CONTROL.sub(" ", text)
    return cleaned if cleaned.isascii() else _SURROGATE.sub("\ufffd", cleaned)


def content_id(source: str, title: str | None, text: str) -> str:
    """Return the identity of a document that came without one: 32 hex digits of BLAKE2b.

    The parts are cleaned and so hold no NUL, which therefore keeps them apart.
    """
    content = f"{source}\0{title or ''}\0{text}".encode()
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _doc_id(given: str | None) -> str | None:
    doc_id = _optional(given)
    if doc_id is not None and _utf8_bytes(doc_id) > MAX_DOC_ID_BYTES:
        raise InvalidDocument(
            "doc-id-too-long",
            f"doc_id has more than {MAX_DOC_ID_BYTES} bytes; shorten it or leave it out",
        )
    return doc_id


def _source(given: str) -> str:
    source = (_optional(given) or DEFAULT_SOURCE).strip()
    if len(source) > MAX_SOURCE_CHARACTERS:
        raise InvalidDocument(
            "source-too-long",
            f"source has more than {MAX_SOURCE_CHARACTERS} characters; it names a segment, "
            "put long descriptions into metadata",
        )
    return source


def _check_reserved(source: str, origin: Origin) -> None:
    if is_reserved(source) and origin.topic != CANARY_TOPIC:
        raise InvalidDocument(
            "reserved-source",
            f"the source {CANARY_SOURCE!r} is Tidemark's own, for the canary documents that watch "
            "the model; name your source otherwise",
        )


def _optional(given: str | None) -> str | None:
    cleaned = clean(given or "")
    return cleaned if _VISIBLE.search(cleaned) else None


def _readable(given: str | None, characters: int) -> str | None:
    readable = _optional(given)
    return readable[:characters].strip() if readable else None


def _utf8_bytes(text: str) -> int:
    return len(text.encode())
