"""The comparison's arithmetic: thresholds at equal false alarms, delays, reruns that continue."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.bench.drift_scores import (
    QUIET,
    Scored,
    alarm_rate,
    append,
    by_stream,
    delays,
    load,
    threshold_of,
)

if TYPE_CHECKING:
    from pathlib import Path


def scored(scores: list[float], change: int | None = None, seed: int = 0) -> Scored:
    return Scored("some", seed, change, 10, np.array(scores, np.float32))


def test_documents_count_until_the_first_alarm() -> None:
    streams = [scored([0, 5, 9]), scored([0, 0, 0]), scored([7, 0, 0])]
    assert alarm_rate(streams, 4.0) == (2, 20 + 30 + 10, 2 / 60)
    assert alarm_rate(streams, 9.0) == (0, 90, 0.0)


def test_the_threshold_gives_the_promised_rate() -> None:
    """The lowest score at which quiet streams alarm no more often than promised."""
    rng = np.random.default_rng(1)
    streams = [scored(rng.exponential(size=100).tolist(), seed=k) for k in range(200)]
    threshold = threshold_of(streams, 1000.0)
    assert alarm_rate(streams, threshold)[2] <= 1e-3
    assert alarm_rate(streams, threshold)[2] == pytest.approx(1e-3, rel=0.05)


def test_delays_count_from_the_change_and_leave_out_early_alarms() -> None:
    streams = [
        scored([0, 0, 0, 9], change=15),
        scored([9, 0, 0, 9], change=15),
        scored([0, 0, 0, 0], change=15),
    ]
    assert delays(streams, 5.0) == ([25.0, inf], 1)


def test_a_rerun_finds_what_was_written(tmp_path: Path) -> None:
    file = tmp_path / "method.jsonl"
    assert load(file) == []
    one = Scored(QUIET, 3, None, 10, np.array([0.5, 1.25], np.float32))
    append(file, [one])
    append(file, [scored([2.0], change=4)])
    quiet, other = load(file)
    assert (quiet.stream, quiet.seed, quiet.change, quiet.every) == (QUIET, 3, None, 10)
    assert quiet.scores.tolist() == [0.5, 1.25]
    assert set(by_stream([quiet, other])) == {QUIET, "some"}
