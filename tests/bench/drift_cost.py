"""Cost of the drift stage: microseconds a document, bytes of state, many segments in one worker.

    python -m tests.bench drift cost [--data FILE] [--segments N] [--reference N] [--profile]

Everything is on that the drift role does: embedding scan, sketches, vocabulary, monitors, windows
of a minute with their records, topics; and once more without topics. ``--data`` names real
documents (CSV or JSON lines with ``text``); they go through the model once, ``--out`` keeps the
result. Without it, documents are made up.
Times are processor time of this thread with one BLAS thread, batches of 128 documents as they were
just decoded from their messages: of each batch the least of many rounds, then the mean over the
batches. What a busy machine does to them, two yardsticks show.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import cProfile
import gc
import io
import pstats
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np

from schemas.codec import codec_for
from schemas.messages import Enriched, Origin
from streams.stages.drift import DriftStage, StatePart
from streams.trends.source import SourceTopics
from tests.bench.drift_methods import options
from tests.bench.drift_pool import enriched
from tests.support.streams_of_documents import START, Law, stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from streams.drift.sketches.rows import Sketched

    Coded = tuple[Origin, bytes]

BATCH = 128
_BATCHES = 14
_PER_SEGMENT = 12
_SHOWN = 30
_PARTITIONS = 4
_CODEC = codec_for(None)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("bench-results/drift"))
    parser.add_argument("--segments", type=int, default=1000)
    parser.add_argument("--reference", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    pool = _made_up()
    if given.data:
        pool = enriched(given.data, given.out / f"{given.data.name}.pickle")
    yardsticks()
    for sources, rate in ((1, 10.0), (1, 100.0), (8, 10.0)):
        case = Case(pool, given.reference, sources, rate)
        steady(case, given.rounds)
        with without_topics():
            steady(case, given.rounds, "without topics, ")
    state(Case(pool, given.reference, 1, 10.0))
    if given.profile:
        profile(Case(pool, given.reference, 1, 10.0))
    many_segments(pool, given.segments, given.reference)


@contextmanager
def without_topics() -> Iterator[None]:
    """Leave topics out, to see what they cost: documents have no place, windows no topics."""

    def nowhere(_: SourceTopics, documents: Sequence[Enriched], _rows: Sketched) -> list[None]:
        return [None] * len(documents)

    with patch.object(SourceTopics, "advance", nowhere):
        yield


def yardsticks() -> None:
    """Tell how fast this machine is just now: a product, and Python."""
    rng = np.random.default_rng(0)
    left = rng.random((128, 384), np.float32)
    right = rng.random((384, 128), np.float32)
    product = _least(lambda: left @ right, 2000)
    loop = _least(lambda: sum(range(100_000)), 100)
    load = os.getloadavg()[0]
    say(
        f"yardsticks: product of 128 x 384 and 384 x 128 in {product * 1e6:.0f} us, sum of 100,000 "
        f"numbers in {loop * 1e3:.2f} ms; load {load:.1f}"
    )


@dataclass(frozen=True)
class Case:
    """Streams of some sources that take turns; no document comes twice in a source.

    Attributes:
        rate: documents of a source a second.
    """

    pool: Sequence[Enriched]
    reference: int
    sources: int
    rate: float

    def messages(self) -> tuple[list[Coded], list[Coded]]:
        """Return what is learned from, and what is watched."""
        each = _BATCHES * BATCH // self.sources
        rng = np.random.default_rng(7)
        orders = [rng.permutation(len(self.pool)) for _ in range(self.sources)]
        found = [
            _message(self.pool[int(order[turn % len(order)])], f"source {name}", turn, self.rate)
            for turn in range(self.reference + each)
            for name, order in enumerate(orders)
        ]
        placed = [(replace(origin, offset=n), data) for n, (origin, data) in enumerate(found)]
        edge = self.reference * self.sources
        return placed[:edge], placed[edge:]

    def learned(self) -> tuple[tuple[StatePart, ...], float, float]:
        """Return the state after the reference, and seconds: collecting, and the largest batch."""
        stage = DriftStage(options(self.reference, 1e8))
        spent = _watched(stage, self.messages()[0])
        return stage.snapshot(), float(np.median(spent)), max(spent)


def steady(case: Case, rounds: int, name: str = "") -> None:
    """Time watching: the least of each batch over the rounds."""
    learned, collecting, largest = case.learned()
    _, messages = case.messages()
    least = np.full(-(-len(messages) // BATCH), np.inf)
    for _ in range(rounds):
        stage = DriftStage(options(case.reference, 1e8))
        stage.restore(learned)
        least = np.minimum(least, _watched(stage, messages))
    records, alerts = _outputs(learned, messages, case.reference)
    say(
        f"{name}{case.sources} source(s) at {case.rate:g} documents/s: "
        f"{least.sum() / len(messages) * 1e6:.1f} us a document, median batch "
        f"{np.median(least) / BATCH * 1e6:.1f}, quickest {least.min() / BATCH * 1e6:.1f}; "
        f"{records} window records, {alerts} alerts of {len(messages)} documents; collecting the "
        f"reference {collecting / BATCH * 1e6:.1f}, the batch that fits and calibrates "
        f"{largest * 1e3:.0f} ms"
    )


def state(case: Case) -> None:
    """Tell what a segment's snapshots cost and hold: while it is quiet, and during an event."""
    learned, _, _ = case.learned()
    _, messages = case.messages()
    for name, change in (("quiet", _same), ("event", _mirrored)):
        stage = DriftStage(options(case.reference, 1e4))
        stage.restore(learned)
        stored = {part.name: part.payload for part in learned}
        spent, written, most = [], [], 0
        for first in range(0, len(messages), BATCH):
            stage.process([change(one) for one in _arrived(messages[first : first + BATCH])])
            started = time.thread_time()
            parts = stage.snapshot()
            spent.append(time.thread_time() - started)
            written.append(sum(len(part.payload or b"") for part in parts))
            stored |= {part.name: part.payload for part in parts}
            most = max(most, sum(len(payload or b"") for payload in stored.values()))
        say(
            f"{name}: a snapshot after each batch takes {np.median(spent) * 1e3:.2f} ms and writes "
            f"{np.mean(written) / 1e3:.0f} kB; at most {most / 1e6:.2f} MB are stored"
        )


