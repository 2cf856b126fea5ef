"""Ridge Hotelling statistics of window means, for several ridge strengths at once.

A mean of ``w`` standard scores is compared with 0 by T = sum g_k m_k**2, with weights
g_k = v_k / (v_k + ridge x mean variance) in the directions' own units: a small ridge is Hotelling's
T-squared (sensitive to small shifts along quiet directions), an infinite one the squared distance
of the means (sensitive along the loud ones). T is nearly a scaled chi-squared variable
(Satterthwaite 1946); the cube root of Wilson and Hilferty (1931) makes it nearly standard normal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Means = npt.NDArray[np.floating[Any]]
    Own = tuple[slice, slice, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Scan:
    """The statistic for one reference.

    Attributes:
        weights: shape ``(d, ridges)``; of several channels, 0 outside a ridge's own.
        multiples: Satterthwaite's multiple of each ridge, shape ``(ridges,)``.
        freedom: his degrees of freedom, shape ``(ridges,)``.
        documents: size of the reference; its mean has an error of its own.
        starts: first ridge of each channel, shape ``(channels,)``.
        own: of each channel its ridges, its columns and its weights ``(ridges, columns)``.
    """

    weights: Floats
    multiples: Floats
    freedom: Floats
    documents: int
    starts: npt.NDArray[np.int64]
    own: list[Own] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Note where the weights are that are not 0."""
        edges = [*self.starts.tolist(), len(self.freedom)]
        object.__setattr__(self, "own", [self._of_ridges(*each) for each in pairwise(edges)])

    @classmethod
    def of(
        cls, deviations: npt.NDArray[np.float32], documents: int, ridges: Sequence[float]
    ) -> Scan:
        """Return the statistic for standard scores of these deviations."""
        variances = deviations.astype(np.float64) ** 2
        weights = np.stack([_weights(variances, ridge) for ridge in ridges], axis=1)
        first, second = weights.sum(axis=0), (weights**2).sum(axis=0)
        start = np.zeros(1, np.int64)
        return cls(weights, second / first, first**2 / second, documents, start)

    @classmethod
    def joined(cls, channels: Sequence[Scan]) -> Scan:
        """Return one statistic over channels that stand beside each other."""
        sizes = np.array([channel.weights.shape for channel in channels])
        rows, columns = np.cumsum(sizes, axis=0).T
        weights = np.zeros((rows[-1], columns[-1]))
        for channel, row, column in zip(channels, rows, columns, strict=True):
            height, width = channel.weights.shape
            weights[row - height : row, column - width : column] = channel.weights
        return cls(
            weights,
            np.concatenate([channel.multiples for channel in channels]),
            np.concatenate([channel.freedom for channel in channels]),
            channels[0].documents,
            columns - sizes[:, 1],
        )

    def of_channels(self, scores: Floats) -> Floats:
        """Return the largest z over each channel's ridges, shape ``(..., windows, channels)``."""
        return np.asarray(np.maximum.reduceat(scores, self.starts, axis=-1))

    def strongest(self, scores: Floats, channel: int) -> int:
        """Return the ridge of a channel that has the largest of the scores ``(ridges,)``."""
        edges = [*self.starts.tolist(), len(scores)]
        first, last = edges[channel], edges[channel + 1]
        return int(first + scores[first:last].argmax())

    def of_sums(self, sums: npt.NDArray[np.int32], lengths: Floats, units: int) -> Floats:
        """Return z of windows' sums, shape ``(blocks, windows, ridges)``.

        The same as ``scores`` of their means up to the rounding of float32. Each row is computed
        as if it were alone, so that its bits do not depend on how many there are.

        Args:
            sums: of standard scores in units, shape ``(blocks, windows, d)``.
            lengths: documents of each window, shape ``(windows,)``.
            units: of a standard score.
        """
        squares = sums.astype(np.float32)
        np.square(squares, out=squares)
        statistic = np.empty((*sums.shape[:2], len(self.freedom)))
        for ridges, columns, weights in self.own:
            statistic[..., ridges] = np.einsum("bwd,rd->bwr", squares[..., columns], weights)
        variances = (1 / lengths + 1 / self.documents) * (units * lengths) ** 2
        return self._normal(statistic / variances[:, None])

    def scores(self, means: Means, lengths: Floats) -> Floats:
        """Return z, shape ``(windows, ridges)``, of means ``(windows, d)`` of ``lengths`` scores.

        On a quiet stream z is nearly standard normal.
        """
        variances = 1 / lengths + 1 / self.documents
        statistic = (means * means) @ self.weights / variances[:, None]
        return self._normal(statistic)

    def _of_ridges(self, first: int, last: int) -> Own:
        rows = np.flatnonzero(self.weights[:, first:last].any(axis=1))
        columns = slice(int(rows[0]), int(rows[-1]) + 1) if rows.size else slice(0, 0)
        weights = np.ascontiguousarray(self.weights[columns, first:last].T, np.float32)
        return slice(first, last), columns, weights

    def _normal(self, statistic: Floats) -> Floats:
        """Return the cube root of Wilson and Hilferty of T over its mean window variance."""
        spread = 2 / (9 * self.freedom)
        ratio = statistic / (self.multiples * self.freedom)
        return np.asarray((np.cbrt(ratio) - (1 - spread)) / np.sqrt(spread))


def _weights(variances: Floats, ridge: float) -> Floats:
    mean = variances.mean()
    if np.isinf(ridge):
        return np.asarray(variances / mean)
    return np.asarray(variances / (variances + ridge * mean))
