"""What holds for the words of every text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.stages.tokens import MAX_TERM_CHARACTERS, count_terms

WORDS = st.text(st.characters(categories=["Lu", "Ll"], max_codepoint=0x24F), min_size=1, max_size=9)


@given(st.none() | st.text(max_size=30), st.text(st.characters(), max_size=300))
def test_counts_are_consistent(title: str | None, text: str) -> None:
    """Terms are distinct, folded, bounded, hold a letter, and add up to at most all tokens."""
    counted = count_terms(title, text)
    assert len(counted.terms) == len(set(counted.terms)) == len(counted.counts)
    assert sum(counted.counts) <= counted.tokens
    assert all(count > 0 for count in counted.counts)
    for term in counted.terms:
        assert 0 < len(term) <= MAX_TERM_CHARACTERS
        assert term == term.casefold()
        assert any(map(str.isalpha, term))
        assert " " not in term


@given(st.lists(WORDS, max_size=20))
def test_words_between_spaces_are_the_tokens(words: list[str]) -> None:
    """In scripts with spaces, letters between spaces are words."""
    assert len(words) == count_terms(None, " ".join(words)).tokens


@given(st.text(max_size=100), st.text(max_size=100))
def test_texts_add_up(one: str, other: str) -> None:
    """Words do not depend on what else stands in the text."""
    together = count_terms(None, f"{one}\n{other}")
    assert together.tokens == count_terms(None, one).tokens + count_terms(None, other).tokens
    assert together == count_terms(one, other) or not one


@given(st.text(st.characters(max_codepoint=127), max_size=200))
def test_ascii_is_only_a_fast_way(text: str) -> None:
    """A character elsewhere in the text does not change how its ASCII words are counted."""
    assert count_terms(None, text) == count_terms(None, f"{text}\n…")
