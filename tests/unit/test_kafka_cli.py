"""The commands that speak to Kafka."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner

from schemas.codec import codec_for
from schemas.messages import DriftAlert
from streams.backends.kafka.opening import BrokerOptions, open_broker
from streams.backends.kafka.producer import open_producer
from streams.backends.kafka.sharing import read_record
from streams.backends.kafka.topics import ensure_topics, topic_specs
from streams.cli.kafka import alert_line, register
from streams.ports import Outgoing
from streams.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streams.backends.kafka.broker import Broker

ALERT = DriftAlert(
    alert_id="a1",
    version=1,
    source="news",
    kind="embedding",
    severity="critical",
    state="open",
    window_start=-12_000_000_000_000,
    window_end=1_700_000_000_000,
    window_documents=200,
    detected_at=1_700_000_000_000,
    changed_at=None,
    score=12.5,
    threshold=9.0,
    message="the stream moved towards shipping",
    terms_up=(),
    terms_down=(),
    labels=(),
    new_documents=(),
    old_documents=(),
    reference_documents=1000,
    embedding_model="m",
    sql="SELECT 1",
)


@pytest.fixture
def app() -> typer.Typer:
    """The commands of this module alone."""
    alone = typer.Typer()
    register(alone)
    return alone


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    """A broker that the commands share."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEMARK_KAFKA", "in-process")
    monkeypatch.setenv("TIDEMARK_DATA", str(tmp_path))
    with open_broker(BrokerOptions("in-process", tmp_path)) as running:
        yield running


def publish(broker: Broker) -> None:
    topics = Topics()
    ensure_topics(broker, topic_specs(topics, 4, 1, 1 << 20))
    with open_producer(broker, topics, 1 << 20) as producer:
        value = codec_for(None).encode(topics.alerts, ALERT)
        producer.send([Outgoing(topics.alerts, b"news", value)])


def test_an_alert_is_one_line_for_a_person() -> None:
    """When, how bad, where, what."""
    line = alert_line(ALERT, as_json=False)
    assert line == (
        "2023-11-14 22:13:20  critical  open    news: the stream moved towards shipping"
    )


def test_an_alert_is_one_line_of_json() -> None:
    """With every field, for programs."""
    line = alert_line(ALERT, as_json=True)
    fields = json.loads(line)
    assert "\n" not in line
    assert set(DriftAlert.__dataclass_fields__) == set(fields)
    assert (fields["score"], fields["changed_at"]) == (12.5, None)


def test_alerts_shows_what_is_there(app: typer.Typer, broker: Broker) -> None:
    """Without --follow it ends by itself."""
    publish(broker)
    result = CliRunner().invoke(app, ["alerts", "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    assert json.loads(result.stdout)["alert_id"] == "a1"


@pytest.mark.usefixtures("broker")
def test_no_alerts_is_said(app: typer.Typer) -> None:
    """Silence could also mean that nothing works."""
    CliRunner().invoke(app, ["topics", "create"], catch_exceptions=False)
    result = CliRunner().invoke(app, ["alerts"], catch_exceptions=False)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no alerts yet\n")


def test_a_broker_in_the_foreground_ends_with_ctrl_c(tmp_path: Path) -> None:
    """It says where it listens and leaves nothing behind."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("TIDEMARK_")
    }
    command = [sys.executable, "-m", "streams", "broker", "--in-process", "--data", str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**environment, "PYTHONUNBUFFERED": "1"}
    ) as run:
        assert run.stdout is not None
        assert "for trying out, not durable" in run.stdout.readline()
        record = read_record(tmp_path)
        assert record is not None
        assert f"TIDEMARK_KAFKA={record.bootstrap}\n" == run.stdout.readline()
        assert run.pid == record.pid
        run.send_signal(signal.SIGINT)
        assert run.wait(20) == 0
    assert read_record(tmp_path) is None
