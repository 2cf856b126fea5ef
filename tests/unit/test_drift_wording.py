"""Alerts in words and as a query."""

from __future__ import annotations

import pytest

from schemas.messages import ShareChange, TermChange
from streams.drift.wording import evidence_query, sentence, sql_string, utc_minute


def test_one_sentence() -> None:
    """When, how sure, which words, which labels; shares that are unclear stay out."""
    labels = (
        ShareChange("software", 0.8, 0.35, -0.55, -0.35),
        ShareChange("sports", 0.2, 0.25, -0.1, 0.2),
    )
    came = (TermChange("matrix", 5.0, 0.0, 0.5), TermChange("axis", 4.0, 0.0, 0.4))
    text = sentence(
        "python-docs",
        1_795_230_720_000,
        score=14.23,
        threshold=9.2,
        came=came,
        went=(TermChange("socket", -4.0, 0.3, 0.0),),
        labels=labels,
    )
    assert text == (
        'source "python-docs": language moved since 2026-11-21 03:12 UTC '
        "(score 14.2, alarm above 9.2): came: matrix, axis; went: socket; "
        "label software 80 % -> 35 %"
    )


def test_a_change_without_words() -> None:
    """Nothing to name is said, not left out."""
    text = sentence("s", 0, score=9.9, threshold=9.2, came=(), went=(), labels=())
    assert text.endswith("no single word or label stands out")


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "1970-01-01 00:00 UTC"),
        (-11_644_473_600_000, "1601-01-01 00:00 UTC"),
        (10**17, "9999-12-31 23:59 UTC"),
        (-(10**17), "0001-01-01 00:00 UTC"),
    ],
)
def test_any_time_can_be_written(milliseconds: int, text: str) -> None:
    """Times beyond the calendar are written as its ends."""
    assert text == utc_minute(milliseconds)


def test_sources_cannot_break_out_of_the_query() -> None:
    """Quotes, backslashes and line breaks stay inside the literal."""
    assert sql_string("it's \\' OR 1=1 --\n") == r"'it\'s \\\' OR 1=1 --\n'"
    query = evidence_query("it's", 5, 9)
    assert r"source = 'it\'s' AND" in query
    assert "\n" not in query
