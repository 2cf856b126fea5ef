"""What scenarios share: a report's frame, random moments, what was enriched again."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tests.fault.cluster import now_ms
from tests.fault.redelivery import Redelivery, redelivery
from tests.fault.worker import HarnessFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.fault.cluster import Cluster
    from tests.fault.fleet import Fleet
    from tests.fault.worker import WorkerProcess

_LOOK_S = 0.05
_START_S = 120.0


class Course:
    """The course of one scenario in a cluster that others may have used before."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.name = name
        self.began = time.monotonic()
        self.since_ms = now_ms()
        self.since = cluster.sampler.mark(name)
        self._exits = len(cluster.fleet.exits)

    def finish(self, *, allowed: Callable[[str], bool] = lambda _: False) -> dict[str, Any]:
        """Drain, judge, and return the report.

        Args:
            allowed: last words of workers that may end by themselves in this scenario.
        """
        self.cluster.drain()
        drained = round(time.monotonic() - self.began, 1)
        verdict = self.cluster.verdict()
        unasked = self.cluster.fleet.unasked(self._exits)
        wrong = [asdict(one) for one in unasked if not allowed(one.last_words)]
        return {
            "scenario": self.name,
            "well": verdict.well and not wrong,
            **verdict.report(),
            **self.redelivery().report(),
            "seconds": drained,
            "workers_of_each_role": self.cluster.options.workers,
            "model": self.cluster.options.model,
            "ended_by_themselves": len(unasked),
            "ended_badly": wrong,
            "series": self.cluster.sampler.report(self.since),
        }

    def redelivery(self) -> Redelivery:
        """Return what was enriched again since the scenario began."""
        return redelivery(self.cluster.kafka.bootstrap, self.cluster.topics, self.since_ms)


def pause(seconds: float) -> None:
    """Let time pass: the random moment of a fault, or how long it lasts."""
    threading.Event().wait(seconds)


def any_running(fleet: Fleet, choose: Callable[[Sequence[WorkerProcess]], WorkerProcess]) -> Any:
    """Choose a process that runs, in its start or at its work."""
    deadline = time.monotonic() + _START_S
    while True:
        running = [worker for worker in fleet.of() if worker.running and not worker.wanted]
        if running:
            return choose(running)
        if time.monotonic() > deadline:
            raise HarnessFailed("no worker runs")
        pause(_LOOK_S)
