"""Logistic regression on embeddings: softmax for one label of many, sigmoids for several at once.

The loss is the mean negative log-likelihood plus half of ``l2`` times the squared weights; the bias
is free. It is minimized by Nesterov's accelerated gradient with a restart whenever momentum points
uphill (O'Donoghue and Candès, "Adaptive Restart for Accelerated Gradient Schemes", 2015), in the
eigenbasis of the features' covariance, where the bound on the curvature is diagonal (Böhning,
"Multinomial Logistic Regression Algorithm", 1992): some dozen steps where the plain gradient takes
thousands. NumPy only, and the same bits for the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from models.classify.zeroshot import softmax

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Doubles: TypeAlias = npt.NDArray[np.float64]

_STEPS = 500
_TOLERANCE = 1e-5
_NOT_ABOVE = 60.0
# Largest second derivative of the loss by a logit.
_SOFTMAX_CURVATURE, _SIGMOID_CURVATURE = 0.5, 0.25


@dataclass(frozen=True, slots=True)
class Linear:
    """A linear map of embeddings to logits.

    Attributes:
        weights: shape ``(dimensions, labels)``.
        bias: shape ``(labels,)``.
    """

    weights: Doubles
    bias: Doubles

    def logits(self, documents: npt.NDArray[np.floating]) -> Doubles:
        """Return the logits, shape ``(documents, labels)``; each row's bits are its own.

        Args:
            documents: unit vectors, shape ``(documents, dimensions)``.
        """
        # einsum gives a row the same bits whatever rows stand beside it; BLAS does not promise it.
        product = np.einsum("ij,jk->ik", documents.astype(np.float64), self.weights, optimize=False)
        found: Doubles = product + self.bias
        return found


def sigmoid(logits: Doubles) -> Doubles:
    """Return the logistic function of each number."""
    found: Doubles = 1 / (1 + np.exp(np.minimum(-logits, _NOT_ABOVE)))
    return found


def fit_path(
    documents: Doubles, truth: Doubles, strengths: Sequence[float], *, multi_label: bool
) -> Iterator[Linear]:
    """Yield the best linear map for each strength of the regularisation, in the given order.

    Each begins where the one before ended, so that an order from strong to weak is the fastest.

    Args:
        documents: shape ``(documents, dimensions)``.
        truth: 1 for a document's own labels, else 0; shape ``(documents, labels)``.
        strengths: values of ``l2``, above 0.
        multi_label: sigmoids instead of one softmax.
    """
    mean = documents.mean(axis=0)
    centred = documents - mean
    spread, basis = np.linalg.eigh(centred.T @ centred / len(centred))
    problem = _Problem(centred @ basis, truth, np.maximum(spread, 0.0), multi_label)
    weights = np.zeros((documents.shape[1], truth.shape[1]))
    bias = np.log(np.clip(truth.mean(axis=0), 1e-6, 1 - 1e-6))
    for l2 in strengths:
        weights, bias = problem.minimize(weights, bias, l2)
        back = basis @ weights
        yield Linear(back, bias - mean @ back)


@dataclass(frozen=True, slots=True)
class _Problem:
    """Rows in the eigenbasis of their covariance, and its eigenvalues."""

    rows: Doubles
    truth: Doubles
    spread: Doubles
    multi_label: bool

    def minimize(self, weights: Doubles, bias: Doubles, l2: float) -> tuple[Doubles, Doubles]:
        """Return the weights and bias of least loss, from where a guess is."""
        curvature = _SIGMOID_CURVATURE if self.multi_label else _SOFTMAX_CURVATURE
        step = 1 / (curvature * self.spread + l2)[:, None]
        at, at_bias, momentum = weights, bias, 1.0
        for _ in range(_STEPS):
            slope, slope_bias = self._slope(at, at_bias, l2)
            new, new_bias = at - step * slope, at_bias - slope_bias / curvature
            uphill = (slope * (new - weights)).sum() + (slope_bias * (new_bias - bias)).sum() > 0
            following = 1.0 if uphill else (1 + np.sqrt(1 + 4 * momentum**2)) / 2
            pull = 0.0 if uphill else (momentum - 1) / following
            at, at_bias = new + pull * (new - weights), new_bias + pull * (new_bias - bias)
            weights, bias, momentum = new, new_bias, following
            if np.sqrt((slope**2 * step).sum() + (slope_bias**2).sum() / curvature) < _TOLERANCE:
                break
        return weights, bias

    def _slope(self, weights: Doubles, bias: Doubles, l2: float) -> tuple[Doubles, Doubles]:
        logits = self.rows @ weights + bias
        found = sigmoid(logits) if self.multi_label else softmax(logits)
        error = (found - self.truth) / len(self.rows)
        return self.rows.T @ error + l2 * weights, error.sum(axis=0)
