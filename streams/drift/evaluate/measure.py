"""Counts with their uncertainty: false alarms, delays, detections."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, exp, inf, isfinite, lgamma, log, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_Z = 1.959964
_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """Alarms where nothing changed.

    Attributes:
        alarms: how many.
        documents: watched until the alarm or the end of the stream, of all streams together.
        promised: documents between two false alarms that the budget grants.
    """

    alarms: int
    documents: int
    promised: float

    @property
    def per_10_000(self) -> float:
        """Alarms per 10,000 documents."""
        return 1e4 * self.alarms / self.documents if self.documents else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Return its exact 95 % interval (Garwood 1936)."""
        low, high = poisson_interval(self.alarms)
        scale = 1e4 / self.documents if self.documents else 0.0
        return low * scale, high * scale

    @property
    def ratio(self) -> float:
        """Achieved over promised rate."""
        return self.per_10_000 * self.promised / 1e4


@dataclass(frozen=True, slots=True)
class Detections:
    """What became of a planted change over many streams.

    Attributes:
        name: of the change.
        delays: documents from the change to the alarm; inf where there was none.
        early: streams that had a false alarm before the change; they are not among ``delays``.
    """

    name: str
    delays: tuple[float, ...]
    early: int

    @property
    def found(self) -> int:
        """Streams whose change was detected."""
        return sum(map(isfinite, self.delays))

    @property
    def rate(self) -> float:
        """Share of the changes that were detected."""
        return self.found / len(self.delays) if self.delays else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Return the 95 % interval of the rate (Wilson 1927)."""
        return wilson_interval(self.found, len(self.delays))

    def quantile(self, share: float) -> float:
        """Return the delay within which this share of the changes was found; inf if it was not."""
        return quantile(self.delays, share)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value with at least ``share`` of the values at or below it."""
    if not values:
        return inf
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, ceil(share * len(ordered)) - 1))]


def poisson_interval(events: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a Poisson mean after ``events`` events."""
    low = 0.0 if events == 0 else _solve(lambda mean: _at_most(events - 1, mean), 0.975, events)
    return low, _solve(lambda mean: _at_most(events, mean), 0.025, events)


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95 % interval of a share."""
    if not trials:
        return 0.0, 1.0
    share, square = successes / trials, _Z * _Z / trials
    middle = (share + square / 2) / (1 + square)
    half = _Z / (1 + square) * sqrt(share * (1 - share) / trials + square / (4 * trials))
    return max(0.0, middle - half), min(1.0, middle + half)


def _at_most(events: int, mean: float) -> float:
    """Return the probability of at most ``events`` events."""
    return sum(exp(k * log(mean) - mean - lgamma(k + 1)) for k in range(events + 1))


def _solve(falling: Callable[[float], float], wanted: float, events: int) -> float:
    low, high = 1e-12, 4.0 * events + 20.0
    while high - low > _TOLERANCE * high:
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > wanted else (low, middle)
    return (low + high) / 2
