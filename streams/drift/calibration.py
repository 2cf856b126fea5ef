"""How high a quiet stream scores: by bootstrap from the reference, with a Gumbel tail.

Quiet streams are drawn from the reference's out-of-fold scores, with bursts like the reference's
(``bursts.py``), each with an error of the reference mean of its own. The largest score per channel,
scale and stream gives the law of each cell; every cell holds its share of the false-alarm budget
(a channel's share, the same for each of its scales), and a second law of the largest over the cells
puts right what their dependence leaves over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from streams.drift.gumbel import fit_moments, log_run_length

if TYPE_CHECKING:
    import numpy.typing as npt

    from streams.drift.bursts import Bursts
    from streams.drift.scan import Scan

    Floats = npt.NDArray[np.float64]

_LEAST_SCALE = 0.15  # of z; a Gumbel fit of constant scores has a law too
_LEAST_COMBINED = 0.3
_LEAST_Z = 0.0  # below its expectation T says nothing; where nothing varies it is far below


@dataclass(frozen=True, slots=True)
class Calibration:
    """Laws of the largest z on a quiet stream of ``documents`` documents.

    Attributes:
        location: shape ``(scales, channels)``.
        scale: shape ``(scales, channels)``.
        shares: of the budget, per channel, adding up to 1; shape ``(channels,)``.
        combined: location and scale of the combination.
        documents: length of the quiet streams.
        charge: log share of the budget of a channel's cells, shape ``(channels,)``.
    """

    location: Floats
    scale: Floats
    shares: Floats
    combined: tuple[float, float]
    documents: int
    charge: Floats = field(init=False)

    def __post_init__(self) -> None:
        """Note what each cell's share of the budget costs it."""
        object.__setattr__(self, "charge", np.log(self.shares / len(self.location)))

    def combine(self, largest: Floats) -> tuple[float, int, int]:
        """Return the log expected run length at these z, and the scale and channel that speak.

        Args:
            largest: largest z over the ridges, for the first scales, shape ``(full, channels)``.
        """
        scores, best = self.combined_scores(largest[None])
        at, channel = divmod(int(best[0]), largest.shape[1])
        return float(scores[0]), at, channel

    def combined_scores(self, largest: Floats) -> tuple[Floats, npt.NDArray[np.int64]]:
        """Return the log expected run lengths of many blocks, and the cells that speak.

        Args:
            largest: as ``combine`` takes it, shape ``(blocks, full, channels)``.
        """
        cells = self.per_cell(np.maximum(largest, _LEAST_Z)).reshape(len(largest), -1)
        location, scale = self.combined
        scores = np.log(self.documents) + (cells.max(axis=1) - location) / scale
        return np.maximum(scores, 0.0), cells.argmax(axis=1)

    def per_cell(self, largest: Floats) -> Floats:
        """Return each cell's log expected run length, charged with its share of the budget."""
        count = largest.shape[-2]
        lengths = log_run_length(largest, self.location[:count], self.scale[:count], self.documents)
        return np.asarray(lengths + self.charge)


def calibrate(
    scan: Scan,
    scores: npt.NDArray[np.float32],
    bursts: Bursts,
    *,
    shares: Floats,
    scales: tuple[int, ...],
    block: int,
    streams: int,
    documents: int,
    seed: int,
) -> Calibration:
    """Return the laws for a reference of standard scores ``(n, d)``; the same for the same seed."""
    rng = np.random.default_rng(seed)
    blocks = documents // block
    keep = bursts.drawn_keep(rng, streams)
    sums = bursts.block_sums(rng, keep, blocks, block)
    errors = bursts.mean_errors(rng, keep)
    maxima = np.stack(
        [
            _largest(
                scan,
                _quiet(scores, rng, block, sums[stream] @ bursts.loadings.T),
                _error(scores, rng, errors[stream] @ bursts.loadings.T),
                scales,
                block,
            )
            for stream in range(streams)
        ]
    )
    location, scale = fit_moments(maxima, _LEAST_SCALE)
    single = Calibration(location, scale, shares, (0.0, 1.0), documents)
    combined = np.array([single.per_cell(cells).max() for cells in maxima])
    where, spread = fit_moments(combined, _LEAST_COMBINED)
    return Calibration(location, scale, shares, (float(where), float(spread)), documents)


def _quiet(
    scores: npt.NDArray[np.float32], rng: np.random.Generator, block: int, bursts: Floats
) -> npt.NDArray[np.float32]:
    """Return cumulative block sums ``(blocks + 1, d)``: independent draws plus the bursts."""
    blocks = len(bursts)
    drawn = scores[rng.integers(0, len(scores), blocks * block)]
    sums = drawn.reshape(blocks, block, -1).sum(axis=1) + bursts
    totals = np.zeros((blocks + 1, scores.shape[1]), np.float32)
    np.cumsum(sums, axis=0, out=totals[1:])
    return totals


def _error(
    scores: npt.NDArray[np.float32], rng: np.random.Generator, bursts: Floats
) -> npt.NDArray[np.float32]:
    """Return an error that the reference's mean may have, shape ``(d,)``."""
    drawn = scores[rng.integers(0, len(scores), len(scores))].mean(axis=0)
    return np.asarray(drawn + bursts, np.float32)


def _largest(
    scan: Scan,
    totals: npt.NDArray[np.float32],
    error: npt.NDArray[np.float32],
    scales: tuple[int, ...],
    block: int,
) -> Floats:
    largest = np.empty((len(scales), len(scan.starts)))
    for index, documents in enumerate(scales):
        blocks = documents // block
        means = (totals[blocks:] - totals[:-blocks]) / np.float32(documents) - error
        z = scan.scores(means, np.full(len(means), float(documents)))
        largest[index] = scan.of_channels(z).max(axis=0)
    return np.maximum(largest, _LEAST_Z)
