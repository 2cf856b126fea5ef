"""How far a frame's mix of labels (or languages) is from the usual one.

The statistic is Pearson's chi-square by its degrees of freedom, with rare labels taken together and
divided by what labels that come in clusters add to it: ``1 + (n - 1) r``, where ``r`` is the
intra-frame correlation that the quiet frames show (Rao and Scott 1981; Brier 1980 for the
Dirichlet-multinomial). Its cube root is nearly normal (Wilson and Hilferty 1931).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

_MOST = 64
_LEAST_EXPECTED = 1.0


@dataclass(frozen=True, slots=True)
class Mix:
    """The usual mix.

    Attributes:
        names: labels that are common enough to be looked at alone; all others are one more.
        shares: of the names, and of the others; sums to 1.
        correlation: of the labels of two documents of a frame.
    """

    names: tuple[str, ...]
    shares: Floats
    correlation: float

    @classmethod
    def fit(cls, frames: Sequence[Mapping[str, int]]) -> Mix:
        """Return the mix of quiet frames."""
        totals: dict[str, int] = {}
        for frame in frames:
            for name, count in frame.items():
                totals[name] = totals.get(name, 0) + count
        whole = sum(totals.values())
        typical = whole / max(len(frames), 1)
        ranked = sorted(totals, key=lambda name: (-totals[name], name))[:_MOST]
        names = tuple(name for name in ranked if totals[name] * typical >= _LEAST_EXPECTED * whole)
        common = [totals[name] / max(whole, 1) for name in names]
        shares = np.array([*common, max(0.0, 1.0 - sum(common))])
        plain = cls(names, shares, 0.0)
        counts = plain.counts(frames)
        ratios, sizes = plain._ratios(counts), counts.sum(axis=1)
        extra = float(np.median(ratios)) / _median(plain.freedom) - 1
        middle = float(np.median(sizes))
        return cls(names, shares, min(max(extra, 0.0) / max(middle - 1, 1.0), 1.0))

    @property
    def freedom(self) -> int:
        """Degrees of freedom; at least 1."""
        return max(len(self.names) - int(self.shares[-1] <= 0), 1)

    def counts(self, frames: Sequence[Mapping[str, int]]) -> Floats:
        """Return counts of frames, shape ``(frames, names + 1)``."""
        rows = []
        for frame in frames:
            known = [frame.get(name, 0) for name in self.names]
            rows.append([*known, sum(frame.values()) - sum(known)])
        return np.array(rows, np.float64)

    def scores(self, frames: Sequence[Mapping[str, int]]) -> Floats:
        """Return the cube root of each frame's statistic, shape ``(frames,)``."""
        counts = self.counts(frames)
        clusters = 1 + np.maximum(counts.sum(axis=1) - 1, 0) * self.correlation
        return np.asarray(np.cbrt(self._ratios(counts) / clusters))

    def leading(self, frames: Sequence[Mapping[str, int]]) -> Floats:
        """Return where the frames stand along the direction in which they differ most.

        Shape ``(frames,)``; each name in units of its sampling deviation. A mood moves it to and
        fro; the statistic sees only how far.
        """
        counts = self.counts(frames)
        expected = np.maximum(counts.sum(axis=1, keepdims=True) * self.shares, _LEAST_EXPECTED)
        away = (counts - expected) / np.sqrt(expected)
        _, axes = np.linalg.eigh(away.T @ away)
        return np.asarray(away @ axes[:, -1])

    def _ratios(self, counts: Floats) -> Floats:
        expected = counts.sum(axis=1, keepdims=True) * self.shares
        difference = (counts - expected) ** 2 / np.maximum(expected, _LEAST_EXPECTED)
        return np.asarray(difference.sum(axis=1) / self.freedom)


def _median(freedom: int) -> float:
    """Median of chi-square by its degrees of freedom (Wilson and Hilferty)."""
    return (1 - 2 / (9 * freedom)) ** 3
