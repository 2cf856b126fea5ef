"""Sequence classifiers and inference: logits of single texts and pairs, probabilities, unsure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.classify.calibration import best_logit_temperature, expected_calibration_error
from models.classify.decision import Decision, labels_of
from models.classify.nli import HYPOTHESIS, NliClassifier
from models.classify.sequence import SequenceClassifier, SequenceModel
from models.convert import convert
from models.registry import WEIGHTS_FOLDER
from streams.errors import Misconfigured
from streams.ports import Text
from tests.support.tiny_classifiers import KINDS, LABELS, classifier_logits, write_tiny_classifier
from tests.support.tiny_model import LONGEST, WEIGHTS, Floats

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = [Text("tides", "the sea rises"), Text("", "calm"), Text("", "a storm. " * 40)] * 4
NLI = ("entailment", "neutral", "contradiction")


def _made(
    folder: Path, kind: str = "bert", **config: object
) -> tuple[SequenceModel, dict[str, Floats]]:
    tensors = write_tiny_classifier(folder, kind, **config)  # type: ignore[arg-type] # labels too
    convert(folder, WEIGHTS, folder / WEIGHTS_FOLDER)
    return SequenceModel(folder, device="cpu", compute_type="auto", threads=2), tensors


@pytest.mark.parametrize("kind", KINDS)
def test_logits_of_texts_are_the_models(tmp_path: Path, kind: str) -> None:
    """Tokenizer, encoder and head together give the textbook's logits, within int8's error."""
    model, tensors = _made(tmp_path / "tiny", kind)
    classifier = SequenceClassifier(model, temperature=1.0, unsure_below=0.0)
    rows = classifier.tokenize(TEXTS)
    assert max(map(len, rows.ids)) == LONGEST  # the long one is cut to the window
    found = classifier.logits(rows)
    expected = np.stack([classifier_logits(kind, tensors, ids) for ids in rows.ids])
    assert np.abs(found - expected).max() < 0.35
    assert classifier.decision.labels == LABELS


def test_a_result_does_not_depend_on_its_batch(tmp_path: Path) -> None:
    """Alone or among others: the same bits."""
    classifier = SequenceClassifier(_made(tmp_path / "tiny")[0], temperature=1.0, unsure_below=0)
    together = classifier.logits(classifier.tokenize(TEXTS))
    alone = [classifier.logits(classifier.tokenize([item]))[0] for item in TEXTS]
    assert np.array_equal(together, np.stack(alone))
    assert classifier.logits(classifier.tokenize([])).shape == (0, len(LABELS))


def test_several_labels_are_questions_of_their_own(tmp_path: Path) -> None:
    """A multi-label config is read with sigmoids."""
    model, _ = _made(tmp_path / "tiny", problem_type="multi_label_classification")
    classifier = SequenceClassifier(model, temperature=2.0, unsure_below=0)
    logits = classifier.logits(classifier.tokenize(TEXTS[:2]))
    probabilities = classifier.decision.probabilities(logits)
    assert np.allclose(probabilities, 1 / (1 + np.exp(-logits / 2)))


def test_below_the_threshold_is_unsure() -> None:
    """The confidence is told, the guess is not."""
    decision = Decision(("a", "b"), temperature=1.0, unsure_below=0.7)
    probabilities = decision.probabilities(np.array([[3.0, 0.0], [0.1, 0.0]]))
    (sure, high), (unsure, low) = decision.choose(probabilities)
    assert (sure, unsure) == ("a", "unsure")
    assert high > 0.7 > low


def test_a_fitted_temperature_calibrates() -> None:
    """Logits that are five times too sure get a temperature near five."""
    rng = np.random.default_rng(3)
    logits = rng.normal(0, 1, (4000, 4))
    odds = np.exp(logits)
    odds /= odds.sum(axis=1, keepdims=True)
    truth = np.array([rng.choice(4, p=row) for row in odds])
    temperature = best_logit_temperature(logits * 5, truth)
    assert 4 < temperature < 6
    decision = Decision(tuple("abcd"), temperature=temperature)
    assert expected_calibration_error(decision.probabilities(logits * 5), truth) < 0.04


def test_inference_asks_each_label_about_each_document(tmp_path: Path) -> None:
    """Logits are those of the pair (document, hypothesis), token types and all."""
    model, tensors = _made(tmp_path / "tiny", labels=NLI)
    labels = {"sea": "water", "land": "earth"}
    classifier = NliClassifier(model, labels, temperature=1.0, unsure_below=0)
    rows = classifier.tokenize(TEXTS[:3])
    assert len(rows.ids) == 6
    found = classifier.logits(rows)
    hypothesis = HYPOTHESIS.format("land")
    assert rows.ids[3] == model.rows([("calm", hypothesis)]).ids[0]
    logits = model.logits(rows)
    assert np.array_equal(found[1], logits[2:4, NLI.index("entailment")])
    assert np.allclose(classifier.decision.probabilities(found).sum(axis=1), 1)
    assert rows.types is not None
    assert set(rows.types[3]) == {0, 1}
    expected = classifier_logits("bert", tensors, rows.ids[3], rows.types[3])
    assert np.abs(expected - logits[3]).max() < 0.35


def test_where_entailment_stands_comes_from_the_config(tmp_path: Path) -> None:
    """Models differ in the order of their labels, and in how they spell them."""
    model, _ = _made(tmp_path / "tiny", labels=("CONTRADICTION", "NEUTRAL", "ENTAILMENT"))
    classifier = NliClassifier(
        model, {"sea": "", "land": ""}, temperature=1.0, unsure_below=0, multi_label=True
    )
    rows = classifier.tokenize(TEXTS[:1])
    logits = model.logits(rows)
    assert np.array_equal(classifier.logits(rows)[0], logits[:, 2] - logits[:, 0])


def test_a_classifier_of_something_else_does_no_inference(tmp_path: Path) -> None:
    """Its labels are named, so that the mistake is seen."""
    model, _ = _made(tmp_path / "tiny")
    with pytest.raises(Misconfigured, match="begins with 'entail'; this one has: calm, rising"):
        NliClassifier(model, {"sea": ""}, temperature=1.0, unsure_below=0)


@pytest.mark.parametrize("labels", [(), ("a", "a"), ("unsure", "sure")])
def test_labels_that_cannot_be_told_apart_are_refused(labels: tuple[str, ...]) -> None:
    """None, two of one name, or one that means something else."""
    with pytest.raises(Misconfigured, match="labels must differ"):
        Decision(labels)


def test_labels_must_fit_the_head() -> None:
    """In the order of their numbers, not of their spelling; a wrong count is refused."""
    config: dict[str, object] = {"id2label": {str(n): f"l{n}" for n in range(11)}}
    assert labels_of(config, 11)[10] == "l10"
    assert labels_of({}, 2) == ("LABEL_0", "LABEL_1")
    with pytest.raises(Misconfigured, match="names 11 labels, but the head has 3"):
        labels_of(json.loads(json.dumps(config)), 3)
