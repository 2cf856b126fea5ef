"""The Gumbel law of the largest of many scores, and run lengths from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


def fit_moments(maxima: Floats, least_scale: float) -> tuple[Floats, Floats]:
    """Return location and scale of the Gumbel law by moments, over axis 0.

    Mean = location + Euler's constant x scale; variance = (pi x scale)**2 / 6. The scale is at
    least ``least_scale``, so that a constant sample has a law too.
    """
    deviation = maxima.std(axis=0, ddof=1)
    scale = np.maximum(deviation * np.sqrt(6) / np.pi, least_scale)
    return maxima.mean(axis=0) - np.euler_gamma * scale, scale


def log_run_length(
    maximum: Floats, location: Floats, scale: Floats, documents: int
) -> npt.NDArray[np.float64]:
    """Return the log of the expected documents between scores this high on a quiet stream.

    ``location`` and ``scale`` belong to the largest score of ``documents`` documents. In the tail
    P(largest > x) = exp(-(x - location) / scale), so such scores come once in
    ``documents * exp((x - location) / scale)`` documents.
    """
    return np.asarray(np.log(documents) + (maximum - location) / scale)
