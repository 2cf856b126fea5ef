"""What holds for the sentences of any text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from models.sentences import clean, sentence_spans
from models.tokens import _cuts

_PIECES = st.sampled_from(
    [
        "Dr. ",
        "e.g. ",
        "word",
        " ",
        "\n",
        "\n\n",
        ". ",
        "! ",
        "...",
        '" ',
        "3.5",
        "。",
        "- ",
        "U.S. ",
    ]
)
_TEXTS = st.one_of(st.text(), st.lists(_PIECES).map("".join))


@given(_TEXTS)
def test_sentences_are_ordered_and_trimmed(text: str) -> None:
    """Spans come in order, do not overlap, and have no white space around them."""
    end = 0
    for start, stop in sentence_spans(text):
        assert end <= start < stop
        assert text[start:stop] == text[start:stop].strip()
        end = stop


@given(_TEXTS)
def test_nothing_but_white_space_is_left_out(text: str) -> None:
    """Every other character of the text belongs to a sentence."""
    end, between = 0, []
    for start, stop in sentence_spans(text):
        between.append(text[end:start])
        end = stop
    assert "".join([*between, text[end:]]).strip() == ""


@given(st.text(alphabet=st.characters(codec=None, exclude_categories=[])))
def test_clean_text_can_be_encoded(text: str) -> None:
    """Whatever comes in, the tokenizer gets valid Unicode of the same length."""
    assert len(clean(text)) == len(text)
    assert clean(text).encode().decode() == clean(text)


@given(st.lists(st.integers(1, 9), max_size=60), st.integers(1, 12))
def test_parts_of_a_long_sentence_fit(lengths: list[int], limit: int) -> None:
    """The parts follow one another, miss nothing, and none is longer than the limit."""
    words: list[int | None] = [word for word, n in enumerate(lengths) for _ in range(n)]
    cuts = list(_cuts(words, limit))
    assert [at for a, b in cuts for at in range(a, b)] == list(range(len(words)))
    assert all(0 < b - a <= limit for a, b in cuts)
