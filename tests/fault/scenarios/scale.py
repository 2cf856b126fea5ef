"""Workers that come, go, think for long, and stand still."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.topics import ROLES
from tests.fault.scenarios.common import Course, pause

if TYPE_CHECKING:
    from tests.fault.cluster import Cluster

_PATIENCE_S = 180.0


def scale(
    cluster: Cluster, *, documents: int, slow_s: float, stall_s: float, seconds: float
) -> dict[str, Any]:
    """Add a worker to every role and take one away; rebalance during a long inference; stall.

    Args:
        cluster: to which it is done.
        documents: published evenly while it goes on.
        slow_s: how long one batch of inference takes while workers join and leave; longer than
            the cluster's poll interval, so that whoever does not poll meanwhile is shut out.
        stall_s: how long a worker of each role is stopped by SIGSTOP; longer than the session
            timeout of 10 seconds, so that the group goes on without it.
        seconds: over which the documents are published.
    """
    course = Course(cluster, "scale")
    share, part_s = documents // 3, seconds / 3
    with cluster.publishing(share, part_s):
        _come_and_go(cluster, share // 4)
    with cluster.publishing(share, part_s):
        _rebalance_in_long_inference(cluster, slow_s)
    with cluster.publishing(documents - 2 * share, part_s):
        _stall(cluster, stall_s)
    return course.finish() | {"slow_seconds": slow_s, "stalled_seconds": stall_s}


def _come_and_go(cluster: Cluster, some: int) -> None:
    _wait_for_some(cluster, some)
    for role in ROLES:
        cluster.fleet.add(role)
    cluster.sampler.mark("one more of each role")
    cluster.fleet.wait_ready()
    _wait_for_some(cluster, some)
    cluster.sampler.mark("the first of each role leaves")
    for role in ROLES:
        cluster.fleet.remove(cluster.fleet.of(role)[0])


def _wait_for_some(cluster: Cluster, count: int) -> None:
    """Wait until so many more messages were enriched."""
    standing = cluster.offsets.standing()
    before = standing.committed["enrich"] if standing else 0
    cluster.offsets.until(
        lambda now: now.committed["enrich"] >= before + count or now.lag["enrich"] == 0,
        _PATIENCE_S,
        "progress",
    )


def _rebalance_in_long_inference(cluster: Cluster, slow_s: float) -> None:
    with cluster.slowed(slow_s):
        cluster.sampler.mark(f"inference takes {slow_s:g} s")
        pause(min(1.0, slow_s / 2))  # until batches are at work
        joining = cluster.fleet.add("enrich")
        cluster.sampler.mark("an enrich worker joins")
        cluster.fleet.wait_ready()
        pause(slow_s)
        cluster.sampler.mark("an enrich worker leaves")
        cluster.fleet.remove(joining)


def _stall(cluster: Cluster, stall_s: float) -> None:
    stalled = [cluster.fleet.of(role)[0] for role in ROLES]
    cluster.fleet.pause(stalled)
    cluster.sampler.mark("a worker of each role stands still")
    pause(stall_s)
    cluster.fleet.resume(stalled)
    cluster.sampler.mark("they go on")
