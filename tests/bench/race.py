"""One contender over one fresh topic: started, watched from outside, stopped, checked."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from streams.backends.kafka.librdkafka import client_logger
from streams.backends.kafka.offsets import OffsetReader
from streams.backends.kafka.topics import ensure_topics, topic_specs
from streams.topics import ROLES, Topics
from tests.bench.contenders.job import MAX_MESSAGE_BYTES
from tests.bench.soak_samples import java_of
from tests.bench.verify import Expected, check_outputs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streams.backends.kafka.broker import Broker

ROOT = Path(__file__).parents[2]
PARTITIONS = 4
WARM = 5000
"""Documents before the whole pipeline is timed: its drift references are fitted by then."""

_LOOK_S = 0.05
_PATIENCE_S = 300.0


@dataclass(frozen=True)
class Contender:
    """A program that does the job.

    Attributes:
        name: as reports call it.
        module: run with ``python -m``.
        python: its interpreter.
        whole: it is the whole pipeline, warmed up first, and at its end when every role has
            committed everything.
    """

    name: str
    module: str
    python: Path = field(default_factory=lambda: Path(sys.executable))
    whole: bool = False


@dataclass(frozen=True)
class Run:
    """What one run took; processor seconds of the contender and of the broker."""

    documents: int
    seconds: float
    cpu_seconds: float
    broker_cpu_seconds: float
    rss_mb: float

    @property
    def documents_per_second(self) -> float:
        return self.documents / self.seconds

    @property
    def cpu_ms_per_document(self) -> float:
        return 1000 * self.cpu_seconds / self.documents


class Track:
    """A broker and the messages that every contender is given.

    Args:
        broker: a running Apache Kafka.
        messages: key and value of each document, ``WARM`` for the whole pipeline before them.
    """

    def __init__(self, broker: Broker, messages: Sequence[tuple[bytes, bytes]]) -> None:
        self._broker = broker
        self._messages = messages
        self._admin = AdminClient({"bootstrap.servers": broker.bootstrap}, logger=client_logger())
        self._offsets = OffsetReader(broker.bootstrap)
        self._java = java_of(broker.owner_pid)

    def race(self, contender: Contender, name: str) -> Run:
        """Run a contender over fresh topics under the prefix ``name``.

        Raises:
            AssertionError: an output is missing, doubled or out of order, or an offset was not
                committed at the end.
        """
        topics = Topics(name)
        ensure_topics(self._broker, topic_specs(topics, PARTITIONS, 1, MAX_MESSAGE_BYTES))
        warm, messages = self._messages[:WARM], self._messages[WARM:]
        first, then = (warm, messages) if contender.whole else (messages, [])
        self._publish(topics.documents, first)
        try:
            run = self._timed(contender, topics, first, then)
            self._check(topics, contender, [*first, *then])
        finally:
            futures = self._admin.delete_topics(list(topics.all))
            for future in futures.values():
                future.result(_PATIENCE_S)
        return run

    def close(self) -> None:
        self._offsets.close()

    def _publish(self, topic: str, messages: Sequence[tuple[bytes, bytes]]) -> None:
        producer = Producer({"bootstrap.servers": self._broker.bootstrap, "linger.ms": 20})
        for key, value in messages:
            producer.produce(topic, value, key)
            if len(producer) > 50_000:
                producer.poll(0.1)
        assert producer.flush(60) == 0

    def _timed(
        self,
        contender: Contender,
        topics: Topics,
        first: Sequence[tuple[bytes, bytes]],
        then: Sequence[tuple[bytes, bytes]],
    ) -> Run:
        """Time ``then``, published when ``first`` is done; without it, ``first``."""
        group = topics.group("enrich")
        place = [self._broker.bootstrap, topics.documents, topics.enriched, group]
        command = [str(contender.python), "-m", contender.module, *place]
        count = len(first) + len(then)
        with _process([*command, str(count)]) as (process, events):
            start = _event(events, contender)
            if then:
                self._wait(contender, topics, process, len(first))
                start = {"at": time.time(), "cpu": _cpu_of(psutil.Process(process.pid))}
                self._publish(topics.documents, then)
            broker = _cpu_of(self._java)
            self._wait(contender, topics, process, count)
            run = Run(
                documents=len(then or first),
                seconds=time.time() - start["at"],
                cpu_seconds=_cpu_of(psutil.Process(process.pid)) - start["cpu"],
                broker_cpu_seconds=_cpu_of(self._java) - broker,
                rss_mb=psutil.Process(process.pid).memory_info().rss / 1e6,
            )
        assert process.returncode == 0, f"{contender.name} ended with {process.returncode}"
        return run

    def _wait(
        self, contender: Contender, topics: Topics, process: subprocess.Popen[str], count: int
    ) -> None:
        """Wait until so many outputs are there; of the whole pipeline, until all committed them."""
        finished = self._committed if contender.whole else self._written
        deadline = time.monotonic() + _PATIENCE_S
        while not finished(topics, count):
            assert process.poll() is None, f"{contender.name} ended with {process.returncode}"
            assert time.monotonic() < deadline, f"{contender.name} took too long"
            time.sleep(_LOOK_S)

    def _written(self, topics: Topics, count: int) -> bool:
        return sum(extent.end for extent in self._offsets.extents([topics.enriched])) >= count

    def _committed(self, topics: Topics, count: int) -> bool:
        """Whether drift and land have committed all that enrich has written."""
        if not self._written(topics, count):
            return False
        groups = [topics.group(role) for role in ROLES[1:]]
        lags = [lag for group in groups for lag in self._offsets.lag(group, [topics.enriched])]
        return not any(lag.messages for lag in lags)

    def _check(
        self, topics: Topics, contender: Contender, messages: Sequence[tuple[bytes, bytes]]
    ) -> None:
        group = topics.group("enrich")
        left = sum(lag.messages for lag in self._offsets.lag(group, [topics.documents]))
        assert left == 0, f"{contender.name} has not committed {left} messages"
        expected = Expected({key.decode() for key, _ in messages}, PARTITIONS)
        check_outputs(self._broker.bootstrap, topics.enriched, expected)


@contextlib.contextmanager
def _process(
    command: Sequence[str],
) -> Iterator[tuple[subprocess.Popen[str], queue.Queue[dict[str, Any] | None]]]:
    """Run a contender and pass its events on; ended with SIGTERM, as an operator would."""
    events: queue.Queue[dict[str, Any] | None] = queue.Queue()
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    reader = threading.Thread(target=_read, args=(process, events), daemon=True)
    reader.start()
    try:
        yield process, events
        process.terminate()
        process.wait(60)
    finally:
        process.kill()
        process.wait()
        reader.join(5)


def _read(process: subprocess.Popen[str], events: queue.Queue[dict[str, Any] | None]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{"):
            events.put(json.loads(line))
        else:
            sys.stderr.write(line)
    events.put(None)


def _event(events: queue.Queue[dict[str, Any] | None], contender: Contender) -> dict[str, Any]:
    event = events.get(timeout=_PATIENCE_S)
    assert event is not None, f"{contender.name} has ended"
    return event


def _cpu_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _environment() -> dict[str, str]:
    """Compiled modules are kept: otherwise each run would begin by compiling its libraries."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": ""}
