"""Every scenario of ``make bench-faults``, small: real processes, real broker, real engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.fault.published import Bad, Published
from tests.fault.scenarios.broker import broker, broker3
from tests.fault.scenarios.database import database
from tests.fault.scenarios.kill import kill
from tests.fault.scenarios.poison import poison
from tests.fault.scenarios.scale import scale
from tests.fault.scenarios.term import term
from tests.fault.verdict import judge

if TYPE_CHECKING:
    from tests.fault.cluster import Cluster

pytestmark = [pytest.mark.fault, pytest.mark.kafka, pytest.mark.timeout(500)]


def _wrong(report: dict[str, Any]) -> dict[str, Any]:
    """Return what is wrong with a report, and the rest of it only then."""
    errors = report["errors"] or report["ended_badly"] or report["lost"] or report["doubled"]
    if report["well"] and not errors:
        return {}
    return {name: value for name, value in report.items() if name != "series"}


def test_kill_9_of_random_workers(cluster: Cluster) -> None:
    """Documents, deliveries, dead letters and windows count once."""
    report = kill(cluster, documents=300, kills=4, every_s=1.0, slow_s=0.3)
    assert _wrong(report) == {}
    assert report["kills"] == 4


def test_sigterm_of_random_workers(cluster: Cluster) -> None:
    """The same, and nothing is enriched again beyond the commit interval."""
    report = term(cluster, documents=300, stops=3, every_s=1.5, slow_s=0.3)
    assert _wrong(report) == {}
    assert report["within_bound"]


def test_workers_that_come_go_think_and_stall(cluster: Cluster) -> None:
    """One more of each role, one less, a rebalance during inference, a stall past the session."""
    report = scale(cluster, documents=300, slow_s=4.0, stall_s=11.0, seconds=15.0)
    assert _wrong(report) == {}


def test_the_broker_goes_and_comes_back(cluster: Cluster) -> None:
    """Stopped for a while, then killed."""
    assert _wrong(broker(cluster, documents=300, down_s=3.0, seconds=10.0)) == {}


def test_one_of_three_brokers_is_killed(cluster_of_three: Cluster) -> None:
    """The one that coordinates the groups, and then the next one."""
    report = broker3(cluster_of_three, documents=300, down_s=2.0, seconds=10.0)
    assert _wrong(report) == {}
    assert len(report["killed_nodes"]) == 2


def test_the_database_fails(cluster: Cluster) -> None:
    """Every insert, every second one, every second answer; kill -9: memory bounded, all landed."""
    report = database(cluster, documents=600, down_s=4.0, half_s=3.0, seconds=12.0)
    assert _wrong(report) == {}
    assert cluster.database.counts().failed == 0  # the one that came back has none in force


def test_damaged_messages(cluster: Cluster) -> None:
    """Each way of damage ends in the dead letters byte for byte, and nothing else does."""
    report = poison(cluster, documents=300, share=0.01)
    assert _wrong(report) == {}
    assert len(report["ways"]) == 18


def test_the_verdict_sees_what_is_missing_and_what_is_too_much(cluster: Cluster) -> None:
    """Every kind of error is counted: a document, a delivery, a dead letter more or less."""
    cluster.publish(20)
    cluster.drain()
    true, false = cluster.published, Published()
    assert cluster.verdict().errors == dict.fromkeys(cluster.verdict().errors, 0)
    false.documents.update(dict(list(true.documents.items())[1:]))
    false.documents[0, 10**9] = ("nobody", "never-published")
    false.bad.update(dict(list(true.bad.items())[1:]))
    false.bad[1, 10**9] = Bad(None, "0" * 64, "never", frozenset({"none"}))
    errors = judge(cluster.database.url, cluster.kafka.bootstrap, cluster.topics, false).errors
    assert {name for name, count in errors.items() if count} >= {
        *("documents_lost", "documents_unknown", "deliveries_lost", "deliveries_unknown"),
        *("dead_letters_lost", "dead_letters_unknown", "dead_letters_with_wrong_code"),
        *("dead_letters_in_topic_lost", "dead_letters_in_topic_unknown"),
    }
