"""Whether a soak was flat: memory, lag and latency, and whether everything came."""

from __future__ import annotations

import itertools
import statistics
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.bench.soak_samples import Sample

_MEMORY_RATIO, _MEMORY_MB = 1.05, 10.0
_RATIO, _LAG, _LATENCY_MS = 1.5, 100.0, 250.0
_MOST_POINTS = 400


@dataclass(frozen=True)
class Trend:
    """A quantity early and late in a soak: medians of quarters, change per hour, and judgement."""

    early: float
    late: float
    per_hour: float
    flat: bool


@dataclass(frozen=True)
class Counted:
    """Documents at the end: published, in the view, distinct in the view, dead-lettered."""

    published: int
    rows: int
    distinct: int
    dead_letters: int

    @property
    def lost(self) -> int:
        return self.published - self.distinct - self.dead_letters

    @property
    def doubled(self) -> int:
        return self.rows - self.distinct


def verdict(
    samples: Sequence[Sample], latencies: Mapping[str, Sequence[tuple[float, float]]], end: Counted
) -> dict[str, Any]:
    """Judge a soak.

    Memory is compared between the second and the last quarter, since caches fill in the first;
    lag and latency between the first and the last.

    Args:
        samples: in order.
        latencies: quantile -> (seconds of the epoch, milliseconds).
        end: what was counted at the end.
    """
    memory = {
        name: memory_trend([(one.at, one.rss_mb[name]) for one in samples])
        for name in samples[0].rss_mb
    }
    lag = {
        role: trend([(one.at, one.lag[role]) for one in samples], _LAG) for role in samples[0].lag
    }
    latency = {name: trend(points, _LATENCY_MS) for name, points in latencies.items()}
    flat = all(one.flat for group in (memory, lag, latency) for one in group.values())
    return {
        "flat": flat,
        "complete": end.lost == 0 and end.doubled == 0,
        "counted": {**asdict(end), "lost": end.lost, "doubled": end.doubled},
        "memory_mb": {name: asdict(one) for name, one in memory.items()},
        "lag_messages": {name: asdict(one) for name, one in lag.items()},
        "latency_ms": {name: asdict(one) for name, one in latency.items()},
    }


def memory_trend(points: Sequence[tuple[float, float]]) -> Trend:
    """Compare the last quarter with the second; the slope is that of the last three quarters."""
    parts = _quarters(points)
    early, late = _level(parts[1]), _level(parts[3])
    slope = slope_per_hour([point for part in parts[1:] for point in part])
    return Trend(early, late, slope, late <= _MEMORY_RATIO * early + _MEMORY_MB)


def trend(points: Sequence[tuple[float, float]], allowance: float) -> Trend:
    """Compare the last quarter with the first; ``allowance`` is more that does not matter."""
    parts = _quarters(points)
    early, late = _level(parts[0]), _level(parts[3])
    return Trend(early, late, slope_per_hour(points), late <= _RATIO * early + allowance)


def slope_per_hour(points: Sequence[tuple[float, float]]) -> float:
    """Return the change per hour: the median of the slopes between all pairs of points.

    Theil 1950, Sen 1968: a few samples out of line do not move it.
    """
    few = points[:: max(1, len(points) // _MOST_POINTS)]
    slopes = [
        (later - value) / (then - at)
        for number, (at, value) in enumerate(few)
        for then, later in few[number + 1 :]
        if then > at
    ]
    return 3600 * statistics.median(slopes)


def _quarters(points: Sequence[tuple[float, float]]) -> list[Sequence[tuple[float, float]]]:
    if len(points) < 8:
        raise ValueError(f"{len(points)} samples are too few to judge")
    edges = [round(len(points) * number / 4) for number in range(5)]
    return [points[begin:end] for begin, end in itertools.pairwise(edges)]


def _level(points: Sequence[tuple[float, float]]) -> float:
    return statistics.median(value for _, value in points)
