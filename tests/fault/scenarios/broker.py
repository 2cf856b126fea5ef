"""The broker goes and comes back: stopped in order, killed; one of three, and the coordinator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fault.scenarios.common import Course, pause

if TYPE_CHECKING:
    from tests.fault.cluster import Cluster

_FIRST_S = 2.0


def broker(cluster: Cluster, *, documents: int, down_s: float, seconds: float) -> dict[str, Any]:
    """Stop the only node for a while; later kill -9 it and start it again, same port and data.

    Args:
        cluster: to which it is done.
        documents: published evenly while it goes on; the producer waits for the broker.
        down_s: how long the broker is stopped.
        seconds: over which the documents are published.
    """
    course = Course(cluster, "broker")
    (node,) = cluster.kafka.nodes
    with cluster.publishing(documents, seconds):
        pause(_FIRST_S)
        cluster.sampler.mark("broker stopped")
        node.stop()
        pause(down_s)
        node.start()
        cluster.kafka.wait_ready()
        cluster.sampler.mark("broker back")
        pause(max(_FIRST_S, seconds / 4))
        cluster.sampler.mark("broker killed")
        node.kill()
        node.start()
        cluster.kafka.wait_ready()
        cluster.sampler.mark("broker back")
    return course.finish() | {"down_seconds": down_s}


def broker3(cluster: Cluster, *, documents: int, down_s: float, seconds: float) -> dict[str, Any]:
    """Kill -9 one of three nodes, the one that coordinates the groups, then another one.

    Args:
        cluster: to which it is done.
        documents: published evenly while it goes on; a write needs two nodes.
        down_s: how long each node is away.
        seconds: over which the documents are published.
    """
    course = Course(cluster, "broker3")
    killed = []
    with cluster.publishing(documents, seconds):
        for role in ("enrich", "land"):
            pause(_FIRST_S)
            number = coordinator(cluster, cluster.topics.group(role))
            node = next(one for one in cluster.kafka.nodes if one.node.number == number)
            cluster.sampler.mark(f"node {number}, which coordinates {role}, killed")
            node.kill()
            pause(down_s)
            node.start()
            cluster.kafka.wait_ready()
            cluster.sampler.mark(f"node {number} back")
            killed.append(number)
    return course.finish() | {"down_seconds": down_s, "killed_nodes": killed}


def coordinator(cluster: Cluster, group: str) -> int:
    """Return the number of the node that coordinates a consumer group."""
    from confluent_kafka.admin import AdminClient  # noqa: PLC0415 - only here

    admin = AdminClient({"bootstrap.servers": cluster.kafka.bootstrap})
    answers: Any = admin.describe_consumer_groups([group], request_timeout=20)
    return int(answers[group].result().coordinator.id)
