"""Tidemark's own detector as a method of the comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.drift.evaluate.replay import Scores
from streams.drift.options import DriftOptions

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from streams.drift.detector import Detector
    from streams.drift.evaluate.planting import Rows
    from tests.bench.drift_news import Pool

BLOCK = 10
RUN_LENGTH = 1e4


def options(reference: int, run_length: float = RUN_LENGTH) -> DriftOptions:
    """One document a second and a budget of one false alarm in ``run_length`` documents."""
    return DriftOptions(60_000, 600_000, reference, 1e-3 / run_length, least_run_length=run_length)


class Tidemark:
    """The production detector; its score is the log of the documents between false alarms."""

    name = "Tidemark"
    every = BLOCK

    def __init__(self, pool: Pool, reference: int) -> None:
        self._scores = Scores(pool.documents, options(reference))

    def learn(self, seed: int, rows: Rows) -> tuple[str, Detector]:
        source = f"news {seed}"
        return source, self._scores.learn(source, rows)

    def scores(self, state: tuple[str, Detector], rows: Rows) -> npt.NDArray[np.float32]:
        return self._scores.of(self._scores.copy(*state), rows)[self.every - 1 :: self.every]
