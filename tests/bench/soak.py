"""A soak: real documents through real workers for an hour; memory, lag and latency must be flat.

    python -m tests.bench.soak [--minutes 60] [--share 0.7] [--one-process]

First the top rate is measured: a backlog is kept in front of the workers. Then documents come at a
share of that rate. The workers are ``tidemark worker`` processes, one for each role, around one
Apache Kafka node, the real model and the embedded ClickHouse. Writes figures as JSON and a picture,
and judges: exit code 1 when something grew, or when a document was lost or doubled.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from models.registry import Registry
from streams.backends.clickhouse import open_reader
from streams.backends.kafka.offsets import OffsetReader
from streams.backends.kafka.opening import BrokerOptions, open_broker
from streams.backends.kafka.topics import ensure_topics, topic_specs
from streams.config import load_settings
from streams.topics import ROLES, Topics
from tests.bench.documents import distinct_documents, endless
from tests.bench.plots import small_multiples
from tests.bench.soak_load import Load
from tests.bench.soak_samples import Sampler, java_of
from tests.bench.soak_verdict import Counted, verdict
from tests.bench.soak_view import panels
from tests.support.commands import Command, data_folder, environment, running_command

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from streams.backends.kafka.broker import Broker

RESULTS = Path("bench-results")
_EVERY_S = 5.0
_BACKLOG = 2000
_LEAST = 500
_PATIENCE_S = 600.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--share", type=float, default=0.7)
    parser.add_argument("--top-seconds", type=float, default=90.0)
    parser.add_argument("--warm", type=int, default=5000, help="documents before measuring")
    parser.add_argument("--one-process", action="store_true")
    parser.add_argument("--report", type=Path, default=RESULTS / "soak.json")
    given = parser.parse_args()
    given.report.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tidemark-soak-") as name:
        report = soak(given, Path(name))
    given.report.write_text(json.dumps(report, indent=1), encoding="utf-8")
    judged = report["verdict"]
    sys.stdout.write(json.dumps({**judged, "top_rate": report["top_rate"]}, indent=1) + "\n")
    return 0 if judged["flat"] and judged["complete"] else 1


def soak(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run a soak in a folder; returns its report and draws its picture."""
    documents = endless(distinct_documents(RESULTS / "documents.jsonl"))
    settings = load_settings()
    weights = Registry(settings.data).pull(settings.model).folder
    data = data_folder(folder / "data", weights)
    options = BrokerOptions("local", folder / "broker", jars=settings.data / "kafka")
    with open_broker(options) as broker:
        size = settings.max_message_bytes
        ensure_topics(broker, topic_specs(Topics(), settings.partitions, 1, size))
        load = Load(broker.bootstrap, Topics().documents, documents)
        with workers(broker.bootstrap, data, one_process=given.one_process) as commands:
            sampler = _sampler(broker, commands, data, folder / "broker")
            top_rate = _top_rate(load, sampler, given.warm, given.top_seconds)
            rate, seconds = given.share * top_rate, 60 * given.minutes
            _steady(load, sampler, rate, seconds, list(commands.values()))
        sampler.offsets.close()
    return _report(given, load, sampler, data, top_rate)


def _sampler(broker: Broker, commands: Mapping[str, Command], data: Path, log: Path) -> Sampler:
    processes = {name: psutil.Process(one.process.pid) for name, one in commands.items()}
    processes["Apache Kafka"] = java_of(broker.owner_pid)
    offsets = OffsetReader(broker.bootstrap)
    return Sampler(processes, offsets, Topics(), data / "clickhouse", log)


@contextlib.contextmanager
def workers(bootstrap: str, data: Path, *, one_process: bool) -> Iterator[dict[str, Command]]:
    """Run the workers; they are asked to stop at the end, and must do so in order."""
    env = environment(data, kafka=bootstrap, log_level="warning")
    names = ["all"] if one_process else list(ROLES)
    with contextlib.ExitStack() as stack:
        commands = {
            name: stack.enter_context(
                running_command("worker", "--role", name, env=env, log=data / f"{name}.log")
            )
            for name in names
        }
        yield commands
        for command in commands.values():
            command.process.terminate()
        for name, command in commands.items():
            code = command.wait(_PATIENCE_S)
            assert code == 0, f"worker {name} ended with {code}:\n{command.output[-2000:]}"


