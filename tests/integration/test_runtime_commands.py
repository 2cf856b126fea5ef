"""``tidemark run`` and ``worker`` as commands: exit codes, one clear line, the report."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

import orjson
import pytest

from streams.cli.main import main
from tests.support.brokers import nothing_left, own_logs, own_settings
from tests.support.fakes import FakeEnricher
from tests.support.runtime import (
    committed,
    documents,
    fresh_prefix,
    platform_on,
    publish,
    send_raw,
    settings_for,
)

if TYPE_CHECKING:
    from pathlib import Path

    from streams.backends.kafka.broker import Broker
    from streams.runtime.platform import Platform

__all__ = ["nothing_left", "own_logs", "own_settings"]

pytestmark = [pytest.mark.kafka, pytest.mark.usefixtures("own_logs")]

COUNT = 100


@pytest.fixture
def platform(kafka: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """Topics of its own, and an environment that leads the command to them."""
    settings = settings_for(tmp_path, topic_prefix=fresh_prefix("commands"))
    given = {
        "DATA": tmp_path,
        "KAFKA": kafka.bootstrap,
        "TOPIC_PREFIX": settings.topic_prefix,
        "WEB_PORT": 0,
        "LAND_WAIT": "100ms",
        "BATCH_DOCUMENTS": 32,
    }
    for name, value in given.items():
        monkeypatch.setenv(f"TIDEMARK_{name}", str(value))
    _with_model(monkeypatch, FakeEnricher())
    return platform_on(kafka, settings)


def _with_model(monkeypatch: pytest.MonkeyPatch, model: FakeEnricher) -> None:
    monkeypatch.setattr("streams.runtime.parts.open_enricher", lambda *_: model)


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run a command in this process; returns its exit code."""
    monkeypatch.setattr(sys, "argv", ["tidemark", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    code = ended.value.code
    return code if isinstance(code, int) else int(code is not None)


def test_run_until_idle_reports(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 0; the report counts what this run was responsible for, and nothing else."""
    publish(platform, documents(COUNT))
    report = tmp_path / "r.json"
    arguments = ("run", "--until-idle", "--report", str(report))
    assert _run(monkeypatch, *arguments) == 0
    first = orjson.loads(report.read_bytes())
    names = ("documents_in", "rows_landed", "lost", "duplicated", "dead_letters")
    assert [first[name] for name in names] == [COUNT, COUNT, 0, 0, 0]
    assert first["documents_per_second"] > 0
    assert _run(monkeypatch, *arguments) == 0
    second = orjson.loads(report.read_bytes())
    assert [second[name] for name in names] == [0, 0, 0, 0, 0]


def test_garbage_ends_with_one_line(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 1, and the line says how many, which setting, an example, and what was kept."""
    sent = send_raw(platform.broker, platform.topics.documents, [(None, b"\xff")] * 1000)
    assert _run(monkeypatch, "run") == 1
    last = capsys.readouterr().err.splitlines()[-1]
    told = (
        "error: role enrich stopped: ",
        "over the limit of 50% (TIDEMARK_DEAD_LETTER_SHARE)",
        "The last reason: the value begins with ff",
        "Nothing unfinished was acknowledged",
    )
    assert [part for part in told if part not in last] == []
    assert sum(committed(platform, "enrich").values()) < 200 < len(sent)


class _LeftError(Exception):
    """Stands for the end of the process."""


def test_a_hanging_model_does_not_hold_the_process(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its thread would be waited for at exit: the process leaves at once with exit code 1."""
    free = threading.Event()

    def hang(_texts: object) -> None:
        free.wait(60)

    def leave(code: int) -> None:
        free.set()
        raise _LeftError(code)

    _with_model(monkeypatch, FakeEnricher(core_hook=hang))
    monkeypatch.setenv("TIDEMARK_INFERENCE_TIMEOUT", "300ms")
    monkeypatch.setattr(os, "_exit", leave)
    publish(platform, documents(COUNT))
    assert _run(monkeypatch, "run") == 1
    told = capsys.readouterr().err
    assert "leaving at once" in told
    assert "step core took longer than 0.3 s" in told
    assert "_LeftError: 1" in told


def test_a_role_that_does_not_exist(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong usage is exit code 2; the roles are named."""
    assert platform.broker.alive()
    assert _run(monkeypatch, "worker", "--role", "enrch") == 2
    assert "'enrch' is no role" in capsys.readouterr().err
