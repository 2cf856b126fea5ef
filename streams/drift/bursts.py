"""Bursts: what of the reference depends on what came just before, and streams that burst alike.

News comes in bursts, jobs write their documents together, and topics have their weeks. Then a
window's mean varies more than that of as many independent documents, and a threshold for those
would give false alarms. Independent documents have no dependent direction, and nothing changes.

A direction of the standard scores is dependent when its autocovariance over short (1 to 5) or
long (1 to 100) lags is more than shuffling the reference gives. Its autocorrelation is fitted by
``share * keep ** lag``: white noise plus a process that stays where it is with probability ``keep``
and else takes another level. Quiet streams are independent draws plus such a process, scaled so
that long windows vary as much as those of the reference. Levels are the reference's own, its
dependent directions averaged over neighbours, and all directions that change at once take the level
of the same moment: a window that lies within one run of one topic is all of that topic, which a
Gaussian autoregressive process of the same autocorrelation never is (with 32 topics in runs of ten
documents it gave 19 times the promised false alarms). ``keep`` is drawn anew for each quiet stream
from what the reference leaves open, standard error sqrt((1 - keep**2) / n) (Brockwell and Davis
1991, 8.2): of a reference of few bursts little is known, and the thresholds have to bear it.

Blocks of the reference (Kuensch 1989) cannot do that: with bursts of 30 documents a reference of
2,000 holds only some ten blocks that cover the dependence, and false alarms came three to ten times
as often as promised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

_LAGS = (5, 100)
_LEADING = 16  # principal axes of the embedding that are looked at, beside the other channels
_SHUFFLES = 8
_MARGIN = 1.25
_LEAST_DOCUMENTS = 50
_LEAST_VARIANCE = 1e-3  # of a direction after whitening, of the loudest
_LEAST_DEVIATION = 1e-6
_AVERAGED = 0.25  # of the time in which a level fades, to each side
_OVER = 0.05  # of the bursts go on
_TIMES = 48  # of the grid of decay times
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Bursts:
    """The dependent part of a reference.

    Attributes:
        documents: of the reference.
        loadings: of all columns on the dependent directions, shape ``(columns, k)``.
        share: of a direction's variance that neighbours share, shape ``(k,)``.
        keep: probability that the next document shares it, shape ``(k,)``.
        levels: of the process, with mean 0 and variance 1, shape ``(moments, k)``.
    """

    documents: int
    loadings: Floats
    share: Floats
    keep: Floats
    levels: Floats

    @property
    def directions(self) -> int:
        """Return how many directions are dependent."""
        return len(self.keep)

    @property
    def apart(self) -> int:
        """Return after how many documents a burst is mostly over; 0 where there are none."""
        if not self.directions:
            return 0
        return int(np.log(_OVER) / np.log(float(np.median(self.keep))))

    def drawn_keep(self, rng: np.random.Generator, streams: int) -> Floats:
        """Return what the reference leaves open of ``keep``, shape ``(streams, k)``."""
        error = np.sqrt((1 - self.keep**2) / self.documents)
        drawn = self.keep + error * rng.normal(size=(streams, self.directions))
        return np.asarray(np.clip(drawn, 0.0, 1 - 1 / self.documents))

    def block_sums(self, rng: np.random.Generator, keep: Floats, blocks: int, block: int) -> Floats:
        """Return the processes' block sums for each ``keep``, shape ``(streams, blocks, k)``."""
        sums = np.zeros((blocks, *keep.shape))
        if not keep.size:
            return sums.transpose(1, 0, 2)
        level = self.levels[rng.integers(len(self.levels), size=len(keep))]
        for at in range(blocks * block):
            another = self.levels[rng.integers(len(self.levels), size=len(keep))]
            # One draw for all directions: those that last alike change together.
            level = np.where(rng.random(len(keep))[:, None] < keep, level, another)
            sums[at // block] += level
        deviation = self._deviation(keep) * self._loudness(rng, keep)
        return np.asarray(deviation[:, None] * sums.transpose(1, 0, 2))

    def mean_errors(self, rng: np.random.Generator, keep: Floats) -> Floats:
        """Return what the processes add to the reference's mean, shape ``(streams, k)``."""
        spread = np.sqrt((1 + keep) / (1 - keep) / self.documents)
        return np.asarray(self._deviation(keep) * spread * rng.normal(size=keep.shape))

    def _loudness(self, rng: np.random.Generator, keep: Floats) -> Floats:
        """Return what the reference leaves open of the deviations, shape ``(streams, 1)``.

        A variance that rests on ``m`` independent runs has a relative error of sqrt(2 / m); one
        draw for all directions, as they change together.
        """
        runs = self.documents * (1 - keep.mean(axis=1)) / (1 + keep.mean(axis=1))
        return np.asarray(np.exp(rng.normal(size=len(keep)) / np.sqrt(2 * runs)))[:, None]

    def _deviation(self, keep: Floats) -> Floats:
        """Return the processes' deviation; independent draws have the white part already."""
        return np.asarray(np.sqrt(self.share * 2 * keep / (1 + keep)))


def find_bursts(scores: Floats, leading: int, seed: int) -> Bursts:
    """Return the dependent part of standard scores ``(n, columns)`` in the order of the stream.

    Args:
        scores: of all channels, the embedding first; all documents by the same axes.
        leading: columns of the embedding.
        seed: of the shuffles.
    """
    looked = np.concatenate([scores[:, : min(_LEADING, leading)], scores[:, leading:]], axis=1)
    white = _whitened(looked)
    along = white @ _dependent(white, np.random.default_rng(seed))
    laws = np.array([_fit(column) for column in along.T]).reshape(-1, 2)
    found = laws[:, 0] > 0
    along = along[:, found]
    share, keep = laws[found].T
    levels = _levels(along, keep)
    return Bursts(len(scores), scores.T @ along / len(along), share, keep, levels)


def _whitened(looked: Floats) -> Floats:
    """Return uncorrelated columns of variance 1 that span the same space."""
    centred = looked - looked.mean(axis=0)
    values, axes = np.linalg.eigh(centred.T @ centred / len(centred))
    useful = values > _LEAST_VARIANCE * max(values[-1], 1e-30)
    return np.asarray(centred @ (axes[:, useful] / np.sqrt(values[useful])))


def _dependent(white: Floats, rng: np.random.Generator) -> Floats:
    """Return orthonormal directions whose autocovariance is beyond chance, shape ``(q, k)``."""
    documents, size = white.shape
    found = np.empty((size, 0))
    if documents < _LEAST_DOCUMENTS or not size:
        return found
    for lags in (min(lags, documents // 4) for lags in _LAGS):
        # Once short bursts are found, chance is what they alone give at long lags.
        kept = lags if found.shape[1] else 1
        chance = max(
            float(np.linalg.eigvalsh(_autocovariance(_shuffled(white, kept, rng), lags))[-1])
            for _ in range(_SHUFFLES)
        )
        values, axes = np.linalg.eigh(_autocovariance(white, lags))
        found = np.concatenate([found, axes[:, values > _MARGIN * chance]], axis=1)
    left, strengths, _ = np.linalg.svd(found, full_matrices=False)
    left = left[:, strengths > 0.3]  # noqa: PLR2004 - else both lags name the same
    # The span is what was looked for; its basis is any. A mixture of directions that last would
    # have the levels of none of them, and what the mixed ones have in common would be forgotten.
    short = _autocovariance(white, min(_LAGS[0], documents // 4))
    _, axes = np.linalg.eigh(left.T @ short @ left)
    return np.asarray(left @ axes)


def _shuffled(white: Floats, kept: int, rng: np.random.Generator) -> Floats:
    """Return the rows in random order, stretches of ``kept`` of them together."""
    if kept == 1:
        return np.asarray(rng.permutation(white))
    stretches = -(-len(white) // kept)
    parts = np.array_split(white, stretches)
    return np.concatenate([parts[place] for place in rng.permutation(stretches)])


def _autocovariance(white: Floats, lags: int) -> Floats:
    """Return the symmetrized autocovariance, averaged over lags from 1."""
    documents = len(white)
    totals = np.concatenate([np.zeros((1, white.shape[1])), np.cumsum(white, axis=0)])
    ends = np.minimum(np.arange(documents) + 1 + lags, documents)
    following = totals[ends] - totals[1:]
    product = white.T @ following / (documents * lags)
    return np.asarray((product + product.T) / 2)


def _fit(along: Floats) -> tuple[float, float]:
    """Return share and keep of a direction by least squares on its autocorrelations."""
    documents = len(along)
    longest = documents // 5
    lags = np.arange(1, longest + 1)
    estimated = _autocorrelation(along, longest)
    keeps = np.exp(-1 / np.geomspace(0.3, documents / 10, _TIMES))
    powers = keeps[:, None] ** lags
    share, keep = 0.0, 0.0
    for _ in range(_ROUNDS):
        # Around the estimated mean, autocorrelations are too small by the variance of that mean.
        sums = 1 + 2 * share * keep / (1 - keep)
        corrected = estimated + (1 - estimated) * sums / documents
        shares = np.clip((powers @ corrected) / (powers**2).sum(axis=1), 0.0, 1.0)
        errors = ((corrected - shares[:, None] * powers) ** 2).sum(axis=1)
        best = int(errors.argmin())
        share, keep = float(shares[best]), float(keeps[best])
    return share, keep


def _levels(along: Floats, keep: Floats) -> Floats:
    """Return means over neighbours that mostly share a level, with mean 0 and variance 1."""
    levels = np.empty_like(along)
    for column, each in enumerate(keep.tolist()):
        width = 1 + 2 * int(-_AVERAGED / np.log(each))
        levels[:, column] = np.convolve(along[:, column], np.ones(width) / width, "same")
    levels -= levels.mean(axis=0)
    return np.asarray(levels / np.maximum(levels.std(axis=0), _LEAST_DEVIATION))


def _autocorrelation(along: Floats, longest: int) -> Floats:
    documents = len(along)
    spectrum = np.abs(np.fft.rfft(along - along.mean(), 2 * documents)) ** 2
    covariance = np.fft.irfft(spectrum)[: longest + 1]
    pairs = documents - np.arange(1, longest + 1)
    return np.asarray(covariance[1:] / covariance[0] * documents / pairs)
