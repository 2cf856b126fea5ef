"""The guard as a whole: every rule fires on what it is for, and a stopped summary is not lost."""

from __future__ import annotations

import numpy as np
import pytest

from models.guard import RULES, Embedded, Guard, Limits, choose

DOCUMENT = (
    "The harbour of Rotterdam reopened on Monday after a storm that lasted 12 hours. Ships had "
    "waited outside the port, and the pilots worked through the night to bring them in. The port "
    "authority said that no one was hurt and that the cranes would be inspected before they work."
)
SUMMARY = "The harbour of Rotterdam reopened on Monday after a storm of 12 hours."
PROMPT = "Summarize the following text in one sentence for a busy reader."


def flags(summary: str, document: str = DOCUMENT, **options: object) -> tuple[str, ...]:
    return Guard().check(document, summary, **options).flags  # type: ignore[arg-type]  # passed on


def test_a_true_summary_breaks_no_rule() -> None:
    report = Guard().check(DOCUMENT, SUMMARY, prompt=PROMPT)
    assert report.passed
    assert report.evidence == {}
    assert set(report.scores) == set(RULES) - {"meaning"}


@pytest.mark.parametrize(
    ("summary", "rule"),
    [
        ("", "empty"),
        (" \n… ", "empty"),
        (f"{DOCUMENT} {DOCUMENT}", "length"),
        ("The harbour of Rotterdam " + "reopened and reopened and " * 5, "repetition"),
        ("the the the the the the", "repetition"),
        ("Summarize the following text in one sentence: the harbour reopened.", "prompt"),
        ("<|assistant|> The harbour of Rotterdam reopened.", "prompt"),
        ("Der Hafen wurde nach dem Sturm wieder eröffnet und die Schiffe sind da.", "language"),
        ("Порт Роттердама снова открыт.", "language"),
        ("The harbour of Rotterdam reopened after 13 hours.", "numbers"),
        ("The harbour of Rotterdam reopened on Tuesday.", "dates"),
        ("The harbour of Antwerp reopened on Monday.", "names"),
        (f"{SUMMARY} A striker signed a contract with the football club.", "foreign"),
    ],
)
def test_each_rule_fires_on_what_it_is_for(summary: str, rule: str) -> None:
    report = Guard().check(DOCUMENT, summary, prompt=PROMPT)
    assert rule in report.flags
    assert all(report.evidence[flag] for flag in report.flags if flag != "empty")


def test_a_summary_without_end_is_not_asked_further() -> None:
    """A model that loops over a long document must not hold up the stream."""
    report = Guard().check(DOCUMENT * 50, DOCUMENT * 50)
    assert report.flags == ("length",)
    assert set(report.scores) == {"empty", "length"}


def test_what_the_document_repeats_may_be_repeated() -> None:
    """A refrain is no loop."""
    refrain = "row row row your boat gently down the stream. " * 2
    assert "repetition" not in flags("Row row row your boat.", f"{refrain} {DOCUMENT}")


def test_a_prompt_that_quotes_the_document_is_not_copied() -> None:
    """Only the instructions count."""
    assert flags(SUMMARY, prompt=f"{PROMPT} {DOCUMENT}") == ()


def embedded(*vectors: list[float], sentences: tuple[str, ...]) -> Embedded:
    rows = np.array(vectors, dtype=np.float32)
    return Embedded(rows.mean(axis=0) / np.linalg.norm(rows.mean(axis=0)), sentences, rows)


def test_drift_of_meaning_is_the_cosine_of_the_embeddings() -> None:
    """The threshold is a setting of the guard."""
    pair = (embedded([1, 0], sentences=(DOCUMENT,)), embedded([0.6, 0.8], sentences=(SUMMARY,)))
    lenient, strict = Guard(Limits(least_cosine=0.5)), Guard(Limits(least_cosine=0.7))
    assert lenient.check(DOCUMENT, SUMMARY, embedded=pair).passed
    report = strict.check(DOCUMENT, SUMMARY, embedded=pair)
    assert report.flags == ("meaning",)
    assert report.scores["meaning"] == pytest.approx(0.6)


def test_one_foreign_sentence_among_true_ones_is_named() -> None:
    """By its embedding and its words together."""
    foreign = "A striker signed a contract with the football club."
    summary = embedded([1, 0], [0, 1], sentences=(SUMMARY, foreign))
    pair = (embedded([1, 0], sentences=(DOCUMENT,)), summary)
    report = Guard().check(DOCUMENT, f"{SUMMARY} {foreign}", embedded=pair)
    assert report.evidence == {"foreign": (foreign,)}


def test_a_translation_is_judged_by_numbers_dates_and_meaning() -> None:
    """Words and names of another language say nothing."""
    german = "Der Hafen von Rotterdam wurde nach 13 Stunden Sturm wieder eröffnet."
    assert Guard().check(DOCUMENT, german, translates=True).flags == ("numbers",)


def test_rules_can_be_left_out() -> None:
    guard = Guard(rules=frozenset({"dates"}))
    assert guard.check(DOCUMENT, "The harbour of Antwerp reopened after 13 hours.").passed


def test_a_stopped_summary_gives_way_to_the_extractive_one_and_is_kept() -> None:
    """The method says what was wrong; the rejected text stays with the record."""
    wrong = "The harbour of Antwerp reopened after 13 hours."
    chosen = choose(Guard().check(DOCUMENT, wrong), wrong, "bart", "The harbour reopened.")
    assert chosen.summary == "The harbour reopened."
    assert chosen.method == "extractive-fallback:numbers,names (bart)"
    assert chosen.flags == ("numbers", "names")
    assert chosen.rejected == wrong
    kept = choose(Guard().check(DOCUMENT, SUMMARY), SUMMARY, "bart", "The harbour reopened.")
    assert (kept.summary, kept.method, kept.flags, kept.rejected) == (SUMMARY, "bart", (), None)


@pytest.mark.parametrize("text", ["", "\ud800", "x" * 5000, "1" * 3000, "日本" * 500, "A. " * 900])
def test_nothing_makes_it_fail(text: str) -> None:
    """Every text has a verdict, as document and as summary."""
    assert Guard().check(text, SUMMARY).verdicts
    assert Guard().check(DOCUMENT, text).verdicts
