"""Messages that no producer should send and some producer will: what becomes of each."""

from __future__ import annotations

import json
from dataclasses import dataclass

from schemas.codec import codec_for
from schemas.messages import Document

_CODEC = codec_for()
_AVRO = _CODEC.encode("any", Document(text="The tide turned at noon.", doc_id="whole"))


@dataclass(frozen=True, slots=True)
class Case:
    """A message's value, and its fate.

    Attributes:
        code: of its dead letter; None where it lands.
        text: of its row; None where it does not land.
    """

    name: str
    value: bytes | None
    code: str | None = None
    text: str | None = None

    @property
    def key(self) -> bytes:
        """Key of the message; the doc_id of a document that lands."""
        return self.name.encode()


def _json(name: str, text: str, **fields: object) -> bytes:
    return json.dumps({"doc_id": name, "source": "odd", "text": text, **fields}).encode()


def _dead(name: str, code: str, value: bytes | None) -> Case:
    return Case(name, value, code=code)


def _lands(name: str, text: str, read_as: str | None = None, **fields: object) -> Case:
    return Case(name, _json(name, text, **fields), text=text if read_as is None else read_as)


REFUSED = (
    _dead("neither-avro-nor-json", "not-avro-nor-json", b"\xde\xad\xbe\xef\x00\xff"),
    _dead("plain-words", "not-avro-nor-json", b"The tide turned at noon."),
    _dead("no-bytes", "not-avro-nor-json", b""),
    _dead("half-json", "not-json", b'{"text": "The tide'),
    _dead("latin-1", "not-utf8", '{"text": "Flutwelle über Föhr"}'.encode("latin-1")),
    _dead("unknown-fingerprint", "unknown-schema", b"\xc3\x01" + b"\x07" * 8 + b"body"),
    _dead("unknown-registry", "unknown-schema", b"\x00\x00\x00\x00\x2a" + b"body"),
    _dead("half-avro", "truncated", _AVRO[: len(_AVRO) // 2]),
    _dead("missing-text", "missing-text", b'{"doc_id": "missing-text", "source": "odd"}'),
    _dead("empty-text", "empty-text", _json("empty-text", "")),
    _dead("invisible-text", "empty-text", _json("invisible-text", " \u200b\u00ad\n\u2060")),
    _dead("year-1601", "date-out-of-range", _json("y", "Old.", published_at=-11_644_473_600_000)),
    _dead("year-1601-iso", "date-out-of-range", _json("y", "x", published_at="1601-01-01T00:00Z")),
    _dead("year-2400", "date-out-of-range", _json("y", "New.", published_at=13_569_465_600_000)),
    _dead("year-2100", "date-in-future", _json("y", "New.", published_at=4_102_444_800_000)),
    _dead("null-value", "null-value", None),
)
"""Messages that become dead letters."""

ODD = (
    _lands("control", "bell \x07, escape \x1b[31m, nul \x00.", "bell  , escape  [31m, nul  ."),
    _lands("lone-surrogate", "half \ud83c of an emoji", "half \ufffd of an emoji"),
    _lands("right-to-left", "הגאות התהפכה בצהריים. \u202eمد البحر عند الظهر"),
    _lands("emoji", "🌊🌊 👩\u200d👩\u200d👧 🏳️\u200d🌈 \U0010ffff"),
    _lands("no-spaces", "Donaudampfschifffahrtsgesellschaftskapitän" * 50),
    _lands("no-spaces-chinese", "潮水在中午转向了" * 100),
    _lands("unknown-language", "ᐃᓄᒃᑎᑐᑦ ᐅᖃᐅᓯᖅ ᑕᕆᐅᖅ", language="iu"),
    _lands("one-letter", "x"),
    _lands("year-1900", "The oldest date.", published_at=-2_208_988_800_000),
    _lands("markup", "<script>alert(1)</script> '; DROP TABLE documents; -- {name:String} %s"),
)
"""Documents that land although something about them is odd."""

MEGABYTE = _lands("megabyte", ("tide and moon " * 75_000)[:1_000_000])
TWENTY_MEGABYTES = _dead("twenty-megabytes", "text-too-large", _json("t", "x" * 20_000_000))

AGAIN_SAME = (_json("again", "The same text."), _json("again", "The same text."))
AGAIN_OTHER = (_json("revised", "The first text."), _json("revised", "The second text."))


def neighbours(count: int) -> list[Case]:
    """Documents with which nothing is wrong."""
    return [_lands(f"good-{number}", f"Good text number {number}.") for number in range(count)]
