"""Models of one's own, plugged in beside or behind the one pass."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.plugging import Machine, plug
from models.registry import Registry
from streams.clock import FixedClock
from streams.errors import Misconfigured
from streams.ports import Inference, ModelCard, Text
from tests.support.tiny_classifiers import LABELS, write_tiny_classifier
from tests.support.tiny_model import WEIGHTS
from tests.support.tiny_writers import (
    lay_out_converted,
    write_converted_decoder,
    write_tiny_sequence_to_sequence,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from streams.ports import Enricher

TEXTS = [Text("tides", "the sea rises twice a day"), Text("", "calm")]


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "data", FixedClock(1))


class _Base:
    """The one pass, as far as plugged models know it."""

    card = ModelCard("m", "r", "zero-shot cosine", "cpu", "int8", 2)

    def pre(self, texts: Sequence[Text]) -> object:
        return list(texts)

    def core(self, prepared: object) -> object:
        return prepared

    def post(self, encoded: object) -> list[Inference]:
        assert isinstance(encoded, list)
        return [_inference(item.text) for item in encoded]


def _inference(text: str) -> Inference:
    return Inference(
        embedding=np.zeros(2, dtype=np.float32),
        label="base",
        confidence=0.5,
        scores={"base": 1.0},
        summary=text,
        summary_method="extractive",
        sentences=1,
        word_pieces=1,
        unknown_tokens=0,
        cut_off=False,
        tokens_in=3,
        tokens_out=2,
        tokenize_ms=0.1,
        inference_ms=0.2,
    )


def _plug(classifier: Path | None = None, summarizer: Path | None = None) -> Enricher:
    return plug(
        _Base(),
        machine=Machine("cpu", "auto", 1),
        classifier=classifier,
        summarizer=summarizer,
        labels={"sea": "water", "land": "earth"},
        unsure_below=0.0,
    )


def _run(enricher: Enricher, texts: Sequence[Text] = TEXTS) -> list[Inference]:
    return enricher.post(enricher.core(enricher.pre(texts)))


def test_nothing_chosen_is_the_one_pass_itself() -> None:
    """The default is as it was, without a layer in between."""
    assert isinstance(_plug(), _Base)


def test_what_the_authors_say_of_beams_and_lengths_is_taken_over(
    registry: Registry, tmp_path: Path
) -> None:
    """But neither sampling, nor a length that counts the prompt, nor one without end."""
    said = {"num_beams": 4, "min_length": 3, "max_length": 9000, "do_sample": True, "top_k": 50}
    write_tiny_sequence_to_sequence(tmp_path / "made")
    lay_out_converted(tmp_path / "made")
    (tmp_path / "made/generation_config.json").write_text(json.dumps(said), encoding="utf-8")
    short = registry.adopt(tmp_path / "made", "short")
    assert short.card.generation == {"beam_size": 4, "min_tokens": 3, "max_tokens": 512}
    assert _run(_plug(summarizer=short.folder))[0].tokens_out >= 3
    shutil.rmtree(tmp_path / "made")
    flat = write_converted_decoder(tmp_path / "made")
    (flat / "generation_config.json").write_text(json.dumps(said), encoding="utf-8")
    assert registry.adopt(flat, "stories").card.generation == {"beam_size": 4}


def test_a_folder_without_a_fast_tokenizer_or_with_an_adapter_says_what_to_do(
    registry: Registry, tmp_path: Path
) -> None:
    """Before anything is copied or converted."""
    write_tiny_classifier(tmp_path / "made")
    (tmp_path / "made/tokenizer.json").unlink()
    with pytest.raises(Misconfigured, match=r"has no tokenizer\.json.*save_pretrained"):
        registry.adopt(tmp_path / "made", "moods")
    (tmp_path / "made" / WEIGHTS).rename(tmp_path / "made/adapter_model.safetensors")
    (tmp_path / "made/adapter_config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(Misconfigured, match="holds an adapter; merge it into its model first"):
        registry.adopt(tmp_path / "made", "moods")


def test_a_chosen_classifier_labels(registry: Registry, tmp_path: Path) -> None:
    """Label, confidence and scores are its own; the rest is the one pass's; rows name it."""
    write_tiny_classifier(tmp_path / "made")
    pulled = registry.adopt(tmp_path / "made", "moods")
    enricher = _plug(classifier=pulled.folder)
    found = _run(enricher)
    assert all(tuple(one.scores) == LABELS for one in found)
    assert all(one.scores[one.label] == one.confidence for one in found)
    assert [one.summary for one in found] == [item.text for item in TEXTS]
    assert all(one.tokens_in > 3 for one in found)
    assert enricher.card.classifier == f"sequence classifier moods@{pulled.card.revision[:8]}"
    assert _run(enricher, []) == []


def test_a_model_of_inference_uses_the_configured_labels(
    registry: Registry, tmp_path: Path
) -> None:
    """It is known by its labels, and asked about those of the settings."""
    write_tiny_classifier(tmp_path / "made", labels=("contradiction", "neutral", "entailment"))
    pulled = registry.adopt(tmp_path / "made", "judge")
    assert pulled.card.task == "inference"
    assert [tuple(one.scores) for one in _run(_plug(classifier=pulled.folder))] == [
        ("sea", "land")
    ] * 2


def test_a_chosen_summarizer_writes(registry: Registry, tmp_path: Path) -> None:
    """Summary, method and tokens are its own; an empty document keeps the extractive one."""
    flat = write_converted_decoder(tmp_path / "made")
    pulled = registry.adopt(flat, "stories", prompt="plain-1")
    found = _run(_plug(summarizer=pulled.folder), [*TEXTS, Text("", " ")])
    method = f"generative stories@{pulled.card.revision[:8]} plain-1"
    assert [one.summary_method for one in found] == [
        method,
        method,
        f"extractive ({method} wrote nothing)",
    ]
    assert found[0].summary not in ("", TEXTS[0].text)
    assert found[0].tokens_out > 0
    assert found[2].summary == " "


def test_a_model_for_something_else_is_refused(registry: Registry, tmp_path: Path) -> None:
    """A classifier writes nothing, and a writer does not label."""
    write_tiny_classifier(tmp_path / "labels")
    labels = registry.adopt(tmp_path / "labels", "moods").folder
    with pytest.raises(Misconfigured, match="TIDEMARK_SUMMARIZER=moods is a model for classif"):
        _plug(summarizer=labels)
    stories = registry.adopt(write_converted_decoder(tmp_path / "made"), "stories").folder
    with pytest.raises(Misconfigured, match="TIDEMARK_CLASSIFIER=stories is a model for summar"):
        _plug(classifier=stories)
