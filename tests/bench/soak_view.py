"""The picture of a soak: small panels over the same minutes."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from tests.bench.plots import Panel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.bench.soak_samples import Sample


def panels(
    samples: Sequence[Sample], latencies: Mapping[str, Sequence[tuple[float, float]]]
) -> list[Panel]:
    """Return what is drawn: memory, latency, lag, speed, processor, threads, files, disk."""
    names = list(samples[0].rss_mb)
    return [
        Panel("resident memory, MB", {n: [s.rss_mb[n] for s in samples] for n in names}),
        Panel(
            "arrival to landing, ms",
            {name: _stretched(samples, points) for name, points in latencies.items()},
            logarithmic=True,
        ),
        Panel("lag, messages", {r: [s.lag[r] for s in samples] for r in samples[0].lag}),
        Panel(
            "documents per second",
            {
                "published": _rates([(s.at, s.published) for s in samples]),
                "landed": _rates([(s.at, s.landed) for s in samples]),
            },
        ),
        Panel(
            "processors used",
            {n: _rates([(s.at, s.cpu_seconds[n]) for s in samples]) for n in names},
        ),
        Panel("threads", {n: [s.threads[n] for s in samples] for n in names}),
        Panel("open files", {n: [s.open_files[n] for s in samples] for n in names}),
        Panel(
            "on disk, MB",
            {
                "database": [s.database_mb for s in samples],
                "Kafka's log": [s.log_mb for s in samples],
            },
        ),
    ]


def _rates(points: Sequence[tuple[float, float]]) -> list[float | None]:
    """Return the change per second since six samples before: commits come in steps."""
    found: list[float | None] = [None] * min(6, len(points))
    for (at, value), (then, later) in zip(points, points[6:], strict=False):
        found.append((later - value) / (then - at))
    return found


def _stretched(
    samples: Sequence[Sample], points: Sequence[tuple[float, float]]
) -> list[float | None]:
    """Return the value that was in force at each sample."""
    found: list[float | None] = []
    spans = list(pairwise([*points, (float("inf"), 0.0)]))
    for sample in samples:
        inside = [value for (at, value), (end, _) in spans if at <= sample.at < end]
        found.append(inside[0] if inside else None)
    return found
