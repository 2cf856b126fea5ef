"""The commands that speak to Kafka."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner

from schemas.codec import codec_for
from schemas.messages import DriftAlert, Enriched, Evidence
from streams.backends.clickhouse import open_warehouse
from streams.backends.kafka.alerts import read_topic
from streams.backends.kafka.opening import BrokerOptions, open_broker
from streams.backends.kafka.producer import open_producer
from streams.backends.kafka.sharing import read_record
from streams.backends.kafka.topics import ensure_topics, topic_specs
from streams.cli.alert_texts import alert_line, alert_text
from streams.cli.drift import app as drift_app
from streams.cli.kafka import register
from streams.drift.control import HEADER, Rebaseline, read_control
from streams.errors import Misconfigured
from streams.ports import Outgoing
from streams.topics import Topics
from tests.support.landed import window

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streams.backends.kafka.broker import Broker

ALERT = DriftAlert(
    alert_id="a1b2c3",
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


def unstyled(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


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
        "2023-11-14 22:13:20  critical  open    news: the stream moved towards shipping  [a1b2c3]"
    )


def test_a_source_cannot_steer_the_terminal() -> None:
    """Control characters of a source, a summary or a note are shown, not obeyed."""
    nasty = "\x1b[2Jnews"
    evidence = (Evidence("d", 0, nasty, 1.0),)
    alert = replace(ALERT, source=nasty, message=nasty, new_documents=evidence)
    for text in (alert_line(alert, as_json=False), alert_text(alert, 80)):
        assert "\x1b[2J" not in text
        assert "\\u001b[2Jnews" in text


def test_an_alert_on_a_terminal_shows_documents_of_both_sides() -> None:
    """Wrapped to the width, with what to do next; a closing is short."""
    alert = replace(
        ALERT,
        new_documents=(Evidence("n", 0, "Ships everywhere. " * 20, 1.0),),
        old_documents=(Evidence("o", 0, "A quiet day.", 1.0),),
    )
    text = alert_text(alert, 60)
    plain = unstyled(text)
    assert max(map(len, plain.splitlines()[1:-1])) <= 60
    assert "typical now:\n    - Ships everywhere." in plain
    assert "typical before:\n    - A quiet day." in plain
    assert "tidemark drift ack a1b2c3" in plain
    closed = unstyled(alert_text(replace(alert, state="closed"), 60))
    assert "Ships" not in closed


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
    assert json.loads(result.stdout)["alert_id"] == "a1b2c3"


@pytest.mark.usefixtures("broker")
def test_no_alerts_is_said(app: typer.Typer) -> None:
    """Silence could also mean that nothing works."""
    CliRunner().invoke(app, ["topics", "create"], catch_exceptions=False)
    result = CliRunner().invoke(app, ["alerts"], catch_exceptions=False)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no alerts yet\n")


def test_an_alert_is_acknowledged(app: typer.Typer, broker: Broker) -> None:
    """By the start of its id; the record lies on the alert topic, beside the alert it speaks of."""
    publish(broker)
    command = ["ack", "a1b2", "--note", "the new feed", "--by", "ada"]
    result = CliRunner().invoke(drift_app, command, catch_exceptions=False)
    assert result.exit_code == 0
    shown = CliRunner().invoke(app, ["alerts", "--json"], catch_exceptions=False).stdout
    alert, seen = map(json.loads, shown.splitlines())
    assert (alert["state"], seen["state"]) == ("open", "acknowledged")
    assert (seen["alert_id"], seen["note"], seen["acknowledged_by"]) == (
        "a1b2c3",
        "the new feed",
        "ada",
    )
    assert seen["acknowledged_at"] > 1_700_000_000_000
    line = CliRunner().invoke(app, ["alerts"], catch_exceptions=False).stdout.splitlines()[1]
    assert "seen by ada: the new feed" in line


@pytest.mark.parametrize("wanted", ["zzzz", "a1"])
def test_an_alert_that_is_not_there_cannot_be_acknowledged(broker: Broker, wanted: str) -> None:
    """Nor one by a start that is too short to be meant."""
    publish(broker)
    with pytest.raises(Misconfigured, match="tidemark alerts"):
        CliRunner().invoke(drift_app, ["ack", wanted], catch_exceptions=False)


def test_a_rebaseline_is_asked_where_the_source_is(broker: Broker) -> None:
    """In the partition that the source's documents lie in, told by its header."""
    topics = Topics()
    ensure_topics(broker, topic_specs(topics, 4, 1, 1 << 20))
    with open_producer(broker, topics, 1 << 20) as producer:
        producer.send([Outgoing(topics.enriched, b"news", b"a document")])
    command = ["rebaseline", "news", "--reason", "moved"]
    result = CliRunner().invoke(drift_app, command, catch_exceptions=False)
    assert result.exit_code == 0
    document, order = read_topic(
        broker.bootstrap, broker.security, topics.enriched, from_beginning=True, follow=False
    )
    assert order.origin.partition == document.origin.partition
    assert read_control(
        order.headers[HEADER], order.value, partial(codec_for().decode, Enriched)
    ) == Rebaseline("news", "moved")


def test_a_rebaseline_of_a_source_that_never_was_is_refused(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is misspelt would be left alone by every worker, and nobody would know."""
    topics = Topics()
    ensure_topics(broker, topic_specs(topics, 4, 1, 1 << 20))
    address = f"chdb://{tmp_path}/clickhouse"
    with closing(open_warehouse(address)) as warehouse:
        warehouse.write_stats([window(0)])
    monkeypatch.setenv("TIDEMARK_CLICKHOUSE", address)
    with pytest.raises(Misconfigured, match=r"no window of a source 'nwes'.* there are 'news'"):
        CliRunner().invoke(drift_app, ["rebaseline", "nwes"], catch_exceptions=False)
    for command in (["rebaseline", "news"], ["rebaseline", "nwes", "--unseen"]):
        assert CliRunner().invoke(drift_app, command, catch_exceptions=False).exit_code == 0


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
