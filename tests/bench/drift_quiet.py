"""Quiet streams of many kinds: what false alarms the detector raises where nothing changes.

``independent``   documents in random order
``bursts of N``   classes come in runs of N documents on average: neighbours are alike
``events of N``   the same with 32 topics, as news breaks and passes
``tiny N``        a reference of only N documents
``slow waves``    the class shares swing around their means over some 200 documents

    python -m tests.bench drift quiet --data FOLDER [--kinds NAME ...] [--streams N]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from streams.drift.clusters import find_centres
from streams.drift.evaluate.measure import FalseAlarms
from tests.bench.drift_methods import Tidemark
from tests.bench.drift_pool import news_pool
from tests.bench.drift_scores import Scored, alarm_rate, append, by_stream, load

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from streams.drift.evaluate.planting import Rows
    from tests.bench.drift_news import Pool
    from tests.bench.drift_scores import Method

_TOPICS = 32
_WAVE = 200
Draw = Callable[[np.random.Generator, int], "Rows"]


@dataclass(frozen=True)
class Kind:
    """One kind of quiet stream.

    Attributes:
        draw: documents, reference and stream in one.
        reference: how many of them are learned from.
        watched: how many follow.
    """

    name: str
    draw: Draw
    reference: int = 2000
    watched: int = 5600


def kinds(pool: Pool) -> dict[str, Kind]:
    """Return the kinds by name."""
    news = pool.of("news")
    classes = [news[pool.classes[news] == k] for k in range(4)]
    topics = _topics(pool, news)
    plain = Draws([news], 1.0)
    found = [
        Kind("independent", plain),
        *(Kind(f"bursts of {n}", Draws(classes, n)) for n in (3, 10, 30, 100)),
        *(Kind(f"events of {n}", Draws(topics, n)) for n in (10, 50)),
        Kind("slow waves", Waves(classes)),
        *(Kind(f"tiny {n}", plain, reference=n) for n in (100, 200, 500)),
    ]
    return {kind.name: kind for kind in found}


class Draws:
    """Documents in runs of one cell, of geometric length; cells by their size."""

    def __init__(self, cells: Sequence[Rows], mean_run: float) -> None:
        self._cells = cells
        self._mean = mean_run

    def __call__(self, rng: np.random.Generator, count: int) -> Rows:
        sizes = np.array([len(cell) for cell in self._cells], np.float64)
        lengths = rng.geometric(1 / self._mean, count)
        runs = rng.choice(len(sizes), count, p=sizes / sizes.sum())
        return _fill(self._cells, np.repeat(runs, lengths)[:count], rng)


class Waves:
    """Documents of classes whose log shares are an autoregressive process."""

    def __init__(self, cells: Sequence[Rows]) -> None:
        self._cells = cells

    def __call__(self, rng: np.random.Generator, count: int) -> Rows:
        keep = np.exp(-1 / _WAVE)
        noise = rng.normal(size=(count, len(self._cells))) * np.sqrt(1 - keep * keep)
        level = rng.normal(size=len(self._cells))
        cells = np.empty(count, np.int64)
        for at in range(count):
            level = keep * level + noise[at]
            shares = np.exp(0.4 * level)
            cells[at] = rng.choice(len(shares), p=shares / shares.sum())
        return _fill(self._cells, cells, rng)


def collect_quiet(
    method: Method, kind: Kind, seeds: range, done: set[tuple[str, int]]
) -> Iterator[Scored]:
    """Score the streams of a kind that are not done yet."""
    for seed in seeds:
        if (kind.name, seed) in done:
            continue
        rng = np.random.default_rng([9000 + seed, sum(map(ord, kind.name))])
        rows = kind.draw(rng, kind.reference + kind.watched)
        state = method.learn(seed, rows[: kind.reference])
        scores = method.scores(state, rows[kind.reference :])
        yield Scored(kind.name, seed, None, method.every, scores)


def _topics(pool: Pool, rows: Rows) -> list[Rows]:
    vectors = np.stack([np.frombuffer(pool.documents[row].embedding, "<f4") for row in rows])
    centres = find_centres(vectors, 3, _TOPICS)
    nearest = (vectors @ centres.T).argmax(axis=1)
    return [rows[nearest == k] for k in range(len(centres)) if (nearest == k).any()]


def _fill(cells: Sequence[Rows], chosen: npt.NDArray[np.int64], rng: np.random.Generator) -> Rows:
    """Return the next documents of the chosen cells' shuffled rows; again when all were used."""
    rows = np.empty(len(chosen), np.int64)
    for index, cell in enumerate(cells):
        places = np.flatnonzero(chosen == index)
        times = -(-len(places) // len(cell))
        order = [rng.permutation(cell) for _ in range(times)]
        if order:
            rows[places] = np.concatenate(order)[: len(places)]
    return rows


def main() -> None:
    """Watch quiet streams of every kind; achieved against promised false alarms."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="see `drift compare`")
    parser.add_argument("--out", type=Path, default=Path("bench-results/drift"))
    parser.add_argument("--streams", type=int, default=100, help="of each kind")
    parser.add_argument("--kinds", nargs="*", help="names; all where absent")
    given = parser.parse_args()
    pool = news_pool(given.data, given.out)
    file = given.out / "quiet" / "Tidemark.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    for name, kind in kinds(pool).items():
        if given.kinds is not None and name not in given.kinds:
            continue
        done = {(one.stream, one.seed) for one in load(file)}
        method = Tidemark(pool, kind.reference)
        append(file, collect_quiet(method, kind, range(given.streams), done))
        sys.stdout.write(f"{name}: {achieved(by_stream(load(file))[name])}\n")
        sys.stdout.flush()


def achieved(streams: Sequence[Scored]) -> str:
    """Return false alarms against what was promised, for several promises."""
    parts = []
    for promised in (1e3, 1e4, 1e5):
        alarms, documents, _ = alarm_rate(streams, float(np.log(promised)))
        rate = FalseAlarms(alarms, documents, promised)
        low, high = (end * promised / 1e4 for end in rate.interval)
        parts.append(f"1 in {promised:,.0f}: {rate.ratio:.2f} times ({low:.2f} to {high:.2f})")
    return f"{len(streams)} streams; {'; '.join(parts)}"


if __name__ == "__main__":
    main()
