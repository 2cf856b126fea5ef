"""Records that no column can hold are told from those that one can, before anything is sent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.messages import Evidence
from streams.backends.clickhouse.storable import refusal
from tests.support.landed import alert, document, letter, window


@pytest.mark.parametrize("record", [document(1), window(0), alert(), letter(3)])
def test_what_tidemark_writes_is_stored(record: object) -> None:
    """Nothing of our own is refused."""
    assert refusal(record) is None  # type: ignore[arg-type] # one of the four


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"tokens": -1}, "tokens is -1: it must be from 0 to 4294967295"),
        ({"word_pieces": 1 << 32}, "word_pieces is 4294967296"),
        ({"tokens_in": 1 << 70}, "tokens_in is"),
        ({"version": -1}, "version is -1"),
        ({"partition": 1 << 31}, "partition is 2147483648"),
        ({"published_at": 1 << 60}, "published_at is"),
        ({"enriched_at": -(1 << 60)}, "enriched_at is"),
        ({"embedding": b"123"}, "embedding has 3 bytes"),
        ({"terms": ("a",), "term_counts": ()}, "1 terms have 0 counts"),
        ({"terms": ("a",), "term_counts": (1 << 33,)}, "term_counts goes from"),
    ],
)
def test_a_document_out_of_range(change: dict[str, object], reason: str) -> None:
    """The reason names the field; the document is named, too."""
    found = refusal(replace(document(1), **change))  # type: ignore[arg-type] # wrong on purpose
    assert found is not None
    assert (found.code, found.doc_id, found.source) == ("out-of-range", "doc-1", "news")
    assert str(found).startswith(reason)


def test_a_window_and_an_alert_out_of_range() -> None:
    """Counts below nothing and times after 2299."""
    far = Evidence("doc-1", 1 << 60, "summary", 0.5)
    found = [
        refusal(replace(window(0), labels={"sea": -1})),
        refusal(replace(window(0), window_seconds=-5)),
        refusal(replace(alert(), new_documents=(far,))),
        refusal(replace(letter(1), failed_at=1 << 60)),
    ]
    assert [one.code if one else None for one in found] == ["out-of-range"] * 4


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"copies": -1}, "copies is -1"),
        ({"languages": {"en": -2}}, "languages goes from -2"),
        ({"length_sketch": {"4": -1}}, "length_sketch goes from -1"),
        ({"lateness_sketch": {"first": 1}}, "lateness_sketch has the bucket 'first'"),
        ({"confidence_sketch": {"40000": 1}}, "confidence_sketch has the bucket '40000'"),
        ({"token_sample": b"123"}, "token_sample has 3 bytes"),
    ],
)
def test_sketches_out_of_range(change: dict[str, object], reason: str) -> None:
    """Keys of a map are strings in Avro and numbers in the table."""
    found = refusal(replace(window(0), **change))  # type: ignore[arg-type] # wrong on purpose
    assert found is not None
    assert str(found).startswith(reason)
