"""Who summarizes hours: sentences, or a model under the guardrails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from models.guard import Guard, Limits
from models.summarize.digest import METHOD
from models.summarize.generative import GenerativeSummarizer, Written
from models.summarize.prompts import prompt
from models.summarize.writers import Generation, Writer
from streams.config import load_settings
from streams.errors import Misconfigured
from streams.runtime import summaries
from streams.runtime.summaries import extractive, summarize_of
from tests.support.tiny_writers import write_tiny_sequence_to_sequence

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from streams.backends.clickhouse.summaries import Document

DOCUMENTS: list[Document] = [
    ("a", "The harbour of Rotterdam reopened on Monday. Ships had waited.", "m@1", [1.0, 0.0]),
    ("b", "Prices of wheat fell by 3 percent in Chicago.", "m@1", [0.0, 1.0]),
    ("c", "The harbour of Rotterdam reopened after a storm.", "m@1", [0.9, 0.1]),
]


class Says:
    """A model that says what it is told to, and remembers what it was given."""

    method = "generative told@0 plain-1"
    instructions = ""

    def __init__(self, text: str) -> None:
        self.text = text
        self.given: list[tuple[str, list[str]]] = []

    def merge(self, summary: str, news: Sequence[str]) -> Written:
        self.given.append((summary, list(news)))
        return Written(self.text)


def written(model: Says, guard: Guard | None = None) -> summaries.Written:
    loaded = cast("GenerativeSummarizer", model)
    return summaries.Written(lambda: loaded, guard or Guard(Limits()))


def test_sentences_of_the_most_central_documents() -> None:
    """One for each story; the summary is what they say."""
    found = extractive(DOCUMENTS)
    assert found.doc_ids in {("a", "b"), ("c", "b")}
    assert found.summary == " ".join(found.sentences)
    assert (found.method, found.model) == (METHOD, "m@1")
    assert extractive([]).summary == ""


def test_a_model_is_given_the_summaries_of_the_most_central_documents() -> None:
    """Whole summaries, and its words are the summary; shares and documents stay beside."""
    model = Says("The harbour of Rotterdam reopened, and wheat fell by 3 percent.")
    found = written(model)(DOCUMENTS)
    assert (found.summary, found.method) == (model.text, model.method)
    ((before, news),) = model.given
    assert before == ""
    assert set(news) <= {summary for _, summary, _, _ in DOCUMENTS}
    assert found.doc_ids == extractive(DOCUMENTS).doc_ids


def test_what_breaks_a_guardrail_gives_way() -> None:
    """To the sentences, with the rules and what was written."""
    model = Says("The harbour of Antwerp reopened.")
    found = written(model)(DOCUMENTS)
    assert found.summary == extractive(DOCUMENTS).summary
    assert found.method == f"extractive-fallback:names ({model.method})"
    assert (found.flags, found.rejected) == (("names",), model.text)


def test_nothing_is_asked_about_nothing() -> None:
    """An hour that has lost its documents needs no model."""
    model = Says("x")
    assert written(model)([]) == extractive([])
    assert model.given == []


@pytest.mark.parametrize("guard", [None, Guard(rules=frozenset({"names"}))])
def test_a_model_that_says_nothing_leaves_the_sentences(guard: Guard | None) -> None:
    """Also where nobody asks whether it is empty."""
    found = summaries.Written(lambda: cast("GenerativeSummarizer", Says("")), guard)(DOCUMENTS)
    assert found == extractive(DOCUMENTS)


def test_a_real_model_writes_the_same_again(tmp_path: Path) -> None:
    """Computed again after a kill: the same words; the model is loaded once."""
    write_tiny_sequence_to_sequence(tmp_path / "tiny")
    loaded: list[GenerativeSummarizer] = []

    def load() -> GenerativeSummarizer:
        generation = Generation(max_tokens=12, beam_size=2, no_repeat_ngram=2)
        options: dict[str, Any] = {"device": "cpu", "compute_type": "auto", "threads": 1}
        writer = Writer(tmp_path / "tiny", generation=generation, **options)
        loaded.append(GenerativeSummarizer(writer, prompt("plain-1"), name="tiny@0"))
        return loaded[-1]

    summarize = summaries.Written(load, None)
    first = summarize(DOCUMENTS)
    assert first.method == "generative tiny@0 plain-1"
    assert first.summary
    assert summarize(DOCUMENTS[::-1]) == first
    assert len(loaded) == 1


def test_the_setting_chooses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Off, sentences, or a model; a model that is not named is refused at the start."""
    monkeypatch.chdir(tmp_path)
    assert summarize_of(load_settings(running_summaries="off")) is None
    assert summarize_of(load_settings()) is extractive
    named = load_settings(running_summaries="written", summarizer="stories")
    assert isinstance(summarize_of(named), summaries.Written)
    with pytest.raises(Misconfigured, match="name it by TIDEMARK_SUMMARIZER"):
        summarize_of(load_settings(running_summaries="written"))
