"""One-pass inference with the pinned weights."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.classify.labels import built_in_labels
from models.enricher import OnePassEnricher, build_enricher, enrich_all
from streams.errors import Misconfigured
from streams.ports import Inference, Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

pytestmark = pytest.mark.model

TIDES = (
    "The sea rises and falls twice a day. In this article we explain why the moon, far more than "
    "the sun, sets the rhythm of the tides. Fishermen knew it long before anybody could say why. "
    "Newton was the first to compute it from gravity."
)


def _build(
    folder: Path,
    *,
    labels: Mapping[str, str] | None = None,
    unsure_below: float = 0.3,
    sentences: int = 2,
    cap: int = 16_384,
) -> OnePassEnricher:
    return build_enricher(
        folder,
        device="cpu",
        compute_type="auto",
        threads=0,
        labels=labels,
        unsure_below=unsure_below,
        summary_sentences=sentences,
        max_word_pieces=cap,
    )


@pytest.fixture(scope="module")
def enricher(model_folder: Path) -> OnePassEnricher:
    return _build(model_folder)


def _run(enricher: OnePassEnricher, texts: Sequence[Text]) -> list[Inference]:
    return enricher.post(enricher.core(enricher.pre(texts)))


def _texts(count: int) -> list[Text]:
    rng = np.random.default_rng(6)
    words = TIDES.replace(".", "").split()
    documents = []
    for number in range(count):
        sentences = [" ".join(rng.choice(words, n)) for n in rng.integers(1, 90, number % 12 + 1)]
        documents.append(Text("Tides" if number % 2 else "", ". ".join(sentences).capitalize()))
    return documents


def test_a_result_does_not_depend_on_its_batch(enricher: OnePassEnricher) -> None:
    """A document alone and among sixty others: the same bits, label, scores and summary."""
    texts = _texts(60)
    together = _run(enricher, texts)
    for index in range(0, 60, 7):
        alone = _run(enricher, [texts[index]])[0]
        assert np.array_equal(alone.embedding, together[index].embedding)
        assert alone.label == together[index].label
        assert alone.summary == together[index].summary
        assert alone.scores == pytest.approx(together[index].scores, abs=1e-6)


def test_overlapped_steps_give_the_same(enricher: OnePassEnricher) -> None:
    """Three threads change nothing but the time that it takes."""
    texts = _texts(40)
    plain = _run(enricher, texts)
    overlapped = [
        result
        for batch in enrich_all(enricher, [texts[at : at + 8] for at in range(0, 40, 8)])
        for result in batch
    ]
    assert [r.summary for r in overlapped] == [r.summary for r in plain]
    assert all(
        np.array_equal(a.embedding, b.embedding) for a, b in zip(plain, overlapped, strict=True)
    )


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("sports", "The striker scored twice and the home team won the championship final."),
        ("business", "Shares fell after the company cut its profit forecast for the quarter."),
        ("health", "The new drug reduced the number of infections among hospital patients."),
        ("politics", "Parliament voted on the bill after the prime minister lost the election."),
        ("artificial intelligence", "We train a deep neural network to classify images."),
        ("software", "The function raises an error when the file object is not open."),
        (
            "mathematics",
            "We compute the eigenvalues of the matrix and prove the theorem by induction.",
        ),
        ("environment", "The hurricane and the floods are linked to a warming climate."),
    ],
)
def test_built_in_labels_fit(enricher: OnePassEnricher, label: str, text: str) -> None:
    """Plain examples of news, research and documentation get the label a person would give."""
    result = _run(enricher, [Text("", text)])[0]
    assert result.label == label
    assert set(result.scores) == set(built_in_labels())
    assert math.isclose(sum(result.scores.values()), 1, abs_tol=1e-6)
    assert result.confidence == max(result.scores.values())


def test_own_labels_are_used(model_folder: Path) -> None:
    """The classes are what the settings say, and nothing else."""
    labels = {"sea": "tides, the ocean, ships", "kitchen": "cooking, recipes, pans"}
    result = _run(_build(model_folder, labels=labels), [Text("", TIDES)])[0]
    assert result.label == "sea"
    assert set(result.scores) == {"sea", "kitchen"}


def test_below_the_threshold_is_unsure(model_folder: Path) -> None:
    """When no probability can reach the threshold, nothing is claimed."""
    result = _run(_build(model_folder, unsure_below=1.0), [Text("", TIDES)])[0]
    assert result.label == "unsure"
    assert 0 < result.confidence < 1


@pytest.mark.parametrize("labels", [{}, {"unsure": "anything"}])
def test_impossible_labels_are_refused(model_folder: Path, labels: dict[str, str]) -> None:
    """An empty set of labels is a wrong setting, found at the start."""
    with pytest.raises(Misconfigured):
        _build(model_folder, labels=labels)


def test_a_summary_is_made_of_the_text(model_folder: Path) -> None:
    """Sentences stand as they stood, in their order; the title is not among them."""
    for count, expected in ((1, 1), (3, 3), (20, 4)):
        summarizer = _build(model_folder, sentences=count)
        summary = _run(summarizer, [Text("Why the sea moves", TIDES)])[0].summary
        kept = [part for part in TIDES.split(". ") if part.rstrip(".") in summary]
        assert len(kept) == expected
        assert "Why the sea moves" not in summary
    best = _run(_build(model_folder, sentences=1), [Text("", TIDES)])[0].summary
    assert best.startswith("In this article we explain why the moon")


def test_counts_add_up(enricher: OnePassEnricher) -> None:
    """Word pieces are those of the text; what the model reads has the title and marks too."""
    plain = _run(enricher, [Text("", "One two. Three four five.")])[0]
    titled = _run(enricher, [Text("Six", "One two. Three four five.")])[0]
    assert (plain.sentences, plain.word_pieces, plain.tokens_in) == (2, 7, 11)
    assert (titled.sentences, titled.word_pieces, titled.tokens_in) == (2, 7, 14)
    assert plain.tokens_out == 7
    assert not plain.cut_off
    assert plain.inference_ms > 0
    assert plain.tokenize_ms > 0


def test_unknown_tokens_are_counted(enricher: OnePassEnricher) -> None:
    """Characters that the vocabulary lacks are told."""
    assert _run(enricher, [Text("", "🎉 🎊 word")])[0].unknown_tokens == 2


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        (" \n\t ", ""),
        ("  ...!!! ", "...!!!"),
        ("🎉🎉 😀", "🎉🎉 😀"),
        ("a\ud800b", "a\ufffdb"),
        ("\x00\x01 \x1b[31m", "\x00\x01 \x1b[31m"),
        ("[CLS] [SEP] [PAD]", "[CLS] [SEP] [PAD]"),
        ("שלום עולם", "שלום עולם"),
    ],
)
def test_every_text_has_a_result(enricher: OnePassEnricher, text: str, summary: str) -> None:
    """Text that says nothing still has a unit vector, scores, and itself as its summary."""
    result = _run(enricher, [Text("", text)])[0]
    assert result.summary == summary
    assert np.linalg.norm(result.embedding) == pytest.approx(1, abs=1e-5)
    assert result.embedding.shape == (enricher.card.dimensions,)
    assert result.embedding.dtype == np.float32
    assert result.sentences == 1


@pytest.mark.parametrize("unit", ["word and ", "日本語。", "a", "a.b.", "No end! "])
def test_long_texts_are_cut_off(model_folder: Path, unit: str) -> None:
    """Two megabytes are encoded up to the cap, and said to be cut off."""
    result = _run(_build(model_folder, cap=300), [Text("", unit * (2_000_000 // len(unit)))])[0]
    assert result.cut_off
    assert 1 <= result.word_pieces <= 300
    assert len(result.summary) < 3000


def test_an_overlong_sentence_loses_nothing(enricher: OnePassEnricher) -> None:
    """A sentence longer than the model is encoded in parts, to its end."""
    result = _run(enricher, [Text("", "word " * 1000)])[0]
    assert result.word_pieces == 1000
    assert not result.cut_off


def test_an_empty_batch_has_no_results(enricher: OnePassEnricher) -> None:
    """Nothing in, nothing out."""
    assert _run(enricher, []) == []


def test_vectors_mean_what_texts_mean(enricher: OnePassEnricher) -> None:
    """Texts about one thing are nearer to each other than to another thing."""
    tides, moon, pan = (
        result.embedding
        for result in _run(
            enricher,
            [
                Text("", TIDES),
                Text("", "The moon's gravity moves the ocean."),
                Text("", "Heat the butter in a pan and add the onions."),
            ],
        )
    )
    assert float(tides @ moon) > float(tides @ pan) + 0.3


def test_int8_is_close_to_float(model_folder: Path, enricher: OnePassEnricher) -> None:
    """Rounding to int8 turns a vector by very little (measured: 0.995 at worst)."""
    texts = [Text("", TIDES), *_texts(10)]
    exact = build_enricher(
        model_folder,
        device="cpu",
        compute_type="float32",
        threads=0,
        labels=None,
        unsure_below=0.3,
        summary_sentences=2,
    )
    pairs = zip(_run(enricher, texts), _run(exact, texts), strict=True)
    assert min(float(a.embedding @ b.embedding) for a, b in pairs) > 0.98


def test_the_card_says_which_model_it_was(enricher: OnePassEnricher, model_folder: Path) -> None:
    """Model, pinned revision, device and compute type stand on every row."""
    installed = json.loads((model_folder / "card.json").read_text(encoding="utf-8"))
    assert enricher.card.embedding_model == installed["name"]
    assert enricher.card.embedding_revision == installed["revision"]
    assert (enricher.card.device, enricher.card.compute_type) == ("cpu", "int8")


def test_steps_refuse_what_is_not_theirs(enricher: OnePassEnricher) -> None:
    """A step handed another step's value says so."""
    with pytest.raises(TypeError, match="core takes what pre returned"):
        enricher.core("text")
    with pytest.raises(TypeError, match="post takes what core returned"):
        enricher.post(enricher.pre([]))
