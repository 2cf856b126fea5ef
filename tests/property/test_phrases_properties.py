"""What holds for the phrases of every text."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from streams.stages.function_words import FUNCTION_WORDS
from streams.stages.phrases import two_word_phrases
from streams.stages.tokens import count_terms

ASCII = st.text(st.characters(max_codepoint=127), max_size=200)
TEXT = st.text(st.characters(), max_size=200)


@given(st.none() | TEXT, TEXT | ASCII)
def test_a_phrase_is_two_words(title: str | None, text: str) -> None:
    """Distinct, folded, one space inside; neither says nothing, and the first holds a letter."""
    found = two_word_phrases(title, text)
    assert len(found) == len(set(found))
    for phrase in found:
        first, second = phrase.split(" ")
        assert first
        assert second
        assert phrase == phrase.casefold()
        assert any(map(str.isalpha, first))
        assert not {first, second} & FUNCTION_WORDS


@given(ASCII)
@example("0A\x1f0")
@example("one A\n\x1c\nB two")
def test_plain_text_is_no_special_case(text: str) -> None:
    """A sign of another script after it changes nothing."""
    assert two_word_phrases(None, f"{text} \u2026") == two_word_phrases(None, text)


@given(ASCII)
def test_words_of_phrases_are_terms(text: str) -> None:
    """Counted in the same text as words, unless they are numbers."""
    terms = set(count_terms(None, text).terms)
    words = {word for phrase in two_word_phrases(None, text) for word in phrase.split(" ")}
    assert {word for word in words if any(map(str.isalpha, word))} <= terms


@given(TEXT, TEXT)
def test_texts_add_up(one: str, other: str) -> None:
    """Phrases do not depend on what stands in another paragraph."""
    together = two_word_phrases(None, f"{one}\n\n{other}")
    alone = two_word_phrases(None, one) + two_word_phrases(None, other)
    assert together == tuple(dict.fromkeys(alone))
