"""Centres on the unit sphere that follow a stream: spherical k-means with forgetting.

Documents are unit vectors in whole units of ``1 / SCALE``, and so are the centres: their products
are whole numbers below 2^24, exact in float32 in whatever order and portions they are added, so
that a document's nearest centre does not depend on the batch that brought it. Zhong, "Efficient
online spherical k-means clustering" (IJCNN 2005); here the centres move at fixed documents only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streams.drift.sketches.features import SCALE

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats32 = npt.NDArray[np.float32]
    Floats = npt.NDArray[np.float64]
    Places = npt.NDArray[np.intp]

UNIT = float(SCALE) ** 2
"""The product of two unit vectors of the same direction."""


class Centres:
    """Sums and weights of groups, which fade.

    Attributes:
        units: the centres' directions in ``1 / SCALE``, whole numbers, shape ``(k, d)``.
        lengths: of the sum of each group's unit vectors, faded, shape ``(k,)``.
        weights: documents of each group, faded, shape ``(k,)``.
    """

    def __init__(self, units: Floats32, lengths: Floats, weights: Floats) -> None:
        self.units, self.lengths, self.weights = units, lengths, weights

    @classmethod
    def of(cls, sums: Floats, weights: Floats) -> Centres:
        """Return the centres of sums in ``1 / SCALE``, shape ``(k, d)``."""
        return cls(directions(sums), _lengths(sums) / SCALE, weights)

    @property
    def sums(self) -> Floats:
        """Of the documents of each group, in ``1 / SCALE``, shape ``(k, d)``."""
        return np.asarray(self.units * self.lengths[:, None], np.float64)

    @classmethod
    def none(cls, dimensions: int) -> Centres:
        """Return no centre."""
        return cls(np.zeros((0, dimensions), np.float32), np.zeros(0), np.zeros(0))

    def __len__(self) -> int:
        return len(self.weights)

    def nearest(self, rows: Floats32) -> tuple[Places, Floats32]:
        """Return each document's nearest centre and the product with it, in ``1 / UNIT``."""
        products = rows @ self.units.T
        places = products.argmax(axis=1)
        return places, products[np.arange(len(rows)), places]

    def followed(self, rows: Floats32, fade: float, rounds: int) -> Centres:
        """Return the centres after new documents, while what was before them fades."""
        sums, weights = self.sums * fade, self.weights * fade
        centres = self
        for _ in range(rounds):
            new, counts = totals(rows, centres.nearest(rows)[0], len(self))
            centres = Centres.of(sums + new, weights + counts)
        return centres

    def kept(self, which: npt.NDArray[np.bool_]) -> Centres:
        """Return some of the centres."""
        return Centres(self.units[which], self.lengths[which], self.weights[which])

    def merged(self, into: int, gone: int) -> Centres:
        """Return the centres with one of them added to another."""
        sums, weights = self.sums.copy(), self.weights.copy()
        sums[into] += sums[gone]
        weights[into] += weights[gone]
        return Centres.of(np.delete(sums, gone, axis=0), np.delete(weights, gone))

    def split(self, rows: Floats32, places: Places) -> Centres:
        """Return the centres with a new one at the end, to which these documents go over.

        Args:
            rows: the documents.
            places: where they were.
        """
        old, counts = totals(rows, places, len(self))
        sums = np.concatenate([self.sums - old, old.sum(axis=0)[None]])
        return Centres.of(sums, np.append(np.maximum(self.weights - counts, 0.0), len(rows)))

    def costs_of_merging(self) -> Floats:
        """Return what the sum of similarities loses where two groups are one, shape ``(k, k)``.

        The sum of the similarities of documents to their centre is the length of their sum.
        """
        lengths, squares = self.lengths, self.lengths**2
        products = lengths[:, None] * lengths * self.nearness()
        together = np.sqrt(np.maximum(squares[:, None] + squares + 2 * products, 0.0))
        costs = lengths[:, None] + lengths - together
        np.fill_diagonal(costs, np.inf)
        return np.asarray(costs)

    def nearness(self) -> Floats32:
        """Return the cosines of the centres with each other, 0 with themselves."""
        cosines = self.units @ self.units.T / np.float32(UNIT)
        np.fill_diagonal(cosines, 0.0)
        return np.asarray(cosines, np.float32)


def totals(rows: Floats32, places: Places, groups: int) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Return sums and number of the documents of each group."""
    members = np.zeros((groups, len(rows)), np.float32)
    members[places, np.arange(len(rows))] = 1.0
    return (members @ rows).astype(np.float64), np.bincount(places, minlength=groups)


def directions(sums: Floats) -> Floats32:
    """Return the unit vectors of sums, rounded to whole ``1 / SCALE``."""
    scale = SCALE / np.maximum(_lengths(sums), 1e-9)
    return np.asarray(np.rint(sums * scale[:, None]), np.float32)


def _lengths(sums: Floats) -> Floats:
    return np.asarray(np.sqrt((sums * sums).sum(axis=1)))
