"""How long a number that differs from frame to frame goes on differing.

Moods of a source last: a frame's number is what the mood is now plus the chance of its documents.
The autocorrelation of such numbers is ``share * keep ** lag`` (an autoregressive process of first
order under white noise), not a power of the correlation at lag 1: that one says how loud the mood
is, not how long it lasts, and means of several frames came out far too sure. Both are fitted by
least squares; around a mean that was estimated itself autocorrelations are too small by the
variance of that mean, which is put right (Kendall 1954).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_LONGEST = 24  # lags
_PART = 4  # of the frames, at most
_TIMES = np.geomspace(0.5, 64.0, 24)  # frames in which a mood fades
_ROUNDS = 2
_CHANCE = 1.0  # squared standard errors that a fit has to explain


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
        longest = min(_LONGEST, frames // _PART)
        estimated = _autocorrelation(residuals, longest)
        keeps = np.exp(-1 / _TIMES)
        powers = keeps[:, None] ** np.arange(1, longest + 1)
        energy = (powers**2).sum(axis=1)[:, None]
        share = keep = np.zeros(residuals.shape[1])
        for _ in range(_ROUNDS):
            variance = _widening(frames, share, keep) / frames
            corrected = estimated + (1 - estimated) * variance
            fitted = powers @ corrected
            shares = np.clip(fitted / energy, 0.0, 1.0)
            # Sum of squares less that of the autocorrelations themselves, the same for all times.
            best = (shares * (shares * energy - 2 * fitted)).argmin(axis=0)
            share, keep = shares[best, np.arange(len(best))], keeps[best]
            share = np.where(share**2 * energy[best, 0] * frames > _CHANCE, share, 0.0)
        return cls(share, keep)

    def widening(self, frames: int) -> Floats:
        """Return how many times the variance of a mean of frames is that of independent ones."""
        return _widening(frames, self.share, self.keep)


def _widening(frames: int, share: Floats, keep: Floats) -> Floats:
    """Sum of ``(1 - lag / frames) * share * keep ** lag`` over both sides, and 1."""
    rest = keep * (1 - keep**frames) / (frames * (1 - keep) ** 2)
    return np.asarray(1 + 2 * share * np.maximum(keep / (1 - keep) - rest, 0.0))


def _autocorrelation(residuals: Floats, longest: int) -> Floats:
    """Return it at lags from 1, shape ``(longest, metrics)``; 0 where nothing varies."""
    frames = len(residuals)
    energy = np.maximum((residuals**2).sum(axis=0), 1e-300) / frames
    rows = [
        (residuals[lag:] * residuals[:-lag]).sum(axis=0) / (frames - lag)
        for lag in range(1, longest + 1)
    ]
    return np.asarray(np.stack(rows) / energy)
