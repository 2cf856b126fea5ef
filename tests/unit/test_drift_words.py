"""Words as hashes: shared by all statistics, whichever documents are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streams.drift.documents import DocumentLog
from streams.drift.feed import as_halves
from streams.drift.hashing import hash_words
from streams.drift.hashset import Lookup, distinct
from streams.drift.view import lone_shares
from streams.drift.words import Words
from tests.support.streams_of_documents import enriched

if TYPE_CHECKING:
    from collections.abc import Sequence

TERMS = st.lists(st.lists(st.text("abcé\n", max_size=4), max_size=9), min_size=1, max_size=8)


@given(terms=TERMS, data=st.data())
def test_some_documents_have_their_own_words(
    terms: Sequence[Sequence[str]], data: st.DataObject
) -> None:
    """Any neighbouring documents, cut to any number of words, has the words hashed one by one."""
    first = data.draw(st.integers(0, len(terms) - 1))
    last, most = data.draw(st.integers(first + 1, len(terms))), data.draw(st.integers(1, 10))
    found = Words.said(terms).part(first, last).first(most)
    expected = [hash_words(list(words[:most])) for words in terms[first:last]]
    assert [hashes.tolist() for hashes in expected] == [
        found.hashes(row, row + 1).tolist() for row in range(len(found))
    ]
    assert found.counts.tolist() == [hashes.size for hashes in expected]


@given(
    known=st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 20)),
    asked=st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 20)),
)
def test_a_lookup_is_a_set(known: list[int], asked: list[int]) -> None:
    """It knows what it was made of and nothing else, however the hashes crowd together."""
    lookup = Lookup(distinct(np.array(known, np.uint32)))
    values = np.array([*known, *asked] * (1 if len(asked) % 2 else 200), np.uint32)
    assert lookup.contains(values).tolist() == [int(value) in set(known) for value in values]


@given(values=st.lists(st.floats(width=32, allow_nan=False), min_size=1))
def test_halves_are_those_of_float16(values: list[float]) -> None:
    """Every finite number is rounded as a float16 and back."""
    given = np.array(values, np.float32)
    given = given[np.isfinite(given)]
    with np.errstate(over="ignore"):
        expected = given.astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(as_halves(given), expected)


@given(terms=TERMS, chunk=st.integers(1, 4))
def test_a_log_keeps_words_line_by_line(terms: Sequence[Sequence[str]], chunk: int) -> None:
    """Each document's words come back as its own, also words with a line break, also restored."""
    documents = [enriched(n, terms=tuple(words)) for n, words in enumerate(terms)]
    log, again = DocumentLog(chunk, None, coarse=True), DocumentLog(chunk, None, coarse=True)
    log.append(documents, *log.encode(np.ones((len(documents), 3), np.float32)))
    again.restore(log.count, {name: encode() for name, encode in log.parts().items()}, log.tail())
    expected = ["\n".join(word.replace("\n", " ") for word in words) for words in terms]
    assert expected == log.kept().terms == again.kept().terms


@given(terms=TERMS, chunk=st.integers(1, 4), told=st.integers(1, 3))
def test_a_log_tells_of_some_and_knows_all(
    terms: Sequence[Sequence[str]], chunk: int, told: int
) -> None:
    """Every document's vector, facts and label come back; id and summary of each so many one."""
    documents = [enriched(n, terms=tuple(words)) for n, words in enumerate(terms)]
    log = DocumentLog(chunk, None, coarse=True, told=told)
    again = DocumentLog(chunk, None, coarse=True, told=told)
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(len(documents), 8)).astype(np.float32)
    facts = rng.normal(size=(len(documents), 3)).astype(np.float16)
    log.append(documents, *log.encode(vectors), facts)
    again.restore(log.count, {name: encode() for name, encode in log.parts().items()}, log.tail())
    for kept in (log.kept(), again.kept()):
        assert kept.doc_ids == [d.doc_id * (n % told == 0) for n, d in enumerate(documents)]
        assert kept.labels == [d.label for d in documents]
        assert kept.published_at.tolist() == [d.published_at for d in documents]
        np.testing.assert_array_equal(kept.facts, facts)
        np.testing.assert_allclose(kept.vectors, vectors, atol=np.abs(vectors).max() / 250)


def test_words_that_only_neighbours_have_are_new_when_their_topic_comes_again() -> None:
    """A burst of three documents about one thing, and one of its words that came up before."""
    documents = ["war\npeace", "war\nship", "tulip\nship", "tulip\nwar", "tulip\nboom", "peace"]
    assert lone_shares(documents, 0).tolist() == [0.0, 0.0, 0.0, 0.0, 0.5, 0.0]
    assert lone_shares(documents, 2).tolist() == [0.0, 1.0, 1.0, 0.5, 1.0, 0.0]


@given(terms=st.lists(st.lists(st.sampled_from("abcdef"), unique=True), min_size=1, max_size=30))
def test_a_lone_word_is_one_that_no_document_further_away_has(
    terms: Sequence[Sequence[str]],
) -> None:
    """Against the definition, word by word; a document without words has none that are known."""
    for apart in (0, 1, 5):
        expected = []
        for place, words in enumerate(terms):
            far = {w for at, each in enumerate(terms) if abs(at - place) > apart for w in each}
            lone = [word not in far for word in words]
            expected.append(np.float16(np.mean(lone)) if lone else 1.0)
        found = lone_shares(["\n".join(words) for words in terms], apart)
        np.testing.assert_array_equal(found, np.array(expected, np.float32))
