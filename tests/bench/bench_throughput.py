"""Around a model that costs nothing: Tidemark, Quix Streams, plain aiokafka, plain librdkafka.

    python -m tests.bench.bench_throughput [--documents N] [--rounds N] [--only NAME ...]

All do the same job (``contenders/job.py``) on the same documents and the same Apache Kafka, one
node on this machine: outputs in order and durable (idempotent, all replicas), offsets committed
once a second and only after that. Each contender is a process of its own, and each run has fresh
topics, filled before it starts. Time runs from the first message that the contender works on until
the broker has the last output. Rounds are interleaved and change their order; medians count.
Afterwards every output is read and compared: none lost, none doubled, all in order, all committed.

Quix Streams needs another librdkafka than Tidemark: it gets a virtual environment of its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.codec import codec_for
from streams.backends.kafka.opening import BrokerOptions, open_broker
from streams.config import load_settings
from tests.bench.documents import distinct_documents, endless
from tests.bench.race import WARM, Contender, Run, Track

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

RESULTS = Path("bench-results")
QUIX = "quixstreams==3.28.1"
_FAMILY = "tests.bench.contenders"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--report", type=Path, default=RESULTS / "throughput.json")
    given = parser.parse_args()
    chosen = [one for one in contenders() if not given.only or one.name in given.only]
    runs = race(chosen, given.documents, given.rounds)
    report = summary(chosen, runs)
    given.report.parent.mkdir(parents=True, exist_ok=True)
    given.report.write_text(json.dumps(report, indent=2), encoding="utf-8")
    _show(report)
    _plot(report, given.report.with_suffix(".png"))
    return 0


def contenders() -> list[Contender]:
    """Return those that take part; Tidemark first: ratios are to it."""
    return [
        Contender("tidemark", f"{_FAMILY}.tidemark_enrich"),
        Contender("quix-streams", f"{_FAMILY}.quix_streams", _quix_python()),
        Contender("aiokafka", f"{_FAMILY}.plain_aiokafka"),
        Contender("librdkafka", f"{_FAMILY}.plain_confluent"),
        Contender("tidemark, three roles", f"{_FAMILY}.tidemark_pipeline", whole=True),
    ]


def race(chosen: Sequence[Contender], documents: int, rounds: int) -> dict[str, list[Run]]:
    """Run every contender in every round, each round in another order."""
    runs: dict[str, list[Run]] = {one.name: [] for one in chosen}
    messages = _messages(documents + WARM)
    jars = load_settings().data / "kafka"
    with (
        tempfile.TemporaryDirectory(prefix="tidemark-race-") as folder,
        open_broker(BrokerOptions("local", Path(folder), jars=jars)) as broker,
    ):
        track = Track(broker, messages)
        for number in range(rounds):
            turn = number % len(chosen)
            for one in [*chosen[turn:], *chosen[:turn]]:
                name = f"bench-{number}-{chosen.index(one)}-{time.time_ns()}"
                run = track.race(one, name)
                runs[one.name].append(run)
                sys.stderr.write(
                    f"round {number + 1}: {one.name}: {run.documents_per_second:,.0f} documents/s, "
                    f"{run.cpu_ms_per_document:.3f} ms CPU each\n"
                )
        track.close()
    return runs


def summary(chosen: Sequence[Contender], runs: dict[str, list[Run]]) -> dict[str, Any]:
    """Return medians and their ratios to the first contender, and every single run."""
    results: dict[str, Any] = {}
    for one in chosen:
        found = runs[one.name]
        results[one.name] = {
            "documents_per_second": _median(run.documents_per_second for run in found),
            "cpu_seconds_per_1000": _median(run.cpu_ms_per_document for run in found),
            "broker_cpu_seconds_per_1000": _median(
                1000 * run.broker_cpu_seconds / run.documents for run in found
            ),
            "rss_mb": _median(run.rss_mb for run in found),
            "runs": [asdict(run) for run in found],
        }
    first = results[chosen[0].name]
    for result in results.values():
        result["speed_of_first"] = first["documents_per_second"] / result["documents_per_second"]
    return {"first": chosen[0].name, "results": results}


def _median(values: Iterable[float]) -> float:
    return float(round(statistics.median(values), 4))


def _messages(count: int) -> list[tuple[bytes, bytes]]:
    codec = codec_for()
    source = endless(distinct_documents(RESULTS / "documents.jsonl"))
    chosen = [next(source) for _ in range(count)]
    return [((one.doc_id or "").encode(), codec.encode("", one)) for one in chosen]


def _quix_python() -> Path:
    """Return the interpreter of Quix Streams' own environment, made on first use."""
    folder = (RESULTS / QUIX.replace("==", "-")).resolve()
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", QUIX, "numpy"], check=True)
        (folder / "ready").touch()
    return python


def _show(report: dict[str, Any]) -> None:
    sys.stdout.write(f"{'':24}{'documents/s':>12}{'CPU ms each':>12}{'ratio':>8}\n")
    for name, result in report["results"].items():
        sys.stdout.write(
            f"{name:24}{result['documents_per_second']:12,.0f}"
            f"{result['cpu_seconds_per_1000']:12.3f}{result['speed_of_first']:8.2f}\n"
        )


def _plot(report: dict[str, Any], path: Path) -> None:
    from tests.bench.plots import bars  # noqa: PLC0415 - needs the extra "dev"

    bars(report["results"], path)


if __name__ == "__main__":
    sys.exit(main())
