"""The database refuses every insert, then every second one; answers get lost; it is killed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fault.scenarios.common import Course, pause
from tests.support.clickhouse_server import Fault

if TYPE_CHECKING:
    from tests.fault.cluster import Cluster

_FIRST_S = 2.0
EVERY_INSERT = Fault()
EVERY_SECOND_INSERT = Fault(every=2)
EVERY_SECOND_ANSWER = Fault(every=2, executed=True, reset=True)
"""The rows are there, the client does not know it, and sends them again."""
BOUND_MB = 150.0
"""What a land worker may grow by: what it gathers for an insert, fetched and decoded, twice."""


def database(
    cluster: Cluster, *, documents: int, down_s: float, half_s: float, seconds: float
) -> dict[str, Any]:
    """Let inserts fail, then half of them or of their answers; then kill -9 the server.

    Args:
        cluster: to which it is done.
        documents: published evenly while it goes on; the more the harder for the memory.
        down_s: how long every insert fails.
        half_s: how long every second insert fails, and then every second answer gets lost.
        seconds: over which the documents are published.
    """
    course, sampler = Course(cluster, "database"), cluster.sampler
    with cluster.publishing(documents, seconds):
        pause(max(_FIRST_S, seconds / 6))
        failing = _fail(cluster, EVERY_INSERT, "every insert fails", down_s)
        half = _fail(cluster, EVERY_SECOND_INSERT, "every second insert fails", half_s)
        _fail(cluster, EVERY_SECOND_ANSWER, "every second answer is lost", half_s)
        cluster.database.heal()
        healed = sampler.mark("all inserts succeed")
        pause(_FIRST_S)
        cluster.database.kill()
        sampler.mark("server killed")
        pause(_FIRST_S)
        cluster.database.start()
        sampler.mark("server back")
    report = course.finish()
    before = sampler.peak("land", until=failing)
    memory = {
        "before": before,
        "every_insert_failing": sampler.peak("land", failing, half),
        "every_second_failing": sampler.peak("land", half, healed),
        "afterwards": sampler.peak("land", healed),
    }
    grown = max(value or 0.0 for value in memory.values()) - (before or 0.0)
    return report | {
        "well": report["well"] and grown <= BOUND_MB,
        "land_memory_mb": memory,
        "land_memory_grown_mb": round(grown, 1),
        "land_memory_bound_mb": BOUND_MB,
        "landed_lag_most": _most_lag(report),
    }


def _fail(cluster: Cluster, fault: Fault, event: str, seconds: float) -> float:
    cluster.database.fail(fault)
    at = cluster.sampler.mark(event)
    pause(seconds)
    return at


def _most_lag(report: dict[str, Any]) -> int:
    return max((one or 0 for one in report["series"]["lag"]["land"]), default=0)
