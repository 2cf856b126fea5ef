"""The whole evaluation: many streams of each change, and what became of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from streams.drift.evaluate.measure import Detections, FalseAlarms
from streams.drift.evaluate.planting import draw_reference, plant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from schemas.messages import DriftAlert
    from streams.drift.evaluate.planting import Change, Rows
    from streams.drift.evaluate.replay import Replay
    from streams.stages.drift import StatePart


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the study is.

    Attributes:
        reference: documents that the detector learns from.
        quiet: documents between the reference and a change.
        after: documents after a change.
        quiet_stream: documents of a quiet stream.
        streams: of each change; twice as many quiet ones.
        promised: documents between two false alarms that the budget grants.
    """

    reference: int
    quiet: int
    after: int
    quiet_stream: int
    streams: int
    promised: float


@dataclass(frozen=True, slots=True)
class Result:
    """What the streams showed.

    Attributes:
        false_alarms: of quiet streams.
        detections: of each change.
        channels: of each change, what its alerts spoke of, most frequent first.
    """

    false_alarms: FalseAlarms
    detections: tuple[Detections, ...]
    channels: tuple[tuple[str, ...], ...]


class Study:
    """Draws and replays the streams; deterministic.

    Args:
        replay: the production detector over the pool.
        changes: the first is the quiet one.
        sizes: of the study.
    """

    def __init__(self, replay: Replay, changes: Sequence[Change], sizes: Sizes) -> None:
        self._replay = replay
        self._quiet, *self._changes = changes
        self._sizes = sizes
        self._alerts: dict[str, list[tuple[float, DriftAlert | None]]] = defaultdict(list)
        self._alarms = self._documents = 0

    @property
    def steps(self) -> int:
        """Streams that will be replayed."""
        return self._sizes.streams * (len(self._changes) + 2)

    def run(self, progress: Callable[[int], None]) -> Result:
        """Replay all streams; tells how many are done."""
        done = 0
        for seed in range(2 * self._sizes.streams):
            self._quiet_stream(seed)
            progress(done := done + 1)
        for seed in range(self._sizes.streams):
            for _ in self._changed_streams(seed):
                progress(done := done + 1)
        alarms = FalseAlarms(self._alarms, self._documents, self._sizes.promised)
        return Result(
            alarms,
            tuple(self._detections(change) for change in self._changes),
            tuple(self._channels(change) for change in self._changes),
        )

    def _quiet_stream(self, seed: int) -> None:
        """Watch documents in random order: exchangeable with the reference."""
        sizes = self._sizes
        pool = np.concatenate(self._quiet.cells)
        rows = np.random.default_rng([1, seed]).permutation(pool)
        source = f"quiet {seed}"
        learned = self._replay.learn(source, rows[: sizes.reference])
        stream = rows[sizes.reference : sizes.reference + sizes.quiet_stream]
        at, _ = self._replay.first_alert(source, learned, sizes.reference, stream)
        self._alarms += at < inf
        self._documents += int(min(at, len(stream)))

    def _changed_streams(self, seed: int) -> Iterator[None]:
        """Watch one stream of each change; those that start alike share their reference."""
        learned: dict[bytes, tuple[Rows, Sequence[StatePart]]] = {}
        source = f"changing {seed}"
        for number, change in enumerate(self._changes):
            start = _start(change, self._replay.documents)
            if start not in learned:
                rng = np.random.default_rng([2, seed, len(learned)])
                rows = draw_reference(change, rng, self._sizes.reference)
                learned[start] = rows, self._replay.learn(source, rows)
            rng = np.random.default_rng([3, seed, number])
            self._watch(source, change, *learned[start], rng)
            yield

    def _watch(
        self,
        source: str,
        change: Change,
        reference: Rows,
        learned: Sequence[StatePart],
        rng: np.random.Generator,
    ) -> None:
        sizes = self._sizes
        quiet = int(rng.integers(sizes.quiet // 2, sizes.quiet + 1))
        planted = plant(change, rng, reference, quiet=quiet, after=sizes.after)
        at, alert = self._replay.first_alert(source, learned, sizes.reference, planted.rows)
        self._alerts[change.name].append((at - quiet, alert))

    def _detections(self, change: Change) -> Detections:
        delays = [delay for delay, _ in self._alerts[change.name]]
        late = tuple(delay for delay in delays if delay > 0)
        return Detections(change.name, late, len(delays) - len(late))

    def _channels(self, change: Change) -> tuple[str, ...]:
        found = [a.kind for delay, a in self._alerts[change.name] if a is not None and delay > 0]
        return tuple(kind for kind, _ in Counter(found).most_common())


def _start(change: Change, documents: int) -> bytes:
    """Tell what a reference is drawn from: how likely each document of the pool is."""
    density = np.zeros(documents)
    for cell, share in zip(change.cells, change.before.tolist(), strict=True):
        density[cell] = share / max(len(cell), 1)
    return np.round(density * documents, 6).tobytes()
