"""Damaged messages: every way in which a value cannot be a document, with the code it must get."""

from __future__ import annotations

import random
import struct
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import orjson

from schemas.messages import DeadLetter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from schemas.codec import Codec
    from schemas.messages import Document

_YEAR_MS = 366 * 86_400_000
_DEEP = 100_000
LARGE = "five megabytes"


@dataclass(frozen=True, slots=True)
class Damaged:
    """A value, how it was damaged, and the codes that its dead letter may have."""

    way: str
    value: bytes | None
    codes: frozenset[str]


class Damage:
    """Damages documents in all ways in turn.

    Args:
        codec: writes the documents that are then damaged.
        topic: the documents topic.
        seed: of the random bytes.
        large: whether texts of five megabytes are among them.
    """

    def __init__(self, codec: Codec, topic: str, *, seed: int = 0, large: bool = True) -> None:
        self._codec = codec
        self._topic = topic
        self._rng = random.Random(seed)
        self._count = 0
        ways = self._ways()
        self._wanted = {way: ways[way] for way in ways if large or way != LARGE}

    @property
    def ways(self) -> tuple[str, ...]:
        """Names of the ways."""
        return tuple(self._wanted)

    def __call__(self, document: Document) -> Damaged:
        """Damage a document in the next way."""
        way = self.ways[self._count % len(self._wanted)]
        self._count += 1
        make, codes = self._wanted[way]
        return Damaged(way, make(document), frozenset(codes.split()))

    def _ways(self) -> Mapping[str, tuple[Callable[[Document], bytes | None], str]]:
        return {
            "random bytes": (lambda _: b"\xfe" + self._random(), "not-avro-nor-json"),
            "truncated Avro": (self._truncated, "truncated corrupt not-utf8"),
            "wrong fingerprint": (self._fingerprint, "unknown-schema"),
            "wrong schema id": (self._schema_id, "unknown-schema"),
            LARGE: (lambda d: self._avro(replace(d, text=d.text * _times(d))), "text-too-large"),
            "null value": (lambda _: None, "null-value"),
            "empty value": (lambda _: b"", "not-avro-nor-json"),
            "JSON without text": (lambda d: _json(d, text=None), "missing-text"),
            "JSON with wrong types": (lambda d: _json(d, text=[d.text]), "wrong-type"),
            "JSON with an unknown field": (lambda d: _json(d, body="x"), "unknown-field"),
            "half JSON": (lambda d: _json(d)[:-2], "not-json"),
            "huge nesting": (lambda _: _nested(_DEEP), "not-json wrong-type"),
            "invalid UTF-8 in JSON": (lambda d: _json(d)[:-2] + b'\xff\xfe"}', "not-utf8"),
            "wrong magic byte": (lambda d: b"\x01" + self._avro(d)[1:], "not-avro-nor-json"),
            "another record": (self._other_record, "unknown-schema"),
            "bytes behind the record": (lambda d: self._avro(d) + b"\x00\x07", "trailing-bytes"),
            "text of spaces": (lambda d: self._avro(replace(d, text=" \n\u200b ")), "empty-text"),
            "future date": (self._from_the_future, "date-in-future"),
        }

    def _avro(self, document: Document) -> bytes:
        return self._codec.encode(self._topic, document)

    def _random(self) -> bytes:
        return self._rng.randbytes(self._rng.randrange(1, 400))

    def _truncated(self, document: Document) -> bytes:
        whole = self._avro(document)
        return whole[: len(whole) // 2]

    def _fingerprint(self, document: Document) -> bytes:
        return b"\xc3\x01" + self._rng.randbytes(8) + self._avro(document)[10:]

    def _schema_id(self, document: Document) -> bytes:
        return b"\x00" + struct.pack(">I", self._rng.randrange(2**31)) + self._avro(document)[10:]

    def _other_record(self, document: Document) -> bytes:
        letter = DeadLetter(
            topic=self._topic,
            partition=0,
            offset=self._count,
            received_at=0,
            key=None,
            value=document.text.encode(),
            headers={},
            code="none",
            reason="not a document",
            role="enrich",
            doc_id=document.doc_id,
            source=None,
            failed_at=0,
        )
        return self._codec.encode(self._topic, letter)

    def _from_the_future(self, document: Document) -> bytes:
        then = time.time_ns() // 1_000_000 + _YEAR_MS
        return self._avro(replace(document, published_at=then))


def _times(document: Document) -> int:
    return 5_000_000 // max(1, len(document.text.encode())) + 1


def _json(document: Document, **changes: object) -> bytes:
    fields = {"doc_id": document.doc_id, "source": document.source, "text": document.text}
    return orjson.dumps(fields | changes)


def _nested(depth: int) -> bytes:
    return b'{"text": ' + b'{"a": ' * depth + b"1" + b"}" * depth + b"}"
