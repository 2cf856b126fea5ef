"""Alerts in words and as a query."""

from __future__ import annotations

import pytest

from schemas.messages import ShareChange, TermChange
from streams.drift.decompose import Move
from streams.drift.finding import Explanation, Finding, Moment, Span
from streams.drift.telling import Moved, Unknown, what_moved
from streams.drift.wording import (
    closed_message,
    evidence_query,
    message,
    sql_string,
    utc_minute,
)
from tests.support.landed import alert

NOTHING_NEW = Unknown(0.1, 0.1, 0.0)


def test_what_moved_in_plain_words() -> None:
    """Labels and words from before to now; what is unclear, small or chance stays out."""
    labels = (
        ShareChange("software", 0.8, 0.35, -0.55, -0.35),
        ShareChange("weather", 0.05, 0.35, 0.2, 0.4),
        ShareChange("sports", 0.2, 0.25, -0.1, 0.2),
        ShareChange("crime", 0.002, 0.02, 0.01, 0.03),
    )
    came = (TermChange("matrix", 5.0, 0.0, 0.5), TermChange("every", 2.1, 0.0, 0.1))
    went = (TermChange("socket", -4.0, 0.3, 0.0),)
    text = what_moved(Moved(came, went, labels, NOTHING_NEW, Move(1.0, 0.68, 0.32)))
    assert text == (
        'More "weather": 35 % of the documents, 5 % before. Less "software": 35 %, 80 % before. '
        "Words that came: matrix. Words that went: socket. "
        "About 70 % of the move is another mix of labels, 30 % new content under the same labels"
    )


def test_text_that_nobody_here_has_written_before() -> None:
    """Foreign or broken text has no words in common with itself: its share is what can be told."""
    text = what_moved(Moved((), (), (), Unknown(0.13, 0.24, 0.12), None))
    assert text == (
        "24 % of the words are new to this source, 13 % before; 12 % of the documents mostly "
        "consist of such words"
    )


def test_a_change_without_words() -> None:
    """Nothing to name is said, not left out."""
    text = what_moved(Moved((), (), (), NOTHING_NEW, None))
    assert text.endswith("no single word or label stands out")


@pytest.mark.parametrize(
    ("per_week", "text"),
    [
        (0.9, "once a week"),
        (2.6, "3 times a week"),
        (1 / 3, "about once in 3 weeks"),
        (1 / 18, "about once in 4 months"),
        (1 / 520, "about once in 10 years"),
        (1e-30, "less than once in 100 years"),
    ],
)
def test_how_sure_in_a_unit_that_people_can_imagine(per_week: float, text: str) -> None:
    """Expected false alarms are told as how often chance alone would do this."""
    found = Finding(
        "s", "k", 9.0, 8.0, Moment(1, 0, 0), Span(0, 0, 1), lambda: Explanation("x"), per_week
    )
    assert f"would show this {text}, over" in message(found, Explanation("x"), 0)


@pytest.mark.parametrize("reason", ["returned", "new-reference", "new-model", "by-hand"])
def test_what_has_ended_still_says_what_it_was(reason: str) -> None:
    """Who looks at a closed alert sees both: how it ended, and what had happened."""
    text = closed_message(alert(), reason, alert().detected_at + 7_200_000, 300)
    assert text.endswith(f"The alert said: {alert().message}")
    assert '"news"' in text
    if reason in {"returned", "new-reference"}:
        assert "2 hours (300 documents)" in text


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
