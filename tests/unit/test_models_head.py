"""Heads on embeddings: the fit, what cross-validation chooses, the folder, refusals."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.classify.calibration import (
    expected_calibration_error,
    least_confidence,
)
from models.classify.decision import Decision
from models.classify.head import NOTES_FILE, WEIGHTS_FILE, Notes, load_head
from models.classify.head_store import check_name, install_head
from models.classify.logistic import Linear, fit_path, sigmoid
from models.classify.training import FOLDS, decision_of, fitted_temperature, folds, train
from models.classify.zeroshot import softmax
from models.manifest import DEFAULT_MODEL, pinned
from models.registry import Registry
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from pathlib import Path

DIMENSIONS = 6
MODEL = pinned(DEFAULT_MODEL)


def clouds(count: int, labels: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy unit vectors around one axis a label, and the truth."""
    rng = np.random.default_rng(seed)
    own = rng.integers(0, labels, count)
    vectors = np.eye(DIMENSIONS)[own] + rng.normal(scale=0.45, size=(count, DIMENSIONS))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.eye(labels)[own]


@pytest.mark.parametrize("multi_label", [False, True])
def test_the_fit_is_where_the_loss_is_flat(*, multi_label: bool) -> None:
    """At the result the gradient of loss and penalty is nought, worked out the plain way."""
    documents, truth = clouds(200)
    for l2, linear in zip(
        (0.1, 0.01), fit_path(documents, truth, (0.1, 0.01), multi_label=multi_label), strict=True
    ):
        logits = documents @ linear.weights + linear.bias
        error = (sigmoid(logits) if multi_label else softmax(logits)) - truth
        slope = documents.T @ error / len(documents) + l2 * linear.weights
        assert np.abs(slope).max() < 1e-5
        assert np.abs(error.mean(axis=0)).max() < 1e-5


def test_a_row_has_the_same_bits_in_any_batch() -> None:
    """Redelivered in another batch, a document gets the very same logits."""
    documents, truth = clouds(64)
    (linear,) = fit_path(documents, truth, (0.01,), multi_label=False)
    together = linear.logits(documents.astype(np.float32))
    alone = [linear.logits(documents[row : row + 1].astype(np.float32)) for row in range(64)]
    assert together.tobytes() == np.concatenate(alone).tobytes()


def test_folds_share_each_label_evenly() -> None:
    """Each fold gets its share of every label, whatever the order of the rows."""
    truth = np.eye(2)[[0] * 50 + [1] * 10]
    where = folds(truth, seed=3)
    for fold in range(FOLDS):
        assert truth[where == fold].sum(axis=0).tolist() == [10, 2]


def test_training_is_calibrated_on_what_it_did_not_see() -> None:
    """The held-out probabilities of noisy labels are as right as they say, and so are new ones."""
    documents, truth = clouds(900)
    trained = train(documents, truth, multi_label=False)
    assert expected_calibration_error(trained.held_out, truth.argmax(axis=1), 5) < 0.05
    fresh, new_truth = clouds(900, seed=1)
    decision = decision_of(trained, ("a", "b", "c"), multi_label=False)
    found = decision.probabilities(trained.linear.logits(fresh))
    assert expected_calibration_error(found, new_truth.argmax(axis=1), 5) < 0.06
    assert (found.argmax(axis=1) == new_truth.argmax(axis=1)).mean() > 0.85


def test_nothing_is_learned_from_random_labels() -> None:
    """Held-out probabilities of labels by chance are near chance: nothing leaks over the folds."""
    documents, _ = clouds(300)
    truth = np.eye(3)[np.random.default_rng(5).integers(0, 3, 300)]
    trained = train(documents, truth, multi_label=False)
    assert trained.held_out.max() < 0.6
    assert (trained.held_out.argmax(axis=1) == truth.argmax(axis=1)).mean() < 0.45


def test_several_labels_are_questions_of_their_own() -> None:
    """With two labels true of a document, both are probable."""
    rng = np.random.default_rng(2)
    truth = (rng.random((400, 3)) < 0.5).astype(float)
    noise = rng.normal(scale=0.15, size=(400, 3))
    trained = train(truth * 2 - 1 + noise, truth, multi_label=True)
    assert ((trained.held_out > 0.5) == (truth > 0)).mean() > 0.99
    assert trained.held_out[truth.sum(axis=1) == 3].sum(axis=1).min() > 2


def test_temperatures_undo_a_scale() -> None:
    """Logits that were multiplied by four get four times the temperature."""
    documents, truth = clouds(400)
    (linear,) = fit_path(documents, truth, (0.003,), multi_label=False)
    logits = linear.logits(documents)
    for multi_label in (False, True):
        plain = fitted_temperature(logits, truth, multi_label=multi_label)
        scaled = fitted_temperature(4 * logits, truth, multi_label=multi_label)
        assert scaled == pytest.approx(4 * plain, rel=1e-3)


