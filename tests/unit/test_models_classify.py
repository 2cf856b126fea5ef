"""Zero-shot labels: probabilities, the unsure, and how far they can be believed."""

from __future__ import annotations

import numpy as np
import pytest

from models.classify.calibration import (
    best_temperature,
    expected_calibration_error,
    negative_log_likelihood,
)
from models.classify.labels import built_in_labels, prompts
from models.classify.zeroshot import UNSURE, ZeroShot, softmax
from streams.errors import Misconfigured


def _classifier(unsure_below: float = 0.5) -> ZeroShot:
    vectors = np.eye(3, dtype=np.float32)
    return ZeroShot(["a", "b", "c"], vectors, temperature=0.1, unsure_below=unsure_below)


def test_the_nearest_label_wins() -> None:
    """Probabilities add up to one and follow the cosine."""
    probabilities = _classifier().probabilities(np.eye(3, dtype=np.float32)[[2, 0]])
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert [label for label, _ in _classifier().choose(probabilities)] == ["c", "a"]


def test_low_confidence_is_unsure() -> None:
    """Below the threshold the label is withheld, and the confidence still told."""
    classifier = _classifier(unsure_below=0.9)
    label, confidence = classifier.choose(np.array([[0.2, 0.5, 0.3]]))[0]
    assert (label, confidence) == (UNSURE, 0.5)
    assert classifier.choose(np.array([[0.05, 0.9, 0.05]]))[0] == ("b", 0.9)


@pytest.mark.parametrize("labels", [[], ["a", "unsure", "c"]])
def test_impossible_labels_are_refused(labels: list[str]) -> None:
    """No labels, or one that means that there is none, is a wrong setting."""
    with pytest.raises(Misconfigured, match="labels must not be empty"):
        ZeroShot(labels, np.eye(3, dtype=np.float32), temperature=1, unsure_below=0)


def test_softmax_survives_large_numbers() -> None:
    """A tiny temperature overflows nothing."""
    assert np.allclose(softmax(np.array([[1e5, 1e5, -1e5]])), [[0.5, 0.5, 0]])


def test_descriptions_become_prompts() -> None:
    """Each phrase of a description speaks for its label; blanks and stops do not."""
    assert prompts("law", "courts and trials, police.") == [
        "law",
        "courts and trials, police.",
        "This text is about courts.",
        "This text is about trials.",
        "This text is about police.",
    ]


def test_built_in_labels_are_described() -> None:
    """About a dozen topics, none of them the name for no topic."""
    labels = built_in_labels()
    assert 10 <= len(labels) <= 14
    assert UNSURE not in labels
    assert all("," in description for description in labels.values())


def test_calibration_finds_the_temperature_of_the_world() -> None:
    """When labels are drawn from a softmax, its temperature is found again."""
    rng = np.random.default_rng(3)
    cosines = rng.uniform(-1, 1, (20_000, 4))
    truth = (softmax(cosines / 0.2).cumsum(axis=1) < rng.random((20_000, 1))).sum(axis=1)
    assert best_temperature(cosines, truth) == pytest.approx(0.2, rel=0.05)
    assert expected_calibration_error(softmax(cosines / 0.2), truth) < 0.02
    assert expected_calibration_error(softmax(cosines / 0.02), truth) > 0.2


def test_calibration_error_by_hand() -> None:
    """Two bins: sure and right, half sure and wrong half of the time."""
    probabilities = np.array([[1.0, 0.0], [0.6, 0.4], [0.6, 0.4]])
    truth = np.array([0, 0, 1])
    assert expected_calibration_error(probabilities, truth) == pytest.approx(0.2 / 3)
    assert negative_log_likelihood(probabilities[:1], truth[:1]) == 0
