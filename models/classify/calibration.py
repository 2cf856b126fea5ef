"""How far probabilities can be believed, and the temperature that makes them so.

Source: Guo et al., "On Calibration of Modern Neural Networks", 2017.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from models.classify.zeroshot import softmax

if TYPE_CHECKING:
    from collections.abc import Callable

_COSINES = np.geomspace(0.005, 1.0, 200)
_LOGITS = (0.05, 20.0)
_HALVINGS = 24  # of the logarithm of that range, by golden section: to five digits
_GOLDEN = (5**0.5 - 1) / 2


def best_temperature(cosines: npt.NDArray[np.float64], truth: npt.NDArray[np.int64]) -> float:
    """Return the softmax temperature with the lowest negative log-likelihood of the truth.

    Args:
        cosines: shape ``(documents, labels)``.
        truth: column of each document's true label, shape ``(documents,)``.
    """
    return _best(cosines, truth, _COSINES)


def best_logit_temperature(logits: npt.NDArray[np.float64], truth: npt.NDArray[np.int64]) -> float:
    """Return the same for a classifier's logits, which are around 1 where cosines are small."""
    return least_temperature(lambda value: negative_log_likelihood(softmax(logits / value), truth))


def least_confidence(
    confidence: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], share: float
) -> float:
    """Return the confidence below which fewer than ``share`` of the documents are right.

    It is where isotonic regression of right on confidence crosses the share: the least of the
    running sum of ``right - share`` in the order of confidence (pool adjacent violators).

    Args:
        confidence: probability of the best label, shape ``(documents,)``.
        right: whether it is true, same shape.
        share: between 0 and 1.
    """
    order = np.argsort(confidence, kind="stable")
    ordered = confidence[order]
    sums = np.concatenate(([0.0], np.cumsum(right[order] - share)))
    # Equal confidences are all above or all below.
    ends = np.concatenate(([True], ordered[1:] > ordered[:-1], [True]))
    at = int(np.flatnonzero(ends)[np.argmin(sums[ends])])
    return float(ordered[at]) if at and at < len(ordered) else float(at > 0)


def _best(
    scores: npt.NDArray[np.float64],
    truth: npt.NDArray[np.int64],
    temperatures: npt.NDArray[np.float64],
) -> float:
    losses = [negative_log_likelihood(softmax(scores / value), truth) for value in temperatures]
    return float(temperatures[int(np.argmin(losses))])


def least_temperature(loss: Callable[[float], float]) -> float:
    """Return the temperature of least loss, which is convex in the inverse: there is one."""
    low, high = np.log(_LOGITS)
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = loss(np.exp(left)), loss(np.exp(right))
    for _ in range(_HALVINGS):
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = loss(np.exp(left))
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = loss(np.exp(right))
    return float(np.exp((low + high) / 2))


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