def test_a_few_right_documents_prove_no_certainty() -> None:
    """Twenty documents, all right by far: the calibrated confidence stays near 21 of 22."""
    truth = np.eye(2)[[0, 1] * 10]
    temperature = fitted_temperature(6 * truth, truth, multi_label=False)
    assert softmax(6 * truth / temperature).max() == pytest.approx(21 / 22, abs=1e-3)


@pytest.mark.parametrize(
    ("right", "share", "expected"),
    [
        ([False, False, True, True], 0.5, 0.3),
        ([True, True, True, True], 0.5, 0.0),
        ([False, False, False, False], 0.5, 1.0),
        ([False, True, False, True], 0.4, 0.2),
    ],
)
def test_least_confidence_is_where_labels_begin_to_be_right(
    right: list[bool], share: float, expected: float
) -> None:
    """Worked by hand on four documents of rising confidence."""
    confidence = np.array([0.1, 0.2, 0.3, 0.4])
    assert least_confidence(confidence, np.array(right), share) == expected


def notes(**changes: object) -> Notes:
    plain = Notes(
        ("a", "b", "c"), False, 0.5, 0.4, 0.01, MODEL.name, MODEL.revision, DIMENSIONS, "int8", 9
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # checked by what reads it


def installed(data: Path, **changes: object) -> Path:
    documents, truth = clouds(60)
    (linear,) = fit_path(documents, truth, (0.01,), multi_label=False)
    install_head(data, "news", linear, notes(**changes), now_ms=0)
    return Registry(data).pull("news").folder


def test_a_head_is_what_was_installed(tmp_path: Path) -> None:
    """Written and read again it gives the same probabilities; its card names it and its task."""
    documents, truth = clouds(60)
    (linear,) = fit_path(documents, truth, (0.01,), multi_label=False)
    card = install_head(tmp_path, "news", linear, notes(), now_ms=0)
    head = load_head(Registry(tmp_path).pull("news").folder, MODEL)
    rounded = Linear(
        linear.weights.astype(np.float32).astype(float),
        linear.bias.astype(np.float32).astype(float),
    )
    expected = Decision(("a", "b", "c"), 0.5, 0.4).probabilities(rounded.logits(documents))
    assert np.array_equal(head.probabilities(documents), expected)
    assert head.method == f"head news@{card.revision[:8]}"
    assert card.task == "head"
    assert head.decision.unsure_below == 0.4
    assert load_head(tmp_path / "models/news", MODEL, unsure_below=0.9).decision.unsure_below == 0.9


@pytest.mark.parametrize(
    "changes", [{"embedding_revision": "0" * 40}, {"embedding_model": "another"}]
)
def test_another_models_embeddings_are_refused(tmp_path: Path, changes: dict[str, str]) -> None:
    """A head means nothing on vectors of another model or revision; the line says what to do."""
    folder = installed(tmp_path, **changes)
    with pytest.raises(Misconfigured, match=r"was trained on the embeddings of .*train-classifier"):
        load_head(folder, MODEL)


@pytest.mark.parametrize("name", [WEIGHTS_FILE, NOTES_FILE])
def test_a_damaged_head_is_refused(tmp_path: Path, name: str) -> None:
    """A changed byte is seen before the head is used, and no source is asked for it."""
    path = installed(tmp_path) / name
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(Misconfigured, match=r"news is damaged, run: tidemark models train-classif"):
        Registry(tmp_path).pull("news")


def test_weights_that_do_not_fit_the_notes_are_refused(tmp_path: Path) -> None:
    """Notes of another head beside these weights are seen by their shapes."""
    folder = installed(tmp_path, labels=("a", "b"))
    with pytest.raises(Misconfigured, match="do not fit"):
        load_head(folder, MODEL)


@pytest.mark.parametrize("name", [MODEL.name, "zero-shot", "../up", ".hidden"])
def test_names_of_others_are_refused(tmp_path: Path, name: str) -> None:
    """A head replaces no model, no method and no folder elsewhere."""
    with pytest.raises(Misconfigured, match="give another --name"):
        check_name(tmp_path, name)


def test_a_head_replaces_itself_and_is_listed(tmp_path: Path) -> None:
    """Trained again under its name, the new one is there whole, and nothing is left lying about."""
    installed(tmp_path)
    folder = installed(tmp_path, temperature=0.7)
    assert load_head(folder, MODEL).decision.temperature == 0.7
    assert [item.model.task for item in Registry(tmp_path).list() if item.model.name == "news"] == [
        "head"
    ]
    assert sorted(path.name for path in folder.parent.iterdir()) == [".news.lock", "news"]
