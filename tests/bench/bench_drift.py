"""Cost, state and quality of the drift stage.

    python -m tests.bench.bench_drift [--vectors FILE.npz] [--streams N] [--segments N]

``FILE.npz`` holds ``vectors`` (n, d) float32 and ``labels`` (n,) integers; without it the vectors
are Gaussian with four classes. Quiet streams are shuffled documents; the changes are a class whose
share goes from a quarter to 60 %, and a class that is new at 20 %. Delays are in documents.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from math import inf
from pathlib import Path

import numpy as np
import numpy.typing as npt

from streams.stages.drift import DriftOptions, DriftStage
from tests.support.streams_of_documents import Item, Law, stream

BATCH = 128
QUIET = 500  # documents between the reference and the change
AFTER = 1500


@dataclass(frozen=True)
class Data:
    vectors: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--streams", type=int, default=20)
    parser.add_argument("--segments", type=int, default=100)
    parser.add_argument("--reference", type=int, default=1000)
    given = parser.parse_args()
    data = read(given.vectors)
    cost(data, given.reference)
    many_segments(data, given.segments)
    quiet(data, given.streams, given.reference)
    for name, shares in (("25 -> 60 %", (0.4 / 3, 0.6, 0.4 / 3, 0.4 / 3)), ("new 20 %", None)):
        delays(data, given.streams, given.reference, name, shares)


def read(path: Path | None) -> Data:
    if path is not None:
        with np.load(path) as file:
            return Data(file["vectors"], file["labels"])
    rng = np.random.default_rng(1)
    laws = [Law.of(384, seed) for seed in range(4)]
    vectors = np.concatenate([law.draw(rng, 1500) for law in laws])
    return Data(vectors, np.repeat(np.arange(4), 1500))


def options(reference: int, run_length: float = 1e4) -> DriftOptions:
    """Two documents a second; the budget is one false alarm in ``run_length`` documents."""
    return DriftOptions(60_000, 600_000, reference, 0.002 / run_length, least_run_length=100)


def cost(data: Data, reference: int) -> None:
    rng = np.random.default_rng(2)
    rows = rng.integers(len(data.vectors), size=reference + 4 * 1280)
    items = stream(data.vectors[rows], rng)
    stage = DriftStage(options(reference, 1e8))
    started = time.process_time()
    stage.process(items[: reference + 1])
    fitted = time.process_time() - started
    stage.snapshot()
    spent, sizes, saving = 0.0, [], 0.0
    for batch in batches(items[reference + 1 :]):
        started = time.process_time()
        stage.process(batch)
        spent += time.process_time() - started
        started = time.process_time()
        parts = stage.snapshot()
        saving += time.process_time() - started
        sizes.append(sum(len(part.payload or b"") for part in parts))
    count = len(items) - reference
    say(f"per document {spent / count * 1e6:.1f} us, snapshots {saving / count * 1e6:.1f} us")
    say(f"reference collected, fitted and calibrated in {fitted:.2f} s")
    say(f"snapshot per {BATCH} documents: median {sorted(sizes)[len(sizes) // 2] / 1e3:.0f} kB")
    whole = DriftStage(options(reference, 1e8))
    whole.process(items)
    state = sum(len(part.payload or b"") for part in whole.snapshot())
    say(f"whole state of a segment: {state / 1e6:.2f} MB")


def many_segments(data: Data, segments: int) -> None:
    """Batches of documents of many sources in turn: no two neighbours share a source."""
    rng = np.random.default_rng(3)
    per = 40
    rows = rng.integers(len(data.vectors), size=(segments, per))
    columns = [stream(data.vectors[row], rng, source=f"s{k}") for k, row in enumerate(rows)]
    items = [columns[k][i] for i in range(per) for k in range(segments)]
    stage = DriftStage(options(1000))
    started = time.process_time()
    for batch in batches(items):
        stage.process(batch)
    spent = time.process_time() - started
    say(f"{segments} sources in turn: per document {spent / len(items) * 1e6:.1f} us")


def quiet(data: Data, streams: int, reference: int) -> None:
    alarms = exposed = 0
    for seed in range(streams):
        rng = np.random.default_rng(100 + seed)
        rows = rng.permutation(len(data.vectors))
        at = first_alarm(stream(data.vectors[rows], rng), options(reference))
        alarms += at < inf
        exposed += int(min(at, len(rows))) - reference
    say(f"quiet: {alarms} alarms in {exposed} documents, promised {exposed / 1e4:.1f}")


def delays(
    data: Data, streams: int, reference: int, name: str, shares: tuple[float, ...] | None
) -> None:
    found, early = [], 0
    change = reference + QUIET
    for seed in range(streams):
        rng = np.random.default_rng(200 + seed)
        before = (0.25,) * 4 if shares else (1 / 3, 1 / 3, 1 / 3, 0.0)
        after = shares or (0.8 / 3, 0.8 / 3, 0.8 / 3, 0.2)
        rows = mixture(data, rng, [(change, before), (AFTER, after)])
        at = first_alarm(stream(data.vectors[rows], rng), options(reference))
        if at <= change:
            early += 1
        else:
            found.append(at - change)
    median, late = np.quantile(found, [0.5, 0.9], method="higher")
    say(f"{name}: delay median {median:.0f}, 90th percentile {late:.0f}, early {early}/{streams}")


def mixture(
    data: Data, rng: np.random.Generator, stretches: list[tuple[int, tuple[float, ...]]]
) -> list[int]:
    """Rows of classes by shares, each class in a shuffled order, without repeats while it lasts."""
    pools = [rng.permutation(np.flatnonzero(data.labels == label)).tolist() for label in range(4)]
    taken = [0] * 4
    rows = []
    for count, shares in stretches:
        for label in rng.choice(4, count, p=np.array(shares) / sum(shares)).tolist():
            rows.append(pools[label][taken[label] % len(pools[label])])
            taken[label] += 1
    return rows


def first_alarm(items: list[Item], given: DriftOptions) -> float:
    stage = DriftStage(given)
    for number, batch in enumerate(batches(items)):
        for alert in stage.process(batch).alerts:
            times = [document.published_at for _, document in batch]
            return number * BATCH + times.index(alert.detected_at) + 1
    return inf


def batches(items: list[Item]) -> list[list[Item]]:
    return [items[start : start + BATCH] for start in range(0, len(items), BATCH)]


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
