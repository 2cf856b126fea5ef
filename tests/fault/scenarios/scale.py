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
        slow_s: how long one batch of inference takes while workers join and leave.
        stall_s: how long a worker of each role is stopped by SIGSTOP; longer than the session
            timeout of 10 seconds, so that the group goes on without it.
        seconds: over which the documents are published.
    """
    course = Course(cluster, "scale")
    with cluster.publishing(documents, seconds):
        _wait_for_some(cluster, documents // 10)
        added = [cluster.fleet.add(role) for role in ROLES]
        cluster.sampler.mark("one more of each role")
        cluster.fleet.wait_ready()
        _wait_for_some(cluster, documents // 10)
        cluster.sampler.mark("the first of each role leaves")
        for role in ROLES:
            cluster.fleet.remove(cluster.fleet.of(role)[0])
        _rebalance_in_long_inference(cluster, slow_s)
        _stall(cluster, stall_s)
    report = course.finish()
    return report | {"added": len(added), "slow_seconds": slow_s, "stalled_seconds": stall_s}


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
    cluster.slow.write_text(str(slow_s), encoding="ascii")
    cluster.sampler.mark(f"inference takes {slow_s:g} s")
    try:
        pause(min(1.0, slow_s / 2))  # until batches are at work
        joining = cluster.fleet.add("enrich")
        cluster.sampler.mark("an enrich worker joins")
        pause(slow_s)
        cluster.sampler.mark("an enrich worker leaves")
        cluster.fleet.remove(joining)
    finally:
        cluster.slow.unlink()


def _stall(cluster: Cluster, stall_s: float) -> None:
    stalled = [cluster.fleet.of(role)[0] for role in ROLES]
    cluster.fleet.pause(stalled)
    cluster.sampler.mark("a worker of each role stands still")
    pause(stall_s)
    cluster.fleet.resume(stalled)
    cluster.sampler.mark("they go on")
