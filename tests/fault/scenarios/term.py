"""SIGTERM of random workers, as a rolling restart sends it: nothing should be done twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fault.cluster import now_ms
from tests.fault.scenarios.common import Course, Victims, pause

if TYPE_CHECKING:
    from tests.fault.cluster import Cluster

COMMIT_INTERVAL_S = 1.0
"""Between two commits of a worker; what was acknowledged since the last one may come again."""


def term(
    cluster: Cluster, *, documents: int, stops: int, every_s: float, slow_s: float = 0.0
) -> dict[str, Any]:
    """Stop so many workers in order.

    The bound of what may be enriched again per stop is what all workers together enrich within a
    commit interval: a rebalance takes every partition from its worker, and what each has
    acknowledged, but not yet committed, is at most that. The fastest second that was seen stands
    for their speed.

    Args:
        cluster: to which it is done.
        documents: published evenly while it goes on.
        stops: how many.
        every_s: mean seconds from one to the next.
        slow_s: what a batch takes besides inference, so that a small model has work in flight.
    """
    course = Course(cluster, "term")
    moments: list[int] = []
    struck: list[str] = []
    victims = Victims(cluster, in_start=False)
    with cluster.slowed(slow_s), cluster.publishing(documents, stops * every_s):
        for _ in range(stops):
            pause(cluster.rng.uniform(0.0, 2 * every_s))
            worker = victims.next()
            cluster.fleet.terminate(worker)
            cluster.sampler.mark(f"term {worker.name}")
            moments.append(now_ms())
            struck.append(worker.name)
    report = course.finish()
    found = course.redelivery()
    per_stop = found.after(moments)
    bound = round(found.fastest_second * COMMIT_INTERVAL_S)
    ends = [one for one in cluster.fleet.exits if one.wanted == "term"][-stops:]
    within = max(per_stop, default=0) <= bound and sum(per_stop) == len(found.again)
    return report | {
        "well": report["well"] and within,
        "stops": stops,
        "struck": struck,
        "enriched_again_per_stop": per_stop,
        "bound_per_stop": bound,
        "within_bound": within,
        "seconds_to_end": [one.seconds_to_end for one in ends],
    }
