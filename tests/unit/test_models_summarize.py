"""Extractive summaries: what is picked, in which order, and from whose sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.summarize.extractive import Candidates, has_cue, select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.summarize.extractive import Floats


def _candidates(
    documents: Sequence[Floats],
    *,
    titles: Floats | None = None,
    tokens: Sequence[int] | None = None,
    cues: Sequence[bool] | None = None,
) -> Candidates:
    sentences = np.concatenate(documents).astype(np.float32)
    count, width = sentences.shape
    return Candidates(
        sentences=sentences,
        first=np.cumsum([0, *map(len, documents)]),
        centroids=np.stack([_unit(document.mean(axis=0)) for document in documents]),
        titles=np.zeros((len(documents), width), dtype=np.float32) if titles is None else titles,
        tokens=np.array([20] * count if tokens is None else tokens),
        cues=np.array([False] * count if cues is None else cues),
    )


def _unit(vector: Floats) -> Floats:
    scaled: Floats = (vector / np.linalg.norm(vector)).astype(np.float32)
    return scaled


def _rows(*rows: Sequence[float]) -> Floats:
    return np.stack([_unit(np.array(row, dtype=np.float32)) for row in rows])


def test_the_central_sentence_is_picked() -> None:
    """Where nothing else speaks for a sentence, what the document is about does."""
    document = _rows([1, 0, 0], [1, 1, 1], [0, 1, 0], [0, 0, 1])
    assert select(_candidates([document]), 1) == [[1]]


def test_the_title_draws_the_summary() -> None:
    """A title pulls the choice towards the sentence that it names."""
    document = _rows([1, 0.2, 0.2], [0.2, 1, 0.2], [0.2, 0.2, 1])
    title = _rows([0, 0, 1])
    assert select(_candidates([document], titles=title), 1) == [[2]]


def test_a_cue_draws_the_summary() -> None:
    """Of sentences alike, the one that announces the point is picked."""
    document = _rows([1, 0.1], [1, 0.1], [1, 0.1])
    assert select(_candidates([document], cues=[False, False, True]), 1) == [[2]]


def test_the_lead_wins_among_equals() -> None:
    """Of sentences alike in everything, the first is picked."""
    assert select(_candidates([_rows([1, 0], [1, 0], [1, 0])]), 1) == [[0]]


def test_nothing_is_said_twice() -> None:
    """A copy of a sentence that was picked is left out, even when nothing else is there."""
    copies = _rows([1, 0.5, 0], [1, 0.5, 0])
    others = _rows([1, 0.5, 0], [1, 0.5, 0], [0.6, 1, 0.1], [0, 0, 1])
    assert select(_candidates([copies, others]), 2) == [[0], [0, 2]]


def test_fragments_are_passed_over() -> None:
    """A sentence of three words does not stand for a document that has longer ones."""
    document = _rows([1, 1, 1], [1, 0.8, 0.6], [0, 0, 1])
    assert select(_candidates([document], tokens=[4, 20, 20]), 1) == [[1]]


def test_a_summary_follows_the_text() -> None:
    """Positions come in the order of the text, and each only once."""
    rng = np.random.default_rng(4)
    documents = [_rows(*rng.normal(size=(n, 8)).tolist()) for n in (1, 2, 7, 30)]
    for document, picked in zip(documents, select(_candidates(documents), 3), strict=True):
        assert picked == sorted(set(picked))
        assert 1 <= len(picked) <= min(3, len(document))
        assert all(0 <= at < len(document) for at in picked)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_summary_does_not_depend_on_the_batch(count: int) -> None:
    """Each document alone gives what it gives among others."""
    rng = np.random.default_rng(5)
    documents = [_rows(*rng.normal(size=(n, 8)).tolist()) for n in rng.integers(1, 20, 40)]
    alone = [select(_candidates([document]), count)[0] for document in documents]
    assert alone == select(_candidates(documents), count)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("In this paper we study tides.", True),
        ("Overall, the method works.", True),
        ("Our results show a gain.", True),
        ("The overalls were blue.", False),
        ("Tides come twice a day.", False),
    ],
)
def test_cues_are_whole_words(sentence: str, expected: bool) -> None:  # noqa: FBT001
    """Phrases that announce the point are found, and not inside other words."""
    assert has_cue(sentence) == expected