def _top_rate(load: Load, sampler: Sampler, warm: int, seconds: float) -> float:
    """Return documents per second that all roles together commit while a backlog waits.

    ``warm`` documents come before: drift references are fitted after a thousand of each source.
    """
    load.keep_backlog(_BACKLOG, sampler.waiting, lambda: _passed(sampler) >= warm)
    first, began = _passed(sampler), time.monotonic()
    load.keep_backlog(
        _BACKLOG,
        sampler.waiting,
        lambda: time.monotonic() > began + seconds and _passed(sampler) > first + _LEAST,
    )
    rate = (_passed(sampler) - first) / (time.monotonic() - began)
    _say(f"top rate: {rate:.1f} documents/s; finishing the backlog")
    _drained(sampler)
    return rate


def _passed(sampler: Sampler) -> int:
    """Return documents that every role has committed."""
    landed = sampler.landed()
    return min(landed, landed + sampler.lag("land") - sampler.lag("drift"))


def _steady(
    load: Load, sampler: Sampler, rate: float, seconds: float, commands: Sequence[Command]
) -> None:
    stop = threading.Event()
    thread = load.steady(rate, stop)
    try:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.monotonic()
            sample = sampler.look(load.sent)
            for command in commands:
                assert command.process.poll() is None, command.output[-2000:]
            if len(sampler.samples) % 12 == 1:
                rss = {name: round(value) for name, value in sample.rss_mb.items()}
                _say(f"published {sample.published}, lag {sample.lag}, MB {rss}")
            time.sleep(max(0.0, _EVERY_S - (time.monotonic() - began)))
    finally:
        stop.set()
        thread.join()
    _drained(sampler)


def _report(
    given: argparse.Namespace, load: Load, sampler: Sampler, data: Path, top_rate: float
) -> dict[str, Any]:
    samples = sampler.samples
    reader = open_reader(f"chdb://{data / 'clickhouse'}")
    try:
        rows, distinct = reader.query("SELECT count(), uniqExact(doc_id) FROM documents").rows[0]
        letters = reader.query("SELECT count() FROM dead_letters").rows[0][0]
        latencies = _latencies(reader, samples[0].at, samples[-1].at)
    finally:
        reader.close()
    end = Counted(load.sent, int(rows), int(distinct), int(letters))
    judged = verdict(samples, latencies, end)
    report = {
        "minutes": given.minutes,
        "share": given.share,
        "top_rate": round(top_rate, 1),
        "rate": round(given.share * top_rate, 1),
        "verdict": judged,
        "latencies": latencies,
        "samples": [asdict(sample) for sample in samples],
    }
    title = (
        f"{given.minutes:g} minutes at {given.share:.0%} of the top rate "
        f"({given.share * top_rate:.0f} of {top_rate:.0f} documents/s)"
    )
    minutes = [(sample.at - samples[0].at) / 60 for sample in samples]
    small_multiples(minutes, panels(samples, latencies), title, given.report.with_suffix(".png"))
    return report


def _latencies(reader: Any, first: float, last: float) -> dict[str, list[tuple[float, float]]]:
    """Return quantiles of the time from the broker to the database, by ten seconds of arrival."""
    table = reader.query(
        "SELECT toUnixTimestamp(toStartOfInterval(received_at, INTERVAL 10 SECOND)) AS at, "
        "quantilesExact(0.5, 0.95, 0.99)("
        "toUnixTimestamp64Milli(landed_at) - toUnixTimestamp64Milli(received_at)) "
        "FROM deliveries WHERE toUnixTimestamp64Milli(received_at) BETWEEN {first:Int64} "
        "AND {last:Int64} GROUP BY at ORDER BY at",
        {"first": int(1000 * first), "last": int(1000 * last)},
    )
    return {
        name: [(float(at), float(values[place])) for at, values in table.rows]
        for place, name in enumerate(("p50", "p95", "p99"))
    }


def _drained(sampler: Sampler) -> None:
    """Wait until every role has committed all that was published."""
    deadline = time.monotonic() + _PATIENCE_S
    while sampler.waiting():
        if time.monotonic() > deadline:
            lag = {role: sampler.lag(role) for role in ROLES}
            raise TimeoutError(f"not all came through in {_PATIENCE_S:.0f} s: lag {lag}")
        time.sleep(0.5)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
