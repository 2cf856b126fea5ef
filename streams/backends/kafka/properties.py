"""Properties of a local Apache Kafka node, and the line of its output that matters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.backends.kafka.ports import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from streams.backends.kafka.plan import Node, Plan

_COMPLAINT = re.compile(r"ERROR|FATAL|Exception")


@dataclass(frozen=True, slots=True)
class Listener:
    """A port beside the plain one, for tests of TLS and SASL; its settings come as properties.

    Attributes:
        name: as in ``listener.name.<name>.ssl.keystore.location``, in capitals here.
        protocol: SSL, SASL_PLAINTEXT or SASL_SSL.
        port: on loopback.
        host: what clients are told to connect to.
    """

    name: str
    protocol: str
    port: int
    host: str = LOOPBACK


def broker_properties(
    node: Node,
    plan: Plan,
    data: Path,
    max_message_bytes: int,
    listeners: Sequence[Listener] = (),
) -> dict[str, str]:
    """Return the properties of one node of a cluster on loopback.

    Args:
        node: the node.
        plan: its cluster.
        data: folder of its messages.
        max_message_bytes: largest message that it takes.
        listeners: ports beside the plain one.
    """
    copies = str(len(plan.nodes))
    in_sync = str(max(1, len(plan.nodes) - 1))
    client = f"PLAINTEXT://{LOOPBACK}:{node.port}"
    return {
        "process.roles": "broker,controller",
        "node.id": str(node.number),
        "controller.quorum.voters": plan.voters,
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        **_listening(client, f"CONTROLLER://{LOOPBACK}:{node.controller_port}", listeners),
        "log.dirs": str(data),
        # Messages and offsets outlast a holiday; Kafka's default is a week.
        "log.retention.hours": str(30 * 24),
        "offsets.retention.minutes": str(365 * 24 * 60),
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": "8",
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": in_sync,
        "group.initial.rebalance.delay.ms": "0",
        "message.max.bytes": str(max_message_bytes),
        "replica.fetch.max.bytes": str(max_message_bytes),
        "socket.request.max.bytes": str(max(104_857_600, 2 * max_message_bytes)),
        # How long a killed broker is remembered, and its successor refused; the default is 9 s.
        "broker.session.timeout.ms": "5000",
        "broker.heartbeat.interval.ms": "1000",
        # The default of 128 MiB is half of this node's memory.
        "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
        "num.network.threads": "2",
        "num.io.threads": "4",
        "background.threads": "2",
    }


def _listening(client: str, controller: str, listeners: Sequence[Listener]) -> dict[str, str]:
    bound = [f"{one.name}://{LOOPBACK}:{one.port}" for one in listeners]
    told = [f"{one.name}://{one.host}:{one.port}" for one in listeners]
    protocols = [f"{one.name}:{one.protocol}" for one in listeners]
    return {
        "listeners": ",".join([client, controller, *bound]),
        "advertised.listeners": ",".join([client, *told]),
        "listener.security.protocol.map": ",".join(
            ["CONTROLLER:PLAINTEXT", "PLAINTEXT:PLAINTEXT", *protocols]
        ),
    }


def escaped(value: str) -> str:
    """Write a value in the ASCII form of Java's property files."""
    return "".join(
        f"\\u{ord(letter):04x}" if letter == "\\" or not letter.isascii() else letter
        for letter in value
    )


def telling_line(output: str) -> str:
    """Return the line of a Java program's output that says what went wrong."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if _COMPLAINT.search(line) and not line.startswith("at ")]
    return (telling or lines or ["no output"])[-1][:300]
