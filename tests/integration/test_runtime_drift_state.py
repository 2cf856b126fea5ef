"""The drift role's state outlives its worker: statistics and alerts as if nothing had happened."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pytest

from schemas.messages import DriftAlert, Enriched, Message, WindowStats
from streams.backends.kafka.alerts import read_topic
from streams.backends.kafka.compacted import read_compacted
from streams.backends.memory import MemoryWarehouse
from tests.support.brokers import nothing_left, own_settings
from tests.support.runtime import (
    committed,
    fresh_prefix,
    parts_of,
    platform_on,
    running,
    send_raw,
    settings_for,
)
from tests.support.streams_of_documents import Law, stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.backends.kafka.broker import Broker
    from streams.config import Settings
    from streams.runtime.platform import Platform

__all__ = ["nothing_left", "own_settings"]

pytestmark = pytest.mark.kafka

M = TypeVar("M", bound=Message)
Results = tuple[dict[tuple[str, int], WindowStats], dict[str, DriftAlert]]

QUIET, CHANGED = 900, 500
ROOT = Path(__file__).parents[2]


@lru_cache(maxsize=1)
def _records() -> tuple[Enriched, ...]:
    """Quiet documents, then some of another law and with other words; two sources."""
    rng, law = np.random.default_rng(3), Law.of(16)
    vectors = np.concatenate([law.draw(rng, QUIET), law.draw(rng, CHANGED, shift=1.5)])
    news = stream(vectors, rng, topic=("flood", "dyke"), topic_from=QUIET)
    mail = stream(law.draw(rng, len(vectors)), rng, source="mail")
    both = [record for pair in zip(news, mail, strict=True) for _, record in pair]
    return tuple(both)


def _settings(folder: Path) -> Settings:
    return settings_for(folder, topic_prefix=fresh_prefix("state"), drift_reference=200)


def _send(platform: Platform, records: Sequence[Enriched]) -> None:
    topic = platform.topics.enriched
    pairs = [(one.source.encode(), platform.codec.encode(topic, one)) for one in records]
    send_raw(platform.broker, topic, pairs, partition=1)


async def _run(broker: Broker, settings: Settings) -> Platform:
    """Run a new worker until it has committed all that there is, and stop it gracefully."""
    platform = platform_on(broker, settings)
    parts = parts_of(MemoryWarehouse())
    end = sum(_ends(platform))
    async with running(platform, parts, ["drift"]) as session:
        await session.until(lambda: sum(committed(platform, "drift").values()) == end)
    return platform


def _ends(platform: Platform) -> list[int]:
    return [1 for _ in _messages(platform, platform.topics.enriched)]


def _messages(platform: Platform, topic: str) -> list[bytes | None]:
    broker = platform.broker
    found = read_topic(broker.bootstrap, broker.security, topic, from_beginning=True, follow=False)
    return [message.value for message in found]


def _results(platform: Platform) -> Results:
    """What counts in the end: the newest version of every window and of every alert."""
    topics, codec = platform.topics, platform.codec
    stats = [codec.decode(WindowStats, value) for value in _messages(platform, topics.stats)]
    alerts = [codec.decode(DriftAlert, value) for value in _messages(platform, topics.alerts)]
    windows = {
        (one.source, one.window_start): one for one in sorted(stats, key=lambda x: x.version)
    }
    newest = {one.alert_id: one for one in sorted(alerts, key=lambda x: x.version)}
    return windows, newest


@pytest.fixture(scope="module")
def undisturbed(kafka: Broker, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """What one worker makes of all documents."""
    settings = _settings(tmp_path_factory.mktemp("undisturbed"))
    platform = platform_on(kafka, settings)
    _send(platform, _records())
    windows, alerts = _results(asyncio.run(_run(kafka, settings)))
    assert sorted({source for source, _ in windows}) == ["mail", "news"]
    assert {alert.source for alert in alerts.values()} == {"news"}
    return windows, alerts


async def test_a_graceful_stop_changes_nothing(
    kafka: Broker, tmp_path: Path, undisturbed: Results
) -> None:
    """Half the documents, a new worker, the other half."""
    settings = _settings(tmp_path)
    half = len(_records()) // 2
    platform = platform_on(kafka, settings)
    _send(platform, _records()[:half])
    await _run(kafka, settings)
    _send(platform, _records()[half:])
    await _run(kafka, settings)
    assert undisturbed == _results(platform)


async def test_kill_9_changes_nothing(kafka: Broker, tmp_path: Path, undisturbed: Results) -> None:
    """Killed between two checkpoints; the next worker goes on from the last one."""
    settings = _settings(tmp_path)
    platform = platform_on(kafka, settings)
    _send(platform, _records())
    await asyncio.to_thread(_run_and_kill, kafka, settings, 1100)
    assert sum(committed(platform, "drift").values()) < len(_records())
    await _run(kafka, settings)
    assert undisturbed == _results(platform)


async def test_a_worker_that_stands_still_changes_nothing(
    kafka: Broker, tmp_path: Path, undisturbed: Results
) -> None:
    """It wakes up when another one has finished its work: nothing that it still writes counts.

    Neither its state, nor its offsets, which the broker would take while the group is empty.
    """
    settings = _settings(tmp_path)
    platform = platform_on(kafka, settings)
    _send(platform, _records())
    with _process(kafka, settings) as worker:
        await asyncio.to_thread(_wait_for, worker, 300)
        worker.send_signal(signal.SIGSTOP)
        assert sum(committed(platform, "drift").values()) < len(_records())
        await _run(kafka, settings)
        stored = _state(platform)
        worker.send_signal(signal.SIGCONT)
        # It has woken up when it is a member again; then it holds what the other one has left.
        await asyncio.to_thread(_wait_for_line, worker, "assigned")
        assert stored == _state(platform)
        assert sum(committed(platform, "drift").values()) == len(_records())
        worker.send_signal(signal.SIGTERM)
        worker.wait(30)
    assert undisturbed == _results(platform)
    assert stored == _state(platform)


def _state(platform: Platform) -> dict[tuple[int, bytes | None], bytes | None]:
    broker, topic = platform.broker, platform.topics.state
    found = read_compacted(broker.bootstrap, broker.security, topic, range(4))
    return {(one.origin.partition, one.key): one.value for one in found}


def _process(broker: Broker, settings: Settings) -> subprocess.Popen[str]:
    command = [
        *(sys.executable, "-m", "tests.support.drift_process"),
        *(broker.bootstrap, settings.topic_prefix, str(settings.data)),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def _run_and_kill(broker: Broker, settings: Settings, messages: int) -> None:
    """Run a worker in a process of its own; kill it once it has processed so many messages."""
    with _process(broker, settings) as worker:
        _wait_for(worker, messages)
        worker.kill()
        assert worker.stdout is not None
        worker.stdout.read()


def _wait_for(worker: subprocess.Popen[str], messages: int) -> None:
    assert worker.stdout is not None
    done = 0
    for line in worker.stdout:
        done += int(line) if line.strip().isdigit() else 0
        if done >= messages:
            return
    raise RuntimeError(f"the worker ended after {done} messages")


def _wait_for_line(worker: subprocess.Popen[str], wanted: str) -> None:
    assert worker.stdout is not None
    if not any(wanted in line for line in worker.stdout):
        raise RuntimeError(f"the worker ended and never said {wanted!r}")
