"""What a local Apache Kafka keeps from start to start: its cluster id and its ports."""

from __future__ import annotations

import base64
import json
import os
import uuid
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from streams.backends.kafka.ports import LOOPBACK, choose_ports, is_free
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from pathlib import Path

FILE = "cluster.json"


@dataclass(frozen=True, slots=True)
class Node:
    """One KRaft node, broker and controller in one; ``number`` counts from 1."""

    number: int
    port: int
    controller_port: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A cluster of nodes on loopback."""

    cluster_id: str
    nodes: tuple[Node, ...]

    @property
    def bootstrap(self) -> str:
        """Addresses for clients."""
        return ",".join(f"{LOOPBACK}:{node.port}" for node in self.nodes)

    @property
    def voters(self) -> str:
        """Value of ``controller.quorum.voters``."""
        return ",".join(f"{node.number}@{LOOPBACK}:{node.controller_port}" for node in self.nodes)


def make_plan(folder: Path, nodes: int, port: int | None, *, renew: bool = False) -> Plan:
    """Read the folder's plan, or make one, and see to it that its ports are free.

    Args:
        folder: where the plan is kept.
        nodes: how many nodes there have to be.
        port: fixed port of the first node; None leaves the choice.
        renew: choose other ports even where the kept ones look free.

    Raises:
        Misconfigured: the folder holds another number of nodes, or the fixed port is taken.
    """
    if port is not None and not is_free(port):
        raise Misconfigured(
            f"port {port} is taken by another process: stop it, or choose another port"
        )
    kept = _read(folder / FILE)
    if kept is not None and len(kept.nodes) != nodes:
        raise Misconfigured(
            f"{folder} holds a Kafka cluster of {len(kept.nodes)} node(s), not of {nodes}: use "
            "another data folder, or the number of nodes it was made with"
        )
    plan = kept or Plan(new_cluster_id(), tuple(Node(i + 1, 0, 0) for i in range(nodes)))
    if renew or not _usable(plan, port):
        plan = replace(plan, nodes=_with_ports(plan.nodes, folder, port, renew=renew))
    _write(folder / FILE, plan)
    return plan


def new_cluster_id() -> str:
    """Return a fresh cluster id in Kafka's form: 16 bytes in URL-safe base64, no leading dash."""
    text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return text if not text.startswith("-") else "A" + text[1:]


def _usable(plan: Plan, port: int | None) -> bool:
    if port is not None and plan.nodes[0].port != port:
        return False
    return all(p and is_free(p) for node in plan.nodes for p in (node.port, node.controller_port))


def _with_ports(
    nodes: tuple[Node, ...], folder: Path, port: int | None, *, renew: bool
) -> tuple[Node, ...]:
    used = {p for node in nodes for p in (node.port, node.controller_port)} if renew else set()
    ports = iter(choose_ports(folder, 2 * len(nodes), used | ({port} if port else set())))
    given = [replace(node, port=next(ports), controller_port=next(ports)) for node in nodes]
    if port is not None:
        given[0] = replace(given[0], port=port)
    return tuple(given)


def _read(path: Path) -> Plan | None:
    if not path.exists():
        return None
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        return Plan(fields["cluster_id"], tuple(Node(**node) for node in fields["nodes"]))
    except (ValueError, KeyError, TypeError) as error:
        raise Misconfigured(
            f"{path} is damaged ({error}): restore it, or delete {path.parent} if its messages "
            "may go"
        ) from error


def _write(path: Path, plan: Plan) -> None:
    scratch = path.with_suffix(".tmp")
    scratch.write_text(json.dumps(asdict(plan)), encoding="utf-8")
    os.replace(scratch, path)  # noqa: PTH105 - the atomic rename over an existing file
