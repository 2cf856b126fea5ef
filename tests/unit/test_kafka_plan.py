"""Ports and identity of a local cluster."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from streams.backends.kafka.plan import FILE, make_plan, new_cluster_id
from streams.backends.kafka.ports import choose_ports, is_free
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_plan_is_kept(tmp_path: Path) -> None:
    """Cluster id and ports are the same at every start."""
    assert make_plan(tmp_path, 3, None) == make_plan(tmp_path, 3, None)


def test_all_ports_of_a_plan_differ(tmp_path: Path) -> None:
    """Three nodes need six ports, all free."""
    plan = make_plan(tmp_path, 3, None)
    ports = [port for node in plan.nodes for port in (node.port, node.controller_port)]
    assert len(set(ports)) == 6
    assert all(is_free(port) for port in ports)
    assert plan.bootstrap.count("127.0.0.1:") == 3


def test_a_kept_port_that_is_taken_is_replaced(tmp_path: Path) -> None:
    """The cluster stays the same, only where it listens changes."""
    before = make_plan(tmp_path, 1, None)
    with socket.socket() as server:
        server.bind(("127.0.0.1", before.nodes[0].port))
        server.listen()
        after = make_plan(tmp_path, 1, None)
    assert before.cluster_id == after.cluster_id
    assert before.nodes[0].port != after.nodes[0].port


def test_ports_are_renewed_when_asked(tmp_path: Path) -> None:
    """After a lost race for a port none of the old ones is tried again."""
    before = make_plan(tmp_path, 1, None)
    after = make_plan(tmp_path, 1, None, renew=True)
    old = {before.nodes[0].port, before.nodes[0].controller_port}
    assert not old & {after.nodes[0].port, after.nodes[0].controller_port}


def test_a_fixed_port_that_is_taken_is_named(tmp_path: Path, taken: int) -> None:
    """Whoever asked for a port gets it or a clear line."""
    with pytest.raises(Misconfigured, match=f"port {taken} is taken by another process"):
        make_plan(tmp_path, 1, taken)


def test_a_fixed_port_is_used(tmp_path: Path) -> None:
    """Also where another one was kept."""
    (port,) = choose_ports(tmp_path / "other", 1)
    make_plan(tmp_path, 1, None)
    assert port == make_plan(tmp_path, 1, port).nodes[0].port


def test_another_number_of_nodes_is_refused(tmp_path: Path) -> None:
    """The data of one node are not those of three."""
    make_plan(tmp_path, 1, None)
    with pytest.raises(Misconfigured, match=r"of 1 node\(s\), not of 3"):
        make_plan(tmp_path, 3, None)


@pytest.mark.parametrize("text", ["{", '{"cluster_id": "x"}', '{"cluster_id": 1, "nodes": [1]}'])
def test_a_damaged_plan_is_refused(tmp_path: Path, text: str) -> None:
    """A new cluster id over old data would look like data loss."""
    (tmp_path / FILE).write_text(text)
    with pytest.raises(Misconfigured, match="is damaged"):
        make_plan(tmp_path, 1, None)


def test_cluster_ids_are_22_letters() -> None:
    """Kafka's form; a leading dash would read as an option of its tools."""
    ids = {new_cluster_id() for _ in range(500)}
    assert len(ids) == 500
    assert {22} == {len(one) for one in ids}
    assert not any(one.startswith("-") for one in ids)
