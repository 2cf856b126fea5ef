"""``tidemark topics``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from streams.backends.kafka.opening import BrokerOptions, open_broker
from streams.cli.topics import topics_app
from streams.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typer.testing import Result

    from streams.backends.kafka.broker import Broker


@pytest.fixture(autouse=True)
def _in_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEMARK_KAFKA", "in-process")
    monkeypatch.setenv("TIDEMARK_DATA", str(tmp_path))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker that the commands share."""
    with open_broker(BrokerOptions("in-process", tmp_path)) as running:
        yield running


def run(*arguments: str) -> Result:
    return CliRunner().invoke(topics_app, arguments, catch_exceptions=False)


@pytest.mark.usefixtures("broker")
def test_topics_are_created_and_compared() -> None:
    """Once created, then compared with the settings and the options over them."""
    first = run("create")
    assert [f"created {name}" for name in Topics().all] == first.stdout.splitlines()
    second = run("create", "--partitions", "6")
    assert "exists  tidemark.documents" in second.stdout
    assert "differs tidemark.documents: partitions is 4, should be 6" in second.stdout
    assert "set TIDEMARK_PARTITIONS=4" in second.stdout


@pytest.mark.usefixtures("broker")
def test_a_dry_run_tells_and_does_nothing() -> None:
    """Every setting stands there, for an administrator to take over."""
    told = run("create", "--dry-run", "--retention", "1h", "--replication", "3").stdout
    lines = dict(line.split(": ", 1) for line in told.splitlines())
    assert [f"would create {name}" for name in Topics().all] == list(lines)
    documents = lines["would create tidemark.documents"]
    assert {"replication=3", "min.insync.replicas=2", "retention.ms=3600000"} <= set(
        documents.split()
    )
    assert "cleanup.policy=compact" in lines["would create tidemark.drift.state"]
    assert run("check").exit_code == 1


@pytest.mark.usefixtures("broker")
def test_check_tells_by_its_exit_code() -> None:
    """1 where something is missing or differs, 0 where all is well."""
    missing = run("check")
    assert missing.exit_code == 1
    assert "missing tidemark.documents; tidemark topics create" in missing.stdout
    run("create")
    fine = run("check")
    assert (fine.exit_code, fine.stdout) == (
        0,
        f"all {len(Topics().all)} topics are as the settings want them\n",
    )
    assert run("check", "--partitions", "6").exit_code == 1


@pytest.mark.usefixtures("broker")
def test_partitions_are_never_altered() -> None:
    """What cannot be altered is told, and the exit code says that something is left."""
    run("create")
    left = run("alter", "--partitions", "6")
    assert left.exit_code == 1
    assert "differs tidemark.documents: partitions is 4, should be 6" in left.stdout
    assert run("alter").exit_code == 0


def test_topics_of_a_broker_that_ends_at_once_are_warned_of() -> None:
    """An in-process broker that this command itself runs forgets them."""
    assert "tidemark broker --in-process" in run("create").stderr
