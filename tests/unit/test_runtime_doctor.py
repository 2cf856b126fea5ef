"""``tidemark doctor``: every single thing that can be missing, and what is said of it."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from streams.backends.clickhouse import open_warehouse
from streams.backends.kafka.address import check_reachable
from streams.backends.kafka.offsets import OffsetReader
from streams.backends.kafka.opening import BrokerOptions, open_broker
from streams.backends.kafka.topics import ensure_topics, topic_specs
from streams.cli.main import app
from streams.config import Settings
from streams.errors import Misconfigured, Unavailable
from streams.runtime.doctor import Check, examine
from streams.topics import Topics
from tests.support.brokers import nothing_left, own_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.backends.kafka.security import KafkaSecurity

__all__ = ["nothing_left", "own_settings"]

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys
from pathlib import Path
from streams.backends.clickhouse.lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def sources(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """No source of weights is asked; they answer as long as this list is empty."""
    reasons: list[str] = []
    monkeypatch.setattr("models.reachable.unreachable", lambda _model: reasons)
    return reasons


def _checks(folder: Path, **changes: object) -> dict[str, Check]:
    given: dict[str, object] = {
        "data": folder / "data",
        "kafka": "in-process",
        "web_port": 0,
        **changes,
    }
    found = examine(Settings(**given))  # type: ignore[arg-type]
    return {check.name: check for check in found}


def test_nothing_is_there_yet_and_nothing_is_missing(tmp_path: Path) -> None:
    """On a fresh machine everything is well or will be made; nothing was changed."""
    checks = _checks(tmp_path)
    assert [one.name for one in checks.values() if one.state == "failing"] == []
    notes = sorted(one.name for one in checks.values() if one.state == "note")
    assert notes == ["clickhouse", "model", "topics"]
    assert "tidemark models pull" in checks["model"].detail
    assert list(tmp_path.iterdir()) == []


def test_no_model_and_no_network(tmp_path: Path, sources: list[str]) -> None:
    """It names the files, their hashes, the folder to put them into, and every source's reason."""
    sources += ["the hub: no route", "pip's index: no route"]
    check = _checks(tmp_path)["model"]
    assert check.state == "failing"
    told = ("no source answers", "model.safetensors (sha256 53aa51172d", "the hub: no route")
    assert [part for part in told if part not in check.detail] == []
    assert str(tmp_path / "data" / "models") in check.detail