def many_segments(pool: Sequence[Enriched], segments: int, reference: int) -> None:
    """Watch documents of many sources in turn, each with a fitted reference and a full memory."""
    seed = DriftStage(options(reference, 1e8))
    first, then = Case(pool, reference, 1, 10.0).messages()
    _watched(seed, first + then)
    parts = seed.snapshot()
    gc.collect()
    before = _resident()
    stage = DriftStage(options(reference, 1e8))
    for number in range(segments):  # every segment has payloads of its own, as after a restart
        stage.restore(
            [StatePart(0, f"s{number}", p.name, bytes(bytearray(p.payload or b""))) for p in parts]
        )
    rng = np.random.default_rng(3)
    begin = reference + _BATCHES * BATCH
    spent = 0.0
    offset = begin
    for turn in range(begin, begin + _PER_SEGMENT):
        rows = rng.integers(len(pool), size=segments).tolist()
        made = [_message(pool[row], f"s{n}", turn, 10.0) for n, row in enumerate(rows)]
        placed = [(replace(o, offset=offset + n), data) for n, (o, data) in enumerate(made)]
        offset += segments
        spent += sum(_watched(stage, placed))
    started = time.thread_time()
    written = stage.snapshot()
    snapshot = time.thread_time() - started
    gc.collect()
    grown = _resident() - before
    size = sum(len(part.payload or b"") for part in written)
    say(
        f"{segments} segments in turn: {spent / (_PER_SEGMENT * segments) * 1e6:.1f} us a document "
        f"(mean, not the least); memory {grown / segments / 1e6:.2f} MB a segment, "
        f"{_resident() / 1e9:.2f} GB in all; a snapshot of all takes {snapshot:.2f} s and writes "
        f"{size / 1e6:.0f} MB"
    )


def profile(case: Case) -> None:
    """Show where the time goes."""
    learned, _, _ = case.learned()
    _, messages = case.messages()
    stage = DriftStage(options(case.reference, 1e8))
    stage.restore(learned)
    profiler = cProfile.Profile()
    for first in range(0, len(messages), BATCH):
        batch = _arrived(messages[first : first + BATCH])
        profiler.enable()
        stage.process(batch)
        profiler.disable()
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).sort_stats("tottime").print_stats(_SHOWN)
    say(text.getvalue())


def _made_up() -> list[Enriched]:
    rng = np.random.default_rng(1)
    laws = [Law.of(384, seed) for seed in range(4)]
    vectors = np.concatenate([law.draw(rng, 1500) for law in laws])
    return [document for _, document in stream(vectors[rng.permutation(len(vectors))], rng)]


def _message(document: Enriched, source: str, number: int, rate: float) -> Coded:
    moment = START + int(number * 1000 / rate)
    changed = replace(
        document,
        doc_id=f"{source}-{number}",
        source=source,
        published_at=moment,
        received_at=moment + 200,
        enriched_at=moment + 400,
        topic="tidemark.documents",
        partition=number % _PARTITIONS,
        offset=number,
    )
    origin = Origin("tidemark.enriched", 0, number, moment + 500)
    return origin, _CODEC.encode("tidemark.enriched", changed)


def _arrived(messages: Sequence[Coded]) -> list[tuple[Origin, Enriched]]:
    return [(origin, _CODEC.decode(Enriched, data)) for origin, data in messages]


def _watched(stage: DriftStage, messages: Sequence[Coded]) -> list[float]:
    """Return the seconds of each batch; decoding is the runtime's."""
    spent = []
    gc.collect()
    gc.disable()
    for first in range(0, len(messages), BATCH):
        batch = _arrived(messages[first : first + BATCH])
        started = time.thread_time()
        stage.process(batch)
        spent.append(time.thread_time() - started)
    gc.enable()
    return spent


def _outputs(
    learned: Sequence[StatePart], messages: Sequence[Coded], reference: int
) -> tuple[int, int]:
    stage = DriftStage(options(reference, 1e8))
    stage.restore(learned)
    output = stage.process(_arrived(messages))
    return len(output.stats), len(output.alerts)


def _same(item: tuple[Origin, Enriched]) -> tuple[Origin, Enriched]:
    return item


def _mirrored(item: tuple[Origin, Enriched]) -> tuple[Origin, Enriched]:
    """Turn the embedding around: an event that lasts."""
    origin, document = item
    vector = np.frombuffer(document.embedding, "<f4")[::-1]
    return origin, replace(document, embedding=vector.tobytes())


def _least(work: Callable[[], object], times: int) -> float:
    least = float("inf")
    for _ in range(times):
        started = time.thread_time()
        work()
        least = min(least, time.thread_time() - started)
    return least


def _resident() -> int:
    """Return the resident memory now, bytes; Linux."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
