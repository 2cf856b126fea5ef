"""Watches a run: lag of the roles and resident memory of the workers, once a second."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil

from streams.topics import ROLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

    from streams.topics import Role
    from tests.fault.fleet import Fleet
    from tests.fault.progress import Offsets, Standing

_EVERY_S = 1.0
_MOST_POINTS = 400


@dataclass(frozen=True, slots=True)
class Sample:
    """One look, seconds after the fleet began; memory in bytes by worker."""

    at: float
    standing: Standing | None
    memory: dict[str, int]


class Sampler:
    """Samples in a thread of its own.

    Args:
        fleet: the workers.
        offsets: asks the broker.
        tell: called with every sample.
    """

    def __init__(
        self, fleet: Fleet, offsets: Offsets, tell: Callable[[Sample], object] = lambda _: None
    ) -> None:
        self._fleet = fleet
        self._offsets = offsets
        self._tell = tell
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self.samples: list[Sample] = []
        self.events: list[tuple[float, str]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._over.set()
        self._thread.join()

    def mark(self, event: str) -> float:
        """Note that something happened; returns when, seconds after the fleet began."""
        at = round(time.monotonic() - self._fleet.began, 2)
        self.events.append((at, event))
        return at

    def peak(self, role: Role, since: float = 0.0, until: float = float("inf")) -> float | None:
        """Return the largest resident memory of any worker of a role, in megabytes."""
        found = [
            size
            for sample in self.samples
            if since <= sample.at <= until
            for worker, size in sample.memory.items()
            if worker.startswith(role)
        ]
        return round(max(found) / 1e6, 1) if found else None

    def report(self, since: float = 0.0) -> dict[str, Any]:
        """Return series for a plot; memory is that of a role's largest worker."""
        samples = [sample for sample in self.samples if sample.at >= since]
        step = max(1, len(samples) // _MOST_POINTS)
        chosen = samples[::step]
        return {
            "seconds": [round(one.at - since, 1) for one in chosen],
            "lag": {r: [one.standing and one.standing.lag[r] for one in chosen] for r in ROLES},
            "memory_mb": {role: [_largest(one, role) for one in chosen] for role in ROLES},
            "events": [(round(at - since, 1), name) for at, name in self.events if at >= since],
        }

    def _run(self) -> None:
        while not self._over.wait(_EVERY_S):
            sample = Sample(
                round(time.monotonic() - self._fleet.began, 2),
                self._offsets.standing(),
                self._memory(),
            )
            self.samples.append(sample)
            self._tell(sample)

    def _memory(self) -> dict[str, int]:
        found = {}
        for worker in self._fleet.of():
            pid = worker.pid
            try:
                found[worker.name] = psutil.Process(pid).memory_info().rss if pid else 0
            except psutil.Error:
                continue
        return found


def _largest(sample: Sample, role: Role) -> float:
    sizes = [size for name, size in sample.memory.items() if name.startswith(role)]
    return round(max(sizes, default=0) / 1e6, 1)
