"""What scenarios share: a report's frame, random moments, what was enriched again."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from streams.topics import ROLES
from tests.fault.cluster import now_ms
from tests.fault.redelivery import Redelivery, redelivery
from tests.fault.worker import HarnessFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.topics import Role
    from tests.fault.cluster import Cluster
    from tests.fault.worker import WorkerProcess

_LOOK_S = 0.05
_START_S = 300.0


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


class Victims:
    """Chooses workers: the roles in random order, each as often as the others.

    Args:
        cluster: whose workers.
        in_start: whether those that have not started yet may be hit, too.
    """

    def __init__(self, cluster: Cluster, *, in_start: bool) -> None:
        self._fleet = cluster.fleet
        self._rng = cluster.rng
        self._in_start = in_start
        self._roles: list[Role] = []

    def next(self) -> WorkerProcess:
        """Return a worker that runs.

        Raises:
            HarnessFailed: there is none of the role for minutes.
        """
        if not self._roles:
            self._roles = self._rng.sample(ROLES, len(ROLES))
        role = self._roles.pop()
        deadline = time.monotonic() + _START_S
        while not (fit := [one for one in self._fleet.of(role) if self._fits(one)]):
            if time.monotonic() > deadline:
                raise HarnessFailed(f"no worker of role {role} runs")
            pause(_LOOK_S)
        return self._rng.choice(fit)

    def _fits(self, worker: WorkerProcess) -> bool:
        return worker.running and not worker.wanted and (self._in_start or worker.ready)
