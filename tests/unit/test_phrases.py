"""Two-word phrases as people write them, in any script."""

from __future__ import annotations

import pytest

from streams.stages.phrases import MAX_PHRASES, two_word_phrases


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Deep learning, and learning rates", ("deep learning", "learning rates")),
        ("covid-19 and the 19 covid", ("covid 19",)),
        ("3.5 million dollars, type 2", ("million dollars", "type 2")),
        ("deep\nlearning \tmodels", ("deep learning", "learning models")),
        ("deep\n \nlearning", ()),
        ("deep. Learning (models) rates", ()),
        ("Deep learning. DEEP LEARNING!", ("deep learning",)),
        ("state-of-the-art", ()),
        ("New York's mayor", ("new york's", "york's mayor")),
        ("Straße bahn", ("strasse bahn",)),
        ("É, e\u0301pe\u0301e longue", ("épée longue",)),
        ("deep – learning…", ()),  # noqa: RUF001 - a dash, not a hyphen
        ("机器学习 deep learning", ("deep learning",)),
        ("한국어 문장", ("한국어 문장",)),
        ("\ufdfa storm", ("صلى_الله_عليه_وسلم storm",)),
        ("a b c d", ()),
        (f"{'x' * 65} storm", ()),
        ("Civil war, iron man; the top hat", ("civil war", "iron man", "top hat")),
        ("", ()),
    ],
)
def test_phrases(text: str, expected: tuple[str, ...]) -> None:
    """Neighbours with nothing but space between them, no function words, the first with letters."""
    assert two_word_phrases(None, text) == expected


def test_no_phrase_spans_title_and_text() -> None:
    """They are two lines of thought; the title's come first."""
    assert two_word_phrases("Storm warning", "Harbour closed") == (
        "storm warning",
        "harbour closed",
    )


def test_a_row_has_a_limit() -> None:
    """The first ones are kept."""
    text = ", ".join(f"storm name{number}" for number in range(MAX_PHRASES + 10))
    found = two_word_phrases(None, text)
    assert (len(found), found[-1]) == (MAX_PHRASES, f"storm name{MAX_PHRASES - 1}")
