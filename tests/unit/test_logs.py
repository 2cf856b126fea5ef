"""Logs for people and for machines; secrets never pass."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest
import structlog

from streams.logs import Seldom, configure_logs, logger, mask, mask_text
from tests.support.brokers import own_logs

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["own_logs"]

pytestmark = pytest.mark.usefixtures("own_logs")


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[str]]:
    """What was written to standard error since the last call."""

    def read() -> list[str]:
        return capsys.readouterr().err.splitlines()

    return read


def _fail() -> None:
    raise ValueError("cannot reach clickhouse://ada:s3cret@host")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("clickhouse://ada:s3cret@host:8123/db", "clickhouse://ada:***@host:8123/db"),
        ("clickhouse://ada:p@ss@w0rd@host/db", "clickhouse://ada:***@host/db"),
        ("redis://:s3cret@host", "redis://:***@host"),
        ("http://host:8123/path?to=ada@example.org", "http://host:8123/path?to=ada@example.org"),
        ("two http://a:b@c and http://d:e@f", "two http://a:***@c and http://d:***@f"),
        ("localhost:9092", "localhost:9092"),
        ("mail ada@example.org: hello", "mail ada@example.org: hello"),
    ],
)
def test_passwords_in_addresses_are_hidden(text: str, masked: str) -> None:
    """All of a password, and only that."""
    assert masked == mask_text(text)


@pytest.mark.parametrize(
    "key", ["password", "clickhouse_password", "SASL_user", "api_token", "Authorization", "secret"]
)
def test_values_of_secret_keys_are_hidden(key: str) -> None:
    """Whatever their type."""
    assert mask(None, "info", {key: 12345, "event": "e"}) == {key: "***", "event": "e"}


def test_counts_of_tokens_are_no_secret() -> None:
    """Only a key that ends with ``token`` is one."""
    event = {"tokens_in": 7, "event": "batch"}
    assert mask(None, "info", dict(event)) == event


def test_machines_get_one_json_object_a_line(lines: Callable[[], list[str]]) -> None:
    """With level, time, context and event; a password in the trace is hidden, too."""
    configure_logs("json", "info")
    log = logger(role="enrich")
    try:
        _fail()
    except ValueError:
        log.exception("failed", topic="tidemark.documents", password="s3cret")
    (line,) = lines()
    record = json.loads(line)
    assert (record["event"], record["level"], record["role"]) == ("failed", "error", "enrich")
    assert record["timestamp"].endswith("Z")
    assert "clickhouse://ada:***@host" in record["exception"]
    assert "s3cret" not in line


def test_people_get_lines(lines: Callable[[], list[str]]) -> None:
    """Without colours where no terminal is."""
    configure_logs("console", "info")
    logger(role="land").warning("retrying", what="write")
    (line,) = lines()
    assert "warning" in line
    assert "retrying" in line
    assert "what=write" in line
    assert "\x1b" not in line


def test_auto_is_for_machines_without_a_terminal(lines: Callable[[], list[str]]) -> None:
    """Standard error is a pipe here."""
    configure_logs("auto", "info")
    logger().info("ready")
    assert json.loads(lines()[0])["event"] == "ready"


def test_levels(lines: Callable[[], list[str]]) -> None:
    """What is below the level is not written; libraries are quieter than ourselves."""
    configure_logs("json", "info")
    logger().debug("detail")
    logging.getLogger("faust").info("chatter")
    logging.getLogger("some.library").info("news")
    assert [json.loads(line)["event"] for line in lines()] == ["news"]
    configure_logs("json", "error")
    logger().warning("hm")
    logging.getLogger("faust").warning("hm")
    assert lines() == []


def test_libraries_speak_the_same_format(lines: Callable[[], list[str]]) -> None:
    """With their secrets hidden, and start-up noise of a new broker left out."""
    configure_logs("json", "info")
    logging.getLogger("urllib3").warning("retry http://ada:s3cret@host")
    kafka = logging.getLogger("tidemark.librdkafka")
    kafka.warning("GETPID: Coordinator load in progress: retrying")
    kafka.warning("FAIL: connection refused")
    events = [json.loads(line)["event"] for line in lines()]
    assert events == ["retry http://ada:***@host", "FAIL: connection refused"]


def _records(times: list[float], name: str, message: str) -> list[logging.LogRecord]:
    made = []
    for number, created in enumerate(times):
        record = logging.LogRecord(name, logging.ERROR, "", 0, message, (number,), None)
        record.created = created
        made.append(record)
    return made


def test_a_library_says_one_thing_once_in_a_minute() -> None:
    """Whatever values it holds; another thing, and we ourselves, are not held back."""
    seldom = Seldom()
    times = [0.0, 0.1, 59.9, 60.0, 60.5, 200.0]
    passed = [seldom.filter(r) for r in _records(times, "aiokafka.client", "no node %d")]
    assert passed == [True, False, False, True, False, True]
    assert [seldom.filter(r) for r in _records([10.0], "aiokafka.client", "gone %d")] == [True]
    clients = [seldom.filter(r) for r in _records(times, "tidemark.librdkafka", "FAIL %d")]
    assert clients == passed
    ours = [seldom.filter(r) for r in _records(times, "tidemark", "retrying %d")]
    assert ours == [True] * len(times)


def test_what_libraries_leave_undone_is_not_told() -> None:
    """Our own tasks are."""
    left = "Task was destroyed but it is pending! %d coro=<{}>"
    theirs = _records([0.0], "asyncio", left.format("AIOKafkaClient() at aiokafka/client.py"))
    own = _records([0.0], "asyncio", left.format("Lane._work() at streams/runtime/lane.py"))
    assert [Seldom().filter(record) for record in theirs + own] == [False, True]


def test_configuring_again_writes_once(lines: Callable[[], list[str]]) -> None:
    """A second command in one process does not double every line."""
    configure_logs("json", "info")
    configure_logs("json", "info")
    structlog.stdlib.get_logger("tidemark").info("once")
    assert len(lines()) == 1
