"""How far probabilities can be believed, and the temperature that makes them so.

Source: Guo et al., "On Calibration of Modern Neural Networks", 2017.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.classify.zeroshot import softmax

_COSINES = np.geomspace(0.005, 1.0, 200)
_LOGITS = np.geomspace(0.05, 20.0, 200)


def best_temperature(cosines: npt.NDArray[np.float64], truth: npt.NDArray[np.int64]) -> float:
    """Return the softmax temperature with the lowest negative log-likelihood of the truth.

    Args:
        cosines: shape ``(documents, labels)``.
        truth: column of each document's true label, shape ``(documents,)``.
    """
    return _best(cosines, truth, _COSINES)


def best_logit_temperature(logits: npt.NDArray[np.float64], truth: npt.NDArray[np.int64]) -> float:
    """Return the same for a classifier's logits, which are around 1 where cosines are small."""
    return _best(logits, truth, _LOGITS)


def _best(
    scores: npt.NDArray[np.float64],
    truth: npt.NDArray[np.int64],
    temperatures: npt.NDArray[np.float64],
) -> float:
    losses = [negative_log_likelihood(softmax(scores / value), truth) for value in temperatures]
    return float(temperatures[int(np.argmin(losses))])


def negative_log_likelihood(
    probabilities: npt.NDArray[np.float64], truth: npt.NDArray[np.int64]
) -> float:
    """Return the mean of minus the logarithm of the true label's probability."""
    own = probabilities[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(own, np.finfo(np.float64).tiny)).mean())


def expected_calibration_error(
    probabilities: npt.NDArray[np.float64], truth: npt.NDArray[np.int64], bins: int = 15
) -> float:
    """Return the mean distance between confidence and accuracy, over equal bins of confidence."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    where = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    counts = np.bincount(where, minlength=bins)
    gaps = np.bincount(where, weights=confidence - right, minlength=bins)
    return float(np.abs(gaps).sum() / counts.sum())
