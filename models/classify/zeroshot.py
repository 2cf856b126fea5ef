"""Zero-shot labels: cosine of a document to label descriptions, as calibrated probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from models.classify import UNSURE
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["UNSURE", "Floats", "ZeroShot", "softmax"]

Floats: TypeAlias = npt.NDArray[np.float32]


class ZeroShot:
    """Labels documents by their vectors; immutable.

    Args:
        labels: names of the labels.
        vectors: unit vector of each label, shape ``(labels, dimensions)``.
        temperature: of the softmax over cosines; the smaller, the surer.
        unsure_below: documents whose best probability is lower are labelled ``unsure``.

    Raises:
        Misconfigured: there are no labels, or one is called ``unsure``.
    """

    def __init__(
        self, labels: Sequence[str], vectors: Floats, *, temperature: float, unsure_below: float
    ) -> None:
        if not labels or UNSURE in labels:
            raise Misconfigured(f"labels must not be empty, and none may be called {UNSURE!r}")
        self._labels = tuple(labels)
        self._vectors = vectors
        self._temperature = temperature
        self._unsure_below = unsure_below

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the labels, in the order of the columns of ``probabilities``."""
        return self._labels

    def probabilities(self, documents: Floats) -> npt.NDArray[np.float64]:
        """Return the probability of each label, shape ``(documents, labels)``; rows add up to 1.

        Args:
            documents: unit vectors, shape ``(documents, dimensions)``.
        """
        cosines = (documents @ self._vectors.T).astype(np.float64)
        return softmax(cosines / self._temperature)

    def choose(self, probabilities: npt.NDArray[np.float64]) -> list[tuple[str, float]]:
        """Return each document's label, or ``unsure``, and the best label's probability."""
        best = probabilities.argmax(axis=1)
        confidence = probabilities[np.arange(len(best)), best].tolist()
        return [
            (self._labels[index] if value >= self._unsure_below else UNSURE, value)
            for index, value in zip(best.tolist(), confidence, strict=True)
        ]


def softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the softmax of each row."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    quotient: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return quotient
