"""What a source's quiet frames look like, and how rarely chance alone gives what a new one shows.

Centre and spread of each number are those of the source's own last frames, by a mean whose outliers
are drawn in to 2.5 deviations (Winsorized; Huber 1964): a few loud frames do not make the monitor
deaf. The spread is never less than what the frames' sampling variances alone explain; what is
beyond it (a source that is bursty, or has a daily rhythm) is there in every frame, however many
documents it has. Frames that follow each other resemble each other: that widens the law of a mean
of several frames, and lowers the number of frames that the estimates are believed to rest on
(``persistence.py``). Tails are Student's, by Wallace's normal approximation ("Bounds on normal
approximations to Student's and the chi-square distributions", 1959).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, exp, isnan, log, pi, sqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.drift.monitors.metrics import DISTINCT, LABELS, LANGUAGES, METRICS
from streams.drift.monitors.mix import Mix
from streams.drift.monitors.persistence import Persistence

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from streams.drift.monitors.metrics import Row

    Floats = npt.NDArray[np.float64]

LENGTHS = (1, 4, 16)
"""Frames that are judged together."""

HISTORY = 128
"""Frames that the quiet law rests on, at most."""

LEAST_HISTORY = 24
"""The same at least: with fewer the monitors are collecting."""

_DRAWN_IN = 2.5
_CONSISTENT = 1.02296  # makes the drawn-in variance of a normal law that of the law
_NORMAL_MAD = 1.4826
_LEAST_SEEN = 0.25  # of a variance
_SLOPE, _BEND, _SLOPE_ERROR = 0.7, -0.04, 0.05
_LEAST = np.array([metric.least for metric in METRICS])
_ZONES = np.array([metric.zone for metric in METRICS])
_SIDES = np.array([metric.sides for metric in METRICS])
_HALF_LOG_2PI = 0.5 * log(2 * pi)


@dataclass(frozen=True, slots=True)
class Shape:
    """What brings frames of different size to one scale.

    Attributes:
        slope, bend: exponent of Heaps' law at ``log_tokens``, and its change with the log of the
            words.
        documents, ms: of a frame, on average.
    """

    slope: float
    bend: float
    log_tokens: float
    labels: Mix
    languages: Mix
    documents: float
    ms: float

    @classmethod
    def fit(cls, rows: Sequence[Row]) -> Shape:
        """Return the shape of frames."""
        slopes = [row.slope for row in rows if not isnan(row.slope)]
        bends = [row.bend for row in rows if not isnan(row.bend)]
        return cls(
            float(np.median(slopes)) if slopes else _SLOPE,
            min(float(np.median(bends)), 0.0) if bends else _BEND,
            float(np.median([row.log_tokens for row in rows])),
            Mix.fit([row.labels for row in rows]),
            Mix.fit([row.languages for row in rows]),
            float(np.mean([row.documents for row in rows])),
            float(np.mean([row.ms for row in rows])),
        )

    def growth(self, tokens: int) -> float:
        """Return how much the log of distinct words grows from ``log_tokens`` to so many words."""
        far = log(tokens) - self.log_tokens
        return self.slope * far + self.bend / 2 * far**2

    def _away(self, row: Row) -> tuple[float, float]:
        """Return the mean distance from ``log_tokens`` of a frame's windows, and of its square."""
        middle = self.log_tokens
        square = row.log_tokens_squared - 2 * middle * row.log_tokens + middle**2
        return row.log_tokens - middle, square

    def values(self, rows: Sequence[Row]) -> tuple[Floats, Floats]:
        """Return values and sampling variances of frames, shape ``(frames, metrics)`` each."""
        values = np.stack([row.values for row in rows])
        variances = np.stack([row.variances for row in rows])
        far, farther = np.array([self._away(row) for row in rows]).T
        predicted = self.slope * far + self.bend / 2 * farther
        values[:, DISTINCT] = [row.log_distinct for row in rows] - predicted
        for column, mix, frames in (
            (LABELS, self.labels, [row.labels for row in rows]),
            (LANGUAGES, self.languages, [row.languages for row in rows]),
        ):
            values[:, column] = mix.scores(frames)
            variances[:, column] = 2 / (9 * mix.freedom)
        return values, variances


class Newest(NamedTuple):
    """The newest frames on the scale of a shape, oldest first.

    Attributes:
        values, variances: shape ``(frames, metrics)``.
        tokens: mean log words of their windows, shape ``(frames,)``.
    """

    values: Floats
    variances: Floats
    tokens: Floats

    @classmethod
    def of(cls, shape: Shape, rows: Sequence[Row]) -> Newest:
        """Return frames as a shape sees them."""
        return cls(*shape.values(rows), np.array([row.log_tokens for row in rows]))

    def moved(self, shape: Shape, row: Row) -> Newest:
        """Return the frames with the next one in the place of the oldest."""
        return Newest(
            *(
                np.concatenate((old[1:], new))
                for old, new in zip(self, Newest.of(shape, [row]), strict=True)
            )
        )


class Surprise(NamedTuple):
    """How far the newest frames lie off.

    Attributes:
        scores: normal scores of the mean over each of ``LENGTHS``, shape ``(lengths, metrics)``.
        values: of each frame, shape ``(frames, metrics)``.
    """

    scores: Floats
    values: Floats


