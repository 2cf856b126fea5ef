"""``tidemark eval vibe``: which documents are drawn, what is compared, and the page."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest

from schemas.messages import Document, Enriched
from streams.cli.eval_vibe import Pair, Vibe, compare, draw, topics_of
from streams.cli.vibe_page import page
from streams.errors import Misconfigured
from tests.support.examples import record as example

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.cli.evaluation_pool import PoolEnricher

DOCUMENTS = [
    Document(text=f"text {number}", metadata={"tags": f"t{number}"}) for number in range(9)
]
AXES = {"sea": 0, "money": 1}


class Pool:
    """Embeds a text by the topics that it names."""

    def enrich(self, documents: Sequence[Document]) -> list[Enriched]:
        plain = example("enriched")
        assert isinstance(plain, Enriched)
        return [replace(plain, **self._found(one.text)) for one in documents]  # type: ignore[arg-type]

    def _found(self, text: str) -> dict[str, object]:
        name = "sea" if "sea" in text else "money"
        vector = np.zeros(2, dtype="<f4")
        vector[AXES[name]] = 1
        scores = {"sea": 0.9, "money": 0.1} if name == "sea" else {"sea": 0.1, "money": 0.9}
        return {
            "embedding": vector.tobytes(),
            "scores": scores,
            "summary": text,
            "title": None,
            "text": text,
        }


def test_the_same_seed_draws_the_same_documents() -> None:
    """As many as asked for, in their order; another seed draws others."""
    drawn = draw(DOCUMENTS, "f", "tags", 4, 1)
    assert drawn == draw(DOCUMENTS, "f", "tags", 4, 1)
    assert drawn != draw(DOCUMENTS, "f", "tags", 4, 5)
    assert [topics for _, topics in drawn] == sorted(topics for _, topics in drawn)


def test_a_list_of_topics_is_shown_with_commas() -> None:
    """As a person would write them."""
    rows = [Document(text="t", metadata={"tags": '["sea", "air"]'})] * 2
    assert [topics for _, topics in draw(rows, "f", "tags", 2, 0)] == ["sea, air"] * 2


@pytest.mark.parametrize(
    ("documents", "column", "match"),
    [
        (DOCUMENTS, "nope", r"has no column of topics \(other columns: tags\)"),
        (DOCUMENTS, None, "name it with --topics-column"),
        (DOCUMENTS[:1], "tags", "fewer than two rows"),
    ],
)
def test_columns_without_topics_are_named(
    documents: list[Document], column: str | None, match: str
) -> None:
    """A misspelt or empty column is one line."""
    with pytest.raises(Misconfigured, match=match):
        draw(documents, "f", column, 4, 0)


def test_both_sides_are_compared_by_their_embeddings() -> None:
    """A document that both call the same has cosine 1; beside the other document's topics, 0."""
    drawn = [(Document(text="the sea"), "sea and tides"), (Document(text="a bank"), "money")]
    found = compare(drawn, cast("PoolEnricher", Pool()))
    assert [pair.cosine for pair in found.pairs] == [1, 1]
    assert (found.crossed, found.summary_crossed) == (0, 0)
    assert [pair.model for pair in found.pairs] == ["sea 90%", "money 90%"]
    assert "mean cosine of a person's topics to the model's 1.000" in found.title


def test_unlikely_labels_are_left_out() -> None:
    """The best label always stands; others from 15 % on, three at most."""
    plain = example("enriched")
    assert isinstance(plain, Enriched)
    shared = replace(plain, scores={"a": 0.3, "b": 0.25, "c": 0.25, "d": 0.2})
    assert list(topics_of(shared)) == ["a", "b", "c"]
    assert list(topics_of(replace(plain, scores={"a": 0.12, "b": 0.1}))) == ["a"]


class Reader(HTMLParser):
    """Collects tags, and what would be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [name for name, _ in attrs if name in ("src", "href")]


def test_the_page_fetches_nothing_and_runs_nothing() -> None:
    """Text of a document stays text; the colours follow the reader's system."""
    evil = '<script>alert(1)</script><img src="http://x">'
    pair = Pair(evil, evil, "sea 90%", 0.5, evil, -0.1)
    text = page(Vibe((pair, pair), 0.1, 0.1), evil)
    reader = Reader()
    reader.feed(text)
    assert reader.fetched == []
    assert "script" not in reader.tags
    assert "img" not in reader.tags
    assert reader.tags.count("meter") == 4
    assert "prefers-color-scheme: dark" in text
