"""Scores of many streams by one method after the other, kept in a file that a rerun continues.

A line of the file is one stream: what it is, where the change begins, and the method's score after
every few documents. Thresholds are set afterwards, on the quiet streams, for all methods alike.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tests.bench.drift_news import changes, drifting, quiet, reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from streams.drift.evaluate.planting import Rows
    from tests.bench.drift_news import Pool

QUIET = "quiet"


class Method(Protocol):
    """A drift detector under comparison.

    Attributes:
        name: for the table.
        every: documents between two scores.
    """

    name: str
    every: int

    def learn(self, seed: int, rows: Rows) -> Any:
        """Return a state that has learned from the reference."""

    def scores(self, state: Any, rows: Rows) -> npt.NDArray[np.float32]:
        """Return scores after every ``every`` documents; more means drift. Leaves the state."""


@dataclass(frozen=True)
class Scored:
    """One stream's scores, after every ``every`` documents."""

    stream: str
    seed: int
    change: int | None
    every: int
    scores: npt.NDArray[np.float32]

    def first(self, threshold: float) -> float:
        """Return the documents until a score is above the threshold; inf without one."""
        above = np.flatnonzero(self.scores > threshold)
        return float((above[0] + 1) * self.every) if above.size else inf


@dataclass(frozen=True)
class Plan:
    """Which streams are wanted."""

    quiet: int
    drifting: int
    names: Sequence[str]


def collect(method: Method, pool: Pool, plan: Plan, file: Path) -> None:
    """Score every stream of the plan that the file does not have yet."""
    done = {(one.stream, one.seed) for one in load(file)}
    append(file, _streams(method, pool, plan, done))


def append(file: Path, streams: Iterable[Scored]) -> None:
    """Write streams to the end of a file, each as soon as it is scored."""
    with file.open("a", encoding="utf-8") as out:
        for one in streams:
            scores = [round(float(score), 3) for score in one.scores]
            line = {"stream": one.stream, "seed": one.seed, "change": one.change}
            out.write(json.dumps({**line, "every": one.every, "scores": scores}) + "\n")
            out.flush()


def load(file: Path) -> list[Scored]:
    """Return what the file has."""
    if not file.exists():
        return []
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        scores = np.array(one["scores"], np.float32)
        found.append(Scored(one["stream"], one["seed"], one["change"], one["every"], scores))
    return found


def threshold_of(streams: Sequence[Scored], run_length: float) -> float:
    """Return the threshold at which quiet streams alarm once in ``run_length`` documents.

    Raises:
        ValueError: there is no quiet stream.
    """
    levels = np.unique(np.concatenate([np.maximum.accumulate(one.scores) for one in streams]))
    low, high = 0, len(levels) - 1
    while low < high:  # the rate falls with the threshold
        middle = (low + high) // 2
        if alarm_rate(streams, float(levels[middle]))[2] > 1 / run_length:
            low = middle + 1
        else:
            high = middle
    return float(levels[low])


def alarm_rate(streams: Sequence[Scored], threshold: float) -> tuple[int, int, float]:
    """Return first alarms, documents watched until then, and their ratio."""
    alarms, documents = 0, 0
    for one in streams:
        at = one.first(threshold)
        alarms += at < inf
        documents += int(min(at, len(one.scores) * one.every))
    return alarms, documents, alarms / max(documents, 1)


def delays(streams: Sequence[Scored], threshold: float) -> tuple[list[float], int]:
    """Return delays (inf where the change was missed), and how many alarmed before the change.

    A stream that alarmed before its change says nothing of the delay and is left out.
    """
    found, early = [], 0
    for one in streams:
        start = one.change or 0
        at = one.first(threshold)
        if at <= start:
            early += 1
        else:
            found.append(at - start)
    return found, early


def by_stream(streams: Sequence[Scored]) -> Mapping[str, list[Scored]]:
    grouped: dict[str, list[Scored]] = defaultdict(list)
    for one in streams:
        grouped[one.stream].append(one)
    return grouped


def _streams(
    method: Method, pool: Pool, plan: Plan, done: set[tuple[str, int]]
) -> Iterator[Scored]:
    wanted = [change for name, change in changes(pool).items() if name in plan.names]
    for seed in range(max(plan.quiet, plan.drifting)):
        if seed < plan.drifting:
            yield from _drifting(method, pool, wanted, seed, done)
        if seed < plan.quiet and (QUIET, seed) not in done:
            learned, rows = quiet(pool, seed)
            state = method.learn(seed, learned)
            yield Scored(QUIET, seed, None, method.every, method.scores(state, rows))


def _drifting(
    method: Method, pool: Pool, wanted: Sequence[Any], seed: int, done: set[tuple[str, int]]
) -> Iterator[Scored]:
    states: dict[int, tuple[Rows, Any]] = {}
    for change in wanted:
        if (change.name, seed) in done:
            continue
        classes = 3 if change.name.startswith("new class") else 4
        if classes not in states:
            learned = reference(pool, seed, classes=classes)
            states[classes] = learned, method.learn(seed, learned)
        learned, state = states[classes]
        planted = drifting(change, seed, learned)
        scores = method.scores(state, planted.rows)
        yield Scored(change.name, seed, planted.change, method.every, scores)