@dataclass(frozen=True, slots=True)
class Quiet:
    """The law of the quiet frames.

    Attributes:
        centres: of the values, shape ``(metrics,)``.
        spread: their variance, and ``beyond`` what of it is beyond the sampling variance.
        persistence: how long differences last.
        frames: that the law rests on.
    """

    shape: Shape
    centres: Floats
    spread: Floats
    beyond: Floats
    persistence: Persistence
    frames: int

    @classmethod
    def fit(cls, rows: Sequence[Row]) -> Quiet:
        """Return the law of at least ``LEAST_HISTORY`` frames."""
        shape = Shape.fit(rows)
        values, variances = shape.values(rows)
        usual = np.median(variances, axis=0)
        centres, spread, residuals = _winsorized(values, np.maximum(usual, _LEAST**2))
        # How far a mix is from the usual one says little of how long it stays away.
        residuals[:, LABELS] = _drawn_in(shape.labels.leading([row.labels for row in rows]))
        residuals[:, LANGUAGES] = _drawn_in(
            shape.languages.leading([row.languages for row in rows])
        )
        persistence = Persistence.fit(residuals)
        # Around a mean that moved along with a lasting mood, frames vary less than they do.
        spread = spread / np.maximum(1 - persistence.widening(len(rows)) / len(rows), _LEAST_SEEN)
        beyond = np.maximum(spread - usual, 0.0)
        return cls(shape, centres, spread, beyond, persistence, len(rows))

    def surprise(self, newest: Newest) -> Surprise:
        """Judge the newest ``max(LENGTHS)`` frames by this law."""
        values, variances = newest.values, newest.variances
        means = np.stack([values[-length:].mean(axis=0) for length in LENGTHS])
        noise = np.stack([variances[-length:].mean(axis=0) for length in LENGTHS])
        widened = np.stack([self.persistence.widening(length) for length in LENGTHS])
        lengths = np.array(LENGTHS, np.float64)[:, None]
        variance = (self.beyond + noise) * widened / lengths
        whole = self.persistence.widening(self.frames)
        law = self.spread * whole / self.frames
        law = np.repeat(law[None], len(LENGTHS), axis=0)
        far = np.array([newest.tokens[-length:].mean() for length in LENGTHS])
        # An error of the exponent is the same in every frame: it does not average out.
        law[:, DISTINCT] += (_SLOPE_ERROR * (far - self.shape.log_tokens)) ** 2
        variance = np.maximum(variance + law, (_LEAST**2) / lengths)
        differences = means - self.centres
        distance = np.where(_SIDES == 2, np.abs(differences), differences)  # noqa: PLR2004
        distance = np.maximum(distance - _ZONES, 0.0)
        freedom = np.maximum(0.9 * self.frames / whole - 1, 3.0)
        return Surprise(_normal_score(distance / np.sqrt(variance), freedom), values)


def changed(values: Floats, centre: float) -> int:
    """Return the first of the newest frames since which they lie off their usual centre.

    The most likely split for a shift of the mean from a known level: the one whose sum of
    differences by the root of its length is largest (Hinkley, Biometrika 57, 1970).
    """
    sums = np.cumsum((values - centre)[::-1])[::-1]
    return int(np.abs(sums / np.sqrt(np.arange(len(values), 0, -1))).argmax())


def log_tail(score: float) -> float:
    """Return the natural log of the probability that a normal score is at least this high."""
    if score < 30:  # noqa: PLR2004 - beyond, erfc is nearly 0 and the asymptotic law exact
        return log(0.5 * erfc(score / sqrt(2)))
    return -0.5 * score * score - _HALF_LOG_2PI - log(score)


def heaps(quiet: Quiet, tokens: int) -> float | None:
    """Return the distinct words that a quiet window of so many words has; None for no words."""
    if not tokens:
        return None
    return exp(float(quiet.centres[DISTINCT]) + quiet.shape.growth(tokens))


def _winsorized(values: Floats, least: Floats) -> tuple[Floats, Floats, Floats]:
    """Return centre, variance (at least ``least``) and drawn-in residuals of each column."""
    centre = np.median(values, axis=0)
    spread = _NORMAL_MAD * np.median(np.abs(values - centre), axis=0)
    spread = np.sqrt(np.maximum(spread**2, least))
    for _ in range(3):
        residuals = np.clip(values - centre, -_DRAWN_IN * spread, _DRAWN_IN * spread)
        shift = residuals.mean(axis=0)
        centre, residuals = centre + shift, residuals - shift
        spread = np.sqrt(np.maximum((residuals**2).mean(axis=0) * _CONSISTENT, least))
    return centre, spread**2, residuals


def _drawn_in(values: Floats) -> Floats:
    """Return drawn-in residuals of one series."""
    return _winsorized(values[:, None], np.full(1, _LEAST_SEEN))[2][:, 0]


def _normal_score(t: Floats, freedom: Floats) -> Floats:
    scale = (8 * freedom + 1) / (8 * freedom + 3)
    return np.asarray(scale * np.sqrt(freedom * np.log1p(t**2 / freedom)))
