"""One small cluster for all scenarios: starting nine processes for each would be most of the time.

What one scenario published stays: every verdict is about everything since the cluster began.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fault.cluster import Cluster, ClusterOptions, running_cluster
from tests.support.kafka import kafka_jars

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["kafka_jars"]

CORPUS = 400


@pytest.fixture(scope="module")
def cluster(kafka_jars: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two workers of each role with the small model, one node of Kafka, ClickHouse over HTTP."""
    folder = tmp_path_factory.mktemp("cluster")
    options = ClusterOptions(
        folder, kafka_jars, folder, model="tiny", workers=2, corpus=CORPUS, poll_s=3.0
    )
    with running_cluster(options) as running:
        yield running


@pytest.fixture
def cluster_of_three(kafka_jars: Path, tmp_path: Path) -> Iterator[Cluster]:
    """Three nodes of Kafka and a worker of each role."""
    options = ClusterOptions(
        tmp_path / "three", kafka_jars, tmp_path, model="tiny", workers=1, nodes=3, corpus=CORPUS
    )
    with running_cluster(options) as running:
        yield running
