"""Whatever arrives: a record or a refusal, never anything else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.avro import superseded
from schemas.codec import KINDS, codec_for
from schemas.messages import Document, Enriched, Message
from streams.cli.publishing import as_json
from streams.errors import InvalidDocument
from tests.support import examples

CODEC = codec_for(None)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
ANY_TEXTS = st.text(st.characters(), max_size=40)
INT64 = st.integers(-(2**63), 2**63 - 1)
RECORDS = [examples.record(stem) for stem in sorted(examples.RECORDS)]
ENCODED = [CODEC.encode("any", record) for record in RECORDS]


def documents(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Document]:
    return st.builds(
        Document,
        text=texts,
        doc_id=st.none() | texts,
        source=texts,
        published_at=st.none() | INT64,
        title=st.none() | texts,
        language=st.none() | texts,
        metadata=st.dictionaries(texts, texts, max_size=3),
    )


def outcome(kind: type[Message], data: bytes) -> Message | InvalidDocument:
    """Return the record or the refusal; anything else escapes and fails the test."""
    try:
        return CODEC.decode(kind, data)
    except InvalidDocument as refused:
        return refused


@given(documents(TEXTS))
def test_avro_gives_back_every_document(document: Document) -> None:
    """Encoding loses nothing."""
    assert CODEC.decode(Document, CODEC.encode("any", document)) == document


@given(documents(TEXTS))
def test_json_gives_back_every_document(document: Document) -> None:
    """Both formats mean the same."""
    assert CODEC.decode(Document, as_json(document)) == document


@given(documents(ANY_TEXTS))
def test_every_document_can_be_written(document: Document) -> None:
    """Lone surrogates become replacement characters, and nothing else changes."""
    read = CODEC.decode(Document, CODEC.encode("any", document))
    lost = "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in document.text)
    assert lost == read.text
    assert read == CODEC.decode(Document, CODEC.encode("any", read))


@given(st.binary(max_size=300), st.sampled_from(KINDS))
def test_random_bytes_are_a_record_or_a_refusal(data: bytes, kind: type[Message]) -> None:
    """No input makes the codec raise anything else."""
    assert isinstance(outcome(kind, data), (kind, InvalidDocument))


@given(st.binary(max_size=300), st.sampled_from([*ENCODED]), st.sampled_from(KINDS))
def test_random_bodies_behind_a_right_header(
    body: bytes, encoded: bytes, kind: type[Message]
) -> None:
    """A corrupt body is bounded by its own length and refused cleanly."""
    assert isinstance(outcome(kind, encoded[:10] + body), (kind, InvalidDocument))


@given(st.data())
def test_damaged_records_are_a_record_or_a_refusal(data: st.DataObject) -> None:
    """Bits flip, ends are cut off, pieces are put in."""
    number = data.draw(st.integers(0, len(RECORDS) - 1))
    damaged = bytearray(ENCODED[number])
    for place in data.draw(st.lists(st.integers(10, len(damaged) - 1), max_size=4)):
        damaged[place] ^= 1 << data.draw(st.integers(0, 7))
    cut = data.draw(st.integers(10, len(damaged)))
    tail = data.draw(st.binary(max_size=12))
    kind: Any = type(RECORDS[number])
    assert isinstance(outcome(kind, bytes(damaged[:cut]) + tail), (kind, InvalidDocument))


@given(st.binary(max_size=60))
def test_random_bodies_of_an_older_writer(body: bytes) -> None:
    """The same holds where the body has to be resolved to our schema."""
    assert superseded("Document")
    records: Any = CODEC._kinds[Document]
    (older,) = set(records.by_header) - {records.header}
    assert isinstance(outcome(Document, older + body), (Document, InvalidDocument))


@given(st.text(st.characters(), max_size=60) | st.binary(max_size=60))
def test_what_begins_like_json_is_a_document_or_a_refusal(rest: str | bytes) -> None:
    """So it is for JSON that is cut off, broken, or not UTF-8."""
    data = rest if isinstance(rest, bytes) else rest.encode("utf-8", "surrogatepass")
    assert isinstance(outcome(Document, b'{"text": "' + data), (Document, InvalidDocument))


@given(st.floats(width=32), st.lists(st.floats(width=32), max_size=4))
def test_floats_survive_unchanged(confidence: float, scores: list[float]) -> None:
    """Also infinities and zeros with a sign; NaN stays NaN."""
    example: Any = examples.record("enriched")
    record = replace(example, confidence=confidence, scores=dict(zip("abcd", scores, strict=False)))
    read = CODEC.decode(Enriched, CODEC.encode("any", record))
    assert repr(read) == repr(record)
