"""Which documents stand for many: central ones, for each story of the day, and no copies."""

from __future__ import annotations

import numpy as np
import pytest

from models.summarize.digest import Landed, digest, joined, representatives, sentence

STORIES = np.eye(4, 6, dtype=np.float32)


def landed(name: str, vector: np.ndarray, weight: float = 1.0, space: str = "mini@1") -> Landed:
    text = f"This is what the document {name} says."
    return Landed(name, text, space, vector.tolist(), weight)


def around(story: int, number: int, seed: int, spread: float = 0.2) -> list[Landed]:
    rng = np.random.default_rng(seed)
    drawn = STORIES[story] + rng.normal(0, spread, (number, 6))
    return [landed(f"{story}-{at}", vector) for at, vector in enumerate(drawn)]


def test_each_story_has_its_document_with_its_share() -> None:
    """Three stories of 60, 30 and 10 documents: three documents, and what they stand for."""
    told = digest(around(0, 60, 1) + around(1, 30, 2) + around(2, 10, 3))
    assert [one.doc_id[0] for one in told] == ["0", "1", "2"]
    assert [one.share for one in told] == pytest.approx([0.6, 0.3, 0.1])


def test_the_first_is_the_most_central() -> None:
    """Of one story, the document that is most like all others."""
    documents = around(0, 40, 4)
    (told,) = digest(documents, 1)
    vectors = np.array([one.embedding for one in documents])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    central = int(np.clip(vectors @ vectors.T, 0, 1).sum(axis=0).argmax())
    assert (told.doc_id, told.share) == (documents[central].doc_id, 1.0)


def test_copies_are_told_once() -> None:
    """What adds nothing is not added, though there would be room."""
    told = digest([landed(str(at), STORIES[0]) for at in range(20)])
    assert [(one.doc_id, one.share) for one in told] == [("0", 1.0)]


def test_the_same_words_are_told_once() -> None:
    """However different their embeddings are; the shares are added."""
    documents = [
        Landed("a", "The tide is high at noon.", "m@1", [1.0, 0.0, 0.0], 3.0),
        Landed("b", "Wheat fell by a tenth today.", "m@1", [0.0, 1.0, 0.0], 4.0),
        Landed("c", "The tide is high at noon.", "m@1", [0.0, 0.0, 1.0], 3.0),
    ]
    told = digest(documents)
    assert [(one.doc_id, one.share) for one in told] == [("a", 0.6), ("b", 0.4)]
    assert joined(told) == "The tide is high at noon. Wheat fell by a tenth today."


def test_the_order_of_arrival_does_not_matter() -> None:
    """The same documents, delivered in another order, have the same summary."""
    documents = [*around(0, 40, 5), *around(1, 41, 6), *around(3, 39, 7)]
    forward, backward = digest(documents), digest(documents[::-1])
    assert forward == backward
    assert joined(forward) == joined(backward)


def test_weights_count_as_documents() -> None:
    """One that stands for 90 outweighs ten: so hours are folded into days."""
    many, few = landed("many", STORIES[0], 90), [landed(f"f{at}", STORIES[1]) for at in range(10)]
    told = digest([many, *few])
    assert [(one.doc_id, one.share) for one in told] == [("many", 0.9), ("f0", 0.1)]


def test_embeddings_of_two_models_are_not_compared() -> None:
    """Those of the model that most documents have; the rest is in no share."""
    other = landed("other", STORIES[1], space="other@1")
    told = digest([*around(0, 3, 8), other], 1)
    assert told[0].doc_id.startswith("0-")
    assert told[0].share == 0.75


@pytest.mark.parametrize("embedding", [None, [], [0.0, 0.0]])
def test_nothing_to_compare_tells_nothing(embedding: list[float] | None) -> None:
    """No documents, or one without an embedding."""
    documents = [] if embedding is None else [Landed("a", "A text.", "m@1", embedding)]
    assert digest(documents) == []
    assert joined(digest(documents)) == ""


def test_shares_add_up() -> None:
    """Every document is nearest to one that was picked."""
    rng = np.random.default_rng(9)
    vectors = rng.normal(size=(50, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    picked = representatives(vectors, np.ones(50), 7)
    assert len({place for place, _ in picked}) == len(picked) == 7
    assert sum(share for _, share in picked) == 50


@pytest.mark.parametrize(
    ("summary", "told"),
    [
        (
            "Ferries were cancelled on Monday. Nobody knows why.",
            "Ferries were cancelled on Monday.",
        ),
        ("Storm! The ferries were\ncancelled on Monday.", "The ferries were cancelled on Monday."),
        ("Too short", "Too short"),
        ("", ""),
        ("\ud800 five words are here now.", "\ufffd five words are here now."),
    ],
)
def test_the_first_sentence_that_says_something_is_told(summary: str, told: str) -> None:
    assert sentence(summary) == told


def test_a_sentence_without_end_is_cut() -> None:
    assert len(sentence("word " * 500)) == 301
