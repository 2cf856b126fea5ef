"""How high a quiet stream scores: by bootstrap from the reference, with a Gumbel tail.

Quiet streams are drawn from the reference's out-of-fold scores, each with an error of the
reference mean of its own. The largest score per channel, scale and stream gives the law of each
cell; every cell holds its share of the false-alarm budget (a channel's share, the same for each of
its scales), and a second law of the largest over the cells puts right what their dependence leaves
over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from streams.drift.gumbel import fit_moments, log_run_length

if TYPE_CHECKING:
    import numpy.typing as npt

    from streams.drift.scan import Scan

    Floats = npt.NDArray[np.float64]

_LEAST_SCALE = 0.15  # of z; a Gumbel fit of constant scores has a law too
_LEAST_COMBINED = 0.3
_LEAST_Z = 0.0  # below its expectation T says nothing; where nothing varies it is far below
_DEPENDENT = 1.15  # variance of block sums over that of independent documents


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
        run_lengths = self.per_cell(np.maximum(largest, _LEAST_Z))
        best = int(run_lengths.argmax())
        at, channel = divmod(best, run_lengths.shape[1])
        location, scale = self.combined
        score = np.log(self.documents) + (float(run_lengths.flat[best]) - location) / scale
        return max(float(score), 0.0), at, channel

    def per_cell(self, largest: Floats) -> Floats:
        """Return each cell's log expected run length, charged with its share of the budget."""
        count = len(largest)
        lengths = log_run_length(largest, self.location[:count], self.scale[:count], self.documents)
        return np.asarray(lengths + self.charge)


def calibrate(
    scan: Scan,
    scores: npt.NDArray[np.float32],
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
    length = dependence(scan, scores, block)
    maxima = np.stack(
        [
            _largest(scan, *_quiet(scores, rng, documents, block, length), scales, block)
            for _ in range(streams)
        ]
    )
    location, scale = fit_moments(maxima, _LEAST_SCALE)
    single = Calibration(location, scale, shares, (0.0, 1.0), documents)
    combined = np.array([single.per_cell(cells).max() for cells in maxima])
    where, spread = fit_moments(combined, _LEAST_COMBINED)
    return Calibration(location, scale, shares, (float(where), float(spread)), documents)


def dependence(scan: Scan, scores: npt.NDArray[np.float32], block: int) -> int:
    """Return how many neighbouring documents must be drawn together; 1 when independent.

    The variance of sums of ``length`` neighbours over that of independent documents grows until
    ``length`` covers the dependence; blocks of four times that length keep it (Kuensch 1989). It is
    measured with the weights of each ridge, since bursts of a topic live in a few directions.
    """
    documents = len(scores)
    longest = max(block, documents // 5)
    if _variance_ratio(scan, scores, block) < _DEPENDENT + 2 * block / documents:
        return 1
    length = block
    ratio = _variance_ratio(scan, scores, length)
    while 2 * length <= longest:
        doubled = _variance_ratio(scan, scores, 2 * length)
        if doubled < _DEPENDENT * ratio:
            break
        length, ratio = 2 * length, doubled
    return min(4 * length, longest)


def _variance_ratio(scan: Scan, scores: npt.NDArray[np.float32], length: int) -> float:
    blocks = len(scores) // length
    kept = scores[: blocks * length]
    energy = (kept**2).sum(axis=0) @ scan.weights
    sums = (kept.reshape(blocks, length, -1).sum(axis=1) ** 2).sum(axis=0) @ scan.weights
    return float((sums / np.maximum(energy, 1e-30)).max()) if energy.any() else 1.0


def _quiet(
    scores: npt.NDArray[np.float32],
    rng: np.random.Generator,
    documents: int,
    block: int,
    length: int,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return cumulative block sums ``(blocks + 1, d)`` and the reference mean's error ``(d,)``."""
    drawn = scores[_indices(rng, len(scores), documents // block * block, length)]
    sums = drawn.reshape(-1, block, scores.shape[1]).sum(axis=1)
    totals = np.zeros((len(sums) + 1, scores.shape[1]), np.float32)
    np.cumsum(sums, axis=0, out=totals[1:])
    return totals, scores[_indices(rng, len(scores), len(scores), length)].mean(axis=0)


def _indices(
    rng: np.random.Generator, documents: int, count: int, length: int
) -> npt.NDArray[np.int64]:
    if length == 1:
        return rng.integers(0, documents, count)
    starts = rng.integers(0, documents, count // length + 1)
    return ((starts[:, None] + np.arange(length)) % documents).ravel()[:count]


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
