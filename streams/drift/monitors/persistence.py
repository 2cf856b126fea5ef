"""How long a number that differs from frame to frame goes on differing.

Moods of a source last: a frame's number is what the mood is now plus the chance of its documents,
an autoregressive process of first order under white noise, with autocorrelation
``share * keep ** lag``. Its likelihood is Whittle's (Arkiv foer Matematik 2, 1953): periodogram
ordinates are independent and exponential around the spectral density. They leave out frequency 0,
so the mean may be unknown.

Of a mood that takes half of the frames to fade, the frames hold one or two: the most likely mood is
far too short as often as not, and a mood that is in a quarter of the variance only is mostly not
significant at all, though means of many frames are made of it. So no mood is the most likely one
and none is tested for: of all moods, weighted by their likelihood, the median is taken, in the
order of how much they widen the law of a mean. Independent frames rule out all but the faintest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_TIMES = np.geomspace(0.5, 128.0, 20)  # frames in which a mood fades
_SHARES = np.linspace(0.0, 1.0, 11)
_GRID = [each.ravel() for each in np.meshgrid(_SHARES, np.exp(-1 / _TIMES), indexing="ij")]
_MEDIAN = 0.5
_ORDERED_BY = 16  # frames whose mean says which of two moods is the worse
_LEAST_ENERGY = 1e-300


@dataclass(frozen=True, slots=True)
class Persistence:
    """Autocorrelation of each number.

    Attributes:
        share: of the variance that lasts, shape ``(metrics,)``.
        keep: of it from one frame to the next, shape ``(metrics,)``.
    """

    share: Floats
    keep: Floats

    @classmethod
    def fit(cls, residuals: Floats) -> Persistence:
        """Return the law of residuals around their mean, shape ``(frames, metrics)``."""
        frames = len(residuals)
        power = np.abs(np.fft.rfft(residuals, axis=0)[1 : (frames - 1) // 2 + 1]) ** 2
        varies = power.max(axis=0) > _LEAST_ENERGY
        power = np.maximum(power, _LEAST_ENERGY)
        inverse, logs = _densities(frames)
        likelihood = -len(power) * np.log(inverse @ power / len(power)) - logs[:, None]
        weights = np.cumsum(np.exp(likelihood - likelihood.max(axis=0)), axis=0)
        chosen = (weights < _MEDIAN * weights[-1]).sum(axis=0)
        share, keep = (each[_order()][chosen] for each in _GRID)
        return cls(np.where(varies, share, 0.0), keep)

    def widening(self, frames: int) -> Floats:
        """Return how many times the variance of a mean of frames is that of independent ones."""
        return _widening(frames, self.share, self.keep)


def _widening(frames: int, share: Floats, keep: Floats) -> Floats:
    """Sum of ``(1 - lag / frames) * share * keep ** lag`` over both sides, and 1."""
    rest = keep * (1 - keep**frames) / (frames * (1 - keep) ** 2)
    return np.asarray(1 + 2 * share * np.maximum(keep / (1 - keep) - rest, 0.0))


@lru_cache(maxsize=1)
def _order() -> npt.NDArray[np.int64]:
    """Return the places of the grid's moods, the least harmful first."""
    return np.argsort(_widening(_ORDERED_BY, *_GRID), kind="stable")


@lru_cache(maxsize=128)
def _densities(frames: int) -> tuple[Floats, Floats]:
    """Return for each mood the inverse spectral density, and the sum of its log.

    Shapes ``(moods, frequencies)`` and ``(moods,)``, in the order of ``_order``.
    """
    cosine = np.cos(2 * np.pi * np.arange(1, (frames - 1) // 2 + 1) / frames)
    share, keep = (each[_order(), None] for each in _GRID)
    density = 1 - share + share * (1 - keep**2) / (1 - 2 * keep * cosine + keep**2)
    return 1 / density, np.log(density).sum(axis=1)
