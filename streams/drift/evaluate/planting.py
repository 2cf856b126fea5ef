"""Streams with one planted change, as rows of a pool of documents.

Every document of a stream comes from a cell (a class, a topic, another language): first the cell is
drawn by its share, then the next document of the cell's shuffled rows; rows come a second time only
when all rows of their cell were used. A change is a change of the shares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streams.errors import Misconfigured

Rows = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the shares of cells; a quiet stream where they stay.

    Attributes:
        name: for tables.
        cells: rows of each cell, disjoint.
        before: share of each cell, adding up to 1.
        after: the same after the change.
        ramp: documents over which the shares go over; 0 for at once.
        lasting: documents after which the old shares come back; None for never.
    """

    name: str
    cells: tuple[Rows, ...]
    before: Shares
    after: Shares
    ramp: int = 0
    lasting: int | None = None

    @property
    def quiet(self) -> bool:
        """Whether nothing changes."""
        return bool(np.array_equal(self.before, self.after))


@dataclass(frozen=True, slots=True)
class Planted:
    """One stream.

    Attributes:
        rows: of the documents that are watched, in order.
        change: index of the first document after the change; None without one.
    """

    rows: Rows
    change: int | None


def draw_reference(change: Change, rng: np.random.Generator, documents: int) -> Rows:
    """Return rows to learn from, by the shares before the change, in random order.

    Raises:
        Misconfigured: a cell that has a share has no documents.
    """
    counts = _counts(change.before, documents).tolist()
    drawn = [_Bag(rows, rng).take(k) for rows, k in zip(change.cells, counts, strict=True)]
    return rng.permutation(np.concatenate(drawn))


def plant(
    change: Change, rng: np.random.Generator, reference: Rows, *, quiet: int, after: int
) -> Planted:
    """Draw a stream of documents that are not of the reference.

    Args:
        change: what is planted.
        rng: decides everything.
        reference: rows that were learned from.
        quiet: documents before the change.
        after: documents after the change.

    Raises:
        Misconfigured: a cell that has a share has no documents beside the reference.
    """
    shares = np.concatenate([np.tile(change.before, (quiet, 1)), _shares_after(change, after)])
    cells = _choose(shares, rng)
    rows = np.empty(quiet + after, np.int64)
    for index, cell in enumerate(change.cells):
        places = np.flatnonzero(cells == index)
        rows[places] = _Bag(np.setdiff1d(cell, reference), rng).take(len(places))
    return Planted(rows, None if change.quiet else quiet)


class _Bag:
    """Rows in a shuffled order, shuffled anew when all were used."""

    def __init__(self, rows: Rows, rng: np.random.Generator) -> None:
        self._rows = rows
        self._rng = rng
        self._order = rng.permutation(rows)

    def take(self, count: int) -> Rows:
        if count and not len(self._rows):
            raise Misconfigured("too few documents: a class has none left beside the reference")
        while len(self._order) < count:
            again = self._rng.permutation(self._rows)
            self._order = np.concatenate([self._order, again])
        taken, self._order = self._order[:count], self._order[count:]
        return taken


def _counts(shares: Shares, documents: int) -> npt.NDArray[np.int64]:
    """Return whole counts by the shares that add up to ``documents`` (largest remainders)."""
    exact = shares * documents
    counts = np.floor(exact).astype(np.int64)
    order = np.argsort(counts - exact, kind="stable")
    counts[order[: documents - counts.sum()]] += 1
    return counts


def _shares_after(change: Change, documents: int) -> Shares:
    gone = np.arange(1, documents + 1, dtype=np.float64)
    part = np.minimum(1.0, gone / change.ramp) if change.ramp else np.ones(documents)
    if change.lasting is not None:
        part[change.lasting :] = 0.0
    return (1 - part)[:, None] * change.before + part[:, None] * change.after


def _choose(shares: Shares, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return a cell for each row of ``shares`` (n, cells)."""
    sums = np.cumsum(shares, axis=1)
    drawn = rng.random(len(shares)) * sums[:, -1]
    return np.asarray((drawn[:, None] >= sums).sum(axis=1), np.int64)
