"""Cost of the drift stage: microseconds a document, where they go, bytes of state, many segments.

    python -m tests.bench drift cost [--segments N] [--reference N] [--profile]

Documents are made up: Gaussian embeddings of four classes, words by Zipf's law. Times are processor
time of this process (the machine may be shared), batches of 128 documents of one source.
"""

from __future__ import annotations

import argparse
import cProfile
import io
import pstats
import resource
import sys
import time
from typing import TYPE_CHECKING

import numpy as np

from streams.stages.drift import DriftStage
from tests.bench.drift_methods import options
from tests.support.streams_of_documents import Law, stream

if TYPE_CHECKING:
    import numpy.typing as npt

    from streams.stages.drift import StatePart
    from tests.support.streams_of_documents import Item

BATCH = 128
_WATCHED = 4 * 1280
_ROUNDS = 3
_PER_SEGMENT = 40
_SHOWN = 25


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--segments", type=int, default=1000)
    parser.add_argument("--reference", type=int, default=1000)
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    vectors = made_up()
    one_segment(vectors, given.reference, profile=given.profile)
    many_segments(vectors, given.segments, given.reference)


def made_up() -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(1)
    laws = [Law.of(384, seed) for seed in range(4)]
    return np.concatenate([law.draw(rng, 1500) for law in laws])


def one_segment(vectors: npt.NDArray[np.float32], reference: int, *, profile: bool) -> None:
    """Time watching, fitting and snapshots of one source."""
    rng = np.random.default_rng(2)
    items = stream(vectors[rng.integers(len(vectors), size=reference + _WATCHED)], rng)
    first = DriftStage(options(reference, 1e8))
    started = time.process_time()
    first.process(items[: reference + 1])
    say(f"reference collected, fitted, calibrated: {time.process_time() - started:.2f} s")
    learned = first.snapshot()
    spent = []
    for _ in range(_ROUNDS):
        stage = DriftStage(options(reference, 1e8))
        stage.restore(learned)
        spent.append(_watch(stage, items[reference + 1 :]))
    least = min(spent) / _WATCHED * 1e6
    say(f"watching: {least:.1f} us a document (least of {_ROUNDS} rounds)")
    state = sum(len(part.payload or b"") for part in _whole(items, reference))
    say(f"state of a segment with its reference: {state / 1e6:.2f} MB stored")
    if profile:
        stage = DriftStage(options(reference, 1e8))
        stage.restore(learned)
        _profile(stage, items[reference + 1 :])


def many_segments(vectors: npt.NDArray[np.float32], segments: int, reference: int) -> None:
    """Watch documents of many sources in turn, each with a fitted reference."""
    rng = np.random.default_rng(3)
    rows = rng.integers(len(vectors), size=reference)
    learned = DriftStage(options(reference, 1e8))
    learned.process(stream(vectors[rows], rng))
    parts = learned.snapshot()
    before = _resident()
    stage = DriftStage(options(reference, 1e8))
    for number in range(segments):
        stage.restore([part.__class__(0, f"s{number}", part.name, part.payload) for part in parts])
    columns = []
    for number in range(segments):
        chosen = vectors[rng.integers(len(vectors), size=reference + _PER_SEGMENT)]
        columns.append(stream(chosen, rng, source=f"s{number}")[reference:])
    items = [column[turn] for turn in range(_PER_SEGMENT) for column in columns]
    spent = _watch(stage, items)
    grown = _resident() - before
    say(
        f"{segments} segments in turn: {spent / len(items) * 1e6:.1f} us a document; memory "
        f"{grown / segments / 1e6:.2f} MB a segment, {_resident() / 1e9:.2f} GB in all"
    )


def _watch(stage: DriftStage, items: list[Item]) -> float:
    started = time.process_time()
    for start in range(0, len(items), BATCH):
        stage.process(items[start : start + BATCH])
    return time.process_time() - started


def _whole(items: list[Item], reference: int) -> tuple[StatePart, ...]:
    stage = DriftStage(options(reference, 1e8))
    _watch(stage, items)
    return stage.snapshot()


def _profile(stage: DriftStage, items: list[Item]) -> None:
    profiler = cProfile.Profile()
    profiler.enable()
    _watch(stage, items)
    profiler.disable()
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).sort_stats("tottime").print_stats(_SHOWN)
    say(text.getvalue())


def _resident() -> int:
    """Return the peak of the resident memory so far, bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
