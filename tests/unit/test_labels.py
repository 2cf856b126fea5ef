"""What people say of documents: which labels can be, files of them, and their sources."""

from __future__ import annotations

import gzip
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from schemas.messages import HumanLabel
from streams.backends.clickhouse.storable import refusal
from streams.cli.label import sourced
from streams.cli.publishing import Outcome
from streams.readers.columns import Refused
from streams.readers.labels import Said, Speaker, read_labels
from streams.stages.labels import MOST_LABELS, reasons

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

GOOD = HumanLabel("gazette-17", "gazette", ("shipping",), "ada", 1_714_564_800_000)
SPEAKER = Speaker("", "ada", 1_714_564_800_000)


def test_a_label_and_none_at_all_can_be_said() -> None:
    """Without labels a person takes back what they said."""
    assert list(reasons(GOOD)) == list(reasons(replace(GOOD, labels=()))) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"doc_id": " "}, "names no document"),
        ({"doc_id": "é" * 513}, "longer than 1,024 bytes"),
        ({"labels": ("sea", " ")}, "blank"),
        ({"labels": ("unsure",)}, "no label of a document"),
        ({"labels": ("x",) * (MOST_LABELS + 1)}, "at most 100"),
        ({"labels": ("x" * 257,)}, "at most 256 characters"),
        ({"labelled_by": "x" * 257}, "at most 256 characters"),
        ({"labelled_at": 1 << 60}, "labelled_at"),
    ],
)
def test_what_cannot_be_said_never_reaches_a_table(changes: dict[str, object], told: str) -> None:
    """It is a dead letter with the reason, and the identity where there is one."""
    error = refusal(replace(GOOD, **changes))  # type: ignore[arg-type]
    assert error is not None
    assert told in str(error)
    assert (error.code, error.source) == ("out-of-range", "gazette")


def test_a_file_says_it_row_by_row(tmp_path: Path) -> None:
    """Several labels, the rows' own persons and times; what is no label has its place."""
    path = tmp_path / "labelled.csv.gz"
    rows = (
        "doc_id,label,labelled_by,labelled_at,note\n"
        "a,sea | land,bob,2024-05-01T12:00:00Z,why not\n"
        "b,,,,\n"
        "c,sea,,yesterday,\n"
        "d,sea\n"
    )
    path.write_bytes(gzip.compress(rows.encode()))
    first, second, third, fourth = read_labels(path, SPEAKER)
    assert isinstance(first, Said)
    assert isinstance(second, Said)
    assert first.label == HumanLabel("a", "", ("sea", "land"), "bob", 1_714_564_800_000, "why not")
    assert second.label == HumanLabel("b", "", (), "ada", SPEAKER.at)
    assert isinstance(third, Refused)
    assert third.location.endswith(":4")
    assert "labelled_at" in third.reason
    assert isinstance(fourth, Refused)


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"id,label\n1,sea\n", "no column doc_id"), (b"\x1f\x8bnot gzip", "cannot be read further")],
)
def test_a_file_without_labels_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    """In one line that says what is missing."""
    path = tmp_path / "labelled.csv"
    path.write_bytes(content)
    (only,) = read_labels(path, SPEAKER)
    assert isinstance(only, Refused)
    assert told in only.reason


def test_sources_are_looked_up_where_they_are_not_given() -> None:
    """A document in one source is found; one in none or several is refused, the rest goes on."""
    asked: list[Sequence[str]] = []

    def sources(ids: Sequence[str]) -> dict[str, list[str]]:
        asked.append(ids)
        return {"a": ["news"], "twice": ["news", "blogs"]}

    said = [
        Said(f"row {number}", replace(GOOD, doc_id=doc_id, source=source))
        for number, (doc_id, source) in enumerate(
            [("a", ""), ("twice", ""), ("nowhere", ""), ("b", "papers")]
        )
    ]
    outcome = Outcome()
    found = list(sourced([*said, Refused("row 4", "no CSV")], outcome, sources))
    assert [(one.label.doc_id, one.label.source) for one in found] == [
        ("a", "news"),
        ("b", "papers"),
    ]
    assert asked == [["a", "nowhere", "twice"]]
    told = [str(one) for one in outcome.reasons]
    assert outcome.refused == len(told) == 3
    assert "several sources: blogs, news" in told[0]
    assert "no document 'nowhere' has landed" in told[1]
