"""Kill -9 at random moments of random roles, while documents keep coming."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.fault.scenarios.common import Course, Victims, pause

if TYPE_CHECKING:
    from tests.fault.cluster import Cluster


def kill(
    cluster: Cluster, *, documents: int, kills: int, every_s: float, slow_s: float = 0.0
) -> dict[str, Any]:
    """Kill so many workers; whoever runs may be hit, also in its start.

    Args:
        cluster: to which it is done.
        documents: published evenly while it goes on.
        kills: how many.
        every_s: mean seconds from one to the next; they are random between none and twice that.
        slow_s: what a batch takes besides inference, so that a small model has work in flight.
    """
    course = Course(cluster, "kill")
    struck: list[dict[str, Any]] = []
    victims = Victims(cluster, in_start=True)
    with cluster.slowed(slow_s), cluster.publishing(documents, kills * every_s):
        for _ in range(kills):
            pause(cluster.rng.uniform(0.0, 2 * every_s))
            worker = victims.next()
            phase = "work" if worker.ready else "start"
            cluster.fleet.kill(worker)
            at = cluster.sampler.mark(f"kill {worker.name}")
            struck.append({"at": at, "worker": worker.name, "phase": phase})
    report = course.finish()
    return report | {
        "kills": len(struck),
        "kills_by_role": Counter(one["worker"].partition("-")[0] for one in struck),
        "kills_in_start": sum(one["phase"] == "start" for one in struck),
        "struck": struck,
    }