def test_a_taken_port(tmp_path: Path) -> None:
    """It names the setting."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        check = _checks(tmp_path, web_port=server.getsockname()[1])["status page"]
    assert (check.state, "TIDEMARK_WEB_PORT" in check.detail) == ("failing", True)


def test_a_data_folder_that_cannot_be(tmp_path: Path) -> None:
    """A file stands where the folder should be made."""
    (tmp_path / "data").write_text("a file")
    check = _checks(tmp_path, data=tmp_path / "data" / "inside")["data folder"]
    assert (check.state, "set TIDEMARK_DATA" in check.detail) == ("failing", True)


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Less than a gibibyte is told before it runs out."""
    usage = shutil._ntuple_diskusage(100, 99, 1 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    check = _checks(tmp_path)["data folder"]
    assert (check.state, "1 MiB free: free some" in check.detail) == ("failing", True)


def test_a_database_of_another_process(tmp_path: Path) -> None:
    """It names the process."""
    folder = tmp_path / "data" / "clickhouse"
    (folder / "store").mkdir(parents=True)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        check = _checks(tmp_path)["clickhouse"]
        holder.kill()
    assert (check.state, f"in use by process {holder.pid}" in check.detail) == ("failing", True)


def test_a_database_that_answers(tmp_path: Path) -> None:
    """The embedded one that nobody uses right now."""
    open_warehouse(f"chdb://{tmp_path / 'data' / 'clickhouse'}").close()
    check = _checks(tmp_path)["clickhouse"]
    assert (check.state, check.detail.endswith("answers")) == ("ok", True)


def test_a_server_that_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its reason is passed on, a password in an address is not shown by the command."""

    def refuse(*_args: object, **_more: object) -> None:
        raise Unavailable("clickhouse://ada:s3cret@host:8123 refuses the user or the password")

    monkeypatch.setattr("streams.backends.clickhouse.open_reader", refuse)
    check = _checks(tmp_path, clickhouse="clickhouse://ada@host:8123/tidemark")["clickhouse"]
    assert (check.state, "refuses the user" in check.detail) == ("failing", True)
    monkeypatch.setenv("TIDEMARK_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TIDEMARK_KAFKA", "in-process")
    monkeypatch.setenv("TIDEMARK_WEB_PORT", "0")
    result = CliRunner().invoke(app, ["doctor", "--format", "json"])
    assert result.exit_code == 1
    told = {one["name"]: one for one in json.loads(result.stdout)}["clickhouse"]
    assert told["state"] == "failing"
    assert "clickhouse://ada:***@host:8123 refuses" in told["detail"]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody answers, however long one waits."""

    def reachable(addresses: str, security: KafkaSecurity, _seconds: float) -> None:
        check_reachable(addresses, security, 0.3)

    def reader(bootstrap: str, security: KafkaSecurity, _seconds: float) -> OffsetReader:
        return OffsetReader(bootstrap, security, 0.3)

    monkeypatch.setattr("streams.backends.kafka.address.check_reachable", reachable)
    monkeypatch.setattr("streams.backends.kafka.offsets.OffsetReader", reader)


@pytest.mark.usefixtures("impatient")
def test_a_broker_that_does_not_answer(tmp_path: Path) -> None:
    """Topics cannot be looked at either."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    checks = _checks(tmp_path, kafka=f"127.0.0.1:{free}")
    assert (checks["kafka"].state, checks["topics"].state) == ("failing", "note")
    assert str(free) in checks["kafka"].detail


@pytest.fixture
def no_java(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_environment: object) -> None:
        raise Misconfigured("Java 17 is missing: install it")

    monkeypatch.setattr("streams.backends.kafka.java.find_java", missing)


@pytest.mark.usefixtures("no_java")
@pytest.mark.parametrize(("mode", "state"), [("auto", "note"), ("local", "failing")])
def test_no_java(tmp_path: Path, mode: str, state: str) -> None:
    """Only who asked for a local Kafka needs it."""
    check = _checks(tmp_path, kafka=mode)["kafka"]
    assert (check.state, "Java 17 is missing: install it" in check.detail) == (state, True)


def test_no_maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without jars of an earlier start they cannot be fetched."""
    java = type("Java", (), {"executable": "/usr/bin/java"})
    monkeypatch.setattr("streams.backends.kafka.java.find_java", lambda _environment: java)
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    monkeypatch.delenv("KAFKA_HOME", raising=False)
    check = _checks(tmp_path, kafka="local")["kafka"]
    assert (check.state, "KAFKA_HOME" in check.detail) == ("failing", True)


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[None]:
    """A broker of this data folder, with all topics."""
    with open_broker(BrokerOptions("in-process", tmp_path / "data")) as broker:
        ensure_topics(broker, topic_specs(Topics(), 4, 1, 1 << 20))
        yield


@pytest.mark.usefixtures("shared")
def test_a_broker_that_runs_already(tmp_path: Path) -> None:
    """It is found through the data folder, and its topics are there."""
    checks = _checks(tmp_path)
    assert (checks["kafka"].state, checks["topics"].state) == ("ok", "ok")
    assert "owned by process" in checks["kafka"].detail
    assert checks["topics"].detail == f"all {len(Topics().all)} are there"


def test_a_registry_that_does_not_answer(tmp_path: Path) -> None:
    """Its address is told."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        free = server.getsockname()[1]
    check = _checks(tmp_path, schema_registry=f"http://127.0.0.1:{free}")["schema registry"]
    assert (check.state, str(free) in check.detail) == ("failing", True)


def test_a_check_that_breaks_does_not_end_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A diagnosis goes on to its end."""

    def broken(_path: object) -> None:
        raise RuntimeError("odd file system")

    monkeypatch.setattr(shutil, "disk_usage", broken)
    checks = _checks(tmp_path)
    assert checks["data folder"].detail == "RuntimeError: odd file system"
    assert len(checks) == 9
