"""Sentences end where a reader would say that they end."""

from __future__ import annotations

import doctest

import pytest

from models import sentences
from models.classify import labels
from models.sentences import clean, sentence_spans


def _cut(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("Dr. No met Mr. Bond. They spoke.", ["Dr. No met Mr. Bond.", "They spoke."]),
        ("It is 3.14 m. Really.", ["It is 3.14 m.", "Really."]),
        ("J. R. Smith et al. wrote it. Good.", ["J. R. Smith et al. wrote it.", "Good."]),
        ("See Fig. 3 and Eq. (4). Then go.", ["See Fig. 3 and Eq. (4).", "Then go."]),
        ("U.S. troops left the U.S. They had to.", ["U.S. troops left the U.S.", "They had to."]),
        ("Use e.g. this, i.e. that. Done.", ["Use e.g. this, i.e. that.", "Done."]),
        ("Wait... what? Yes… no. End.", ["Wait... what?", "Yes… no.", "End."]),
        ('"Go!" he said. "Now."', ['"Go!" he said.', '"Now."']),
        ("He left (at last.) She stayed.", ["He left (at last.)", "She stayed."]),
        ("Apple Inc. sued. No. 5 won.", ["Apple Inc. sued.", "No. 5 won."]),
        ("I said no. He agreed.", ["I said no.", "He agreed."]),
        ("all lower case. no capitals. fine.", ["all lower case.", "no capitals.", "fine."]),
        ("Visit example.com now. Bye.", ["Visit example.com now.", "Bye."]),
        ("Heading\n\nBody text\nwraps here.", ["Heading", "Body text\nwraps here."]),
        ("List:\n- one\n- two\n3. three", ["List:", "- one", "- two", "3. three"]),
        ("今日は。元気ですか？はい！", ["今日は。", "元気ですか？", "はい！"]),  # noqa: RUF001
        ("「行こう。」と言った。次。", ["「行こう。」", "と言った。", "次。"]),
        ("यह वाक्य है। दूसरा॥ तीसरा", ["यह वाक्य है।", "दूसरा॥", "तीसरा"]),
        ("هل هذا صحيح؟ نعم۔ حسنا", ["هل هذا صحيح؟", "نعم۔", "حسنا"]),  # noqa: RUF001
        ("First.\u2029Second.", ["First.", "Second."]),
        ("Title\n=====\n\nText.", ["Title\n=====", "Text."]),
        ("!?! ...", ["!?! ..."]),
        (" \n\t ", []),
        ("", []),
    ],
)
def test_sentences_end_where_a_reader_says(text: str, expected: list[str]) -> None:
    """Abbreviations, numbers, quotes, lists, paragraphs and scripts are told apart."""
    assert expected == _cut(text)


@pytest.mark.parametrize(
    "unit", ["!", "\n ", ". ", " ", "a", "word and ", "(", 'x."', "\n      ", "a.b.", "。", "- \n"]
)
def test_a_megabyte_of_anything_is_cut(unit: str) -> None:
    """No repetition makes the cutter slow: this would take hours if it were quadratic."""
    text = unit * (1_000_000 // len(unit))
    spans = list(sentence_spans(text))
    assert sorted(spans) == spans


def test_lone_surrogates_become_replacement_characters() -> None:
    """Cleaning changes only what no encoder takes, and no position."""
    assert clean("a\ud800b\U0001f600\udfff") == "a\ufffdb\U0001f600\ufffd"
    assert clean("ab\x00") == "ab\x00"


@pytest.mark.parametrize("module", [sentences, labels])
def test_examples_in_docstrings_hold(module: object) -> None:
    """What the docstrings show is what happens."""
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]
