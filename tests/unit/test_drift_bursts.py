"""Dependence between neighbours: found where it is, and borne by the thresholds."""

from __future__ import annotations

from math import log

import numpy as np
import numpy.typing as npt
import pytest

from streams.drift.bursts import Bursts, find_bursts
from streams.drift.calibration import calibrate
from streams.drift.scan import Scan

COLUMNS = 6
BLOCK = 10
SCALES = (20, 40, 80, 160)
Floats = npt.NDArray[np.float64]


def quiet(rng: np.random.Generator, documents: int, keep: float) -> Floats:
    """White noise; the first column is autoregressive."""
    scores = rng.normal(size=(documents, COLUMNS))
    for at in range(1, documents):
        scores[at, 0] = keep * scores[at - 1, 0] + (1 - keep**2) ** 0.5 * scores[at, 0]
    return scores


def one_direction(documents: int, keep: float) -> Bursts:
    levels = np.random.default_rng(8).normal(size=(2000, 1))
    return Bursts(documents, np.ones((1, 1)), np.ones(1), np.full(1, keep), levels)


def runs(rng: np.random.Generator, documents: int) -> Floats:
    """Topics in runs of ten documents; one in twenty is far from the others."""
    topics = 0.4 * rng.normal(size=(20, COLUMNS))
    topics[0] = 3.0
    starts = rng.random(documents) < 0.1
    run = np.cumsum(starts)
    topic = rng.integers(len(topics), size=run[-1] + 1)[run]
    return np.asarray(topics[topic] + rng.normal(size=(documents, COLUMNS)))


def bursts_of(scores: Floats) -> Bursts:
    return find_bursts(scores, COLUMNS, seed=1)


def test_independent_documents_have_no_dependent_direction() -> None:
    found = [
        bursts_of(np.random.default_rng(seed).normal(size=(500, COLUMNS))) for seed in range(10)
    ]
    assert sum(each.directions for each in found) <= 1


def test_the_dependent_direction_is_found_with_its_decay() -> None:
    found = bursts_of(quiet(np.random.default_rng(2), 2000, 0.9))
    assert found.directions == 1
    assert found.keep[0] == pytest.approx(0.9, abs=0.04)
    assert found.share[0] > 0.9
    assert abs(found.loadings[0, 0]) > 0.85
    assert np.abs(found.loadings[1:, 0]).max() < 0.2


def test_a_column_that_never_varies_is_no_burst() -> None:
    scores = np.random.default_rng(3).normal(size=(300, COLUMNS))
    scores[:, 2] = 0.0
    assert np.isfinite(bursts_of(scores).loadings).all()
    assert bursts_of(np.zeros((300, COLUMNS))).directions == 0
    assert bursts_of(scores[:20]).directions == 0


def test_drawn_processes_and_white_noise_vary_as_the_stream_does() -> None:
    """Over long windows the variance of a mean is that of the process it was fitted to."""
    rng = np.random.default_rng(4)
    law = one_direction(10**6, 0.8)
    sums = law.block_sums(rng, np.full((400, 1), 0.8), 20, BLOCK)
    long = sums.sum(axis=1)[:, 0]
    expected = (1 + 0.8) / (1 - 0.8) - 1
    assert long.var() / (20 * BLOCK) == pytest.approx(expected, rel=0.2)
    errors = law.mean_errors(rng, np.full((4000, 1), 0.8))[:, 0]
    assert errors.var() * 10**6 == pytest.approx(expected, rel=0.1)


def test_what_the_reference_leaves_open_is_drawn() -> None:
    law = one_direction(1000, 0.9)
    drawn = law.drawn_keep(np.random.default_rng(5), 4000)
    assert drawn.std() == pytest.approx(((1 - 0.81) / 1000) ** 0.5, rel=0.1)
    assert drawn.max() < 1


def test_levels_are_the_streams_own_and_change_together() -> None:
    """Runs of a far topic are drawn as far and as long as they are."""
    scores = runs(np.random.default_rng(9), 4000)
    scores = (scores - scores.mean(axis=0)) / scores.std(axis=0)
    found = bursts_of(scores)
    rng = np.random.default_rng(10)
    keep = found.drawn_keep(rng, 20)
    drawn = found.block_sums(rng, keep, 400, BLOCK) @ found.loadings.T
    drawn += rng.normal(size=(20, 400, COLUMNS)) * BLOCK**0.5
    real = scores.reshape(-1, BLOCK, COLUMNS).sum(axis=1)
    farthest = np.quantile((real**2).sum(axis=1), 0.99)
    assert np.quantile((drawn**2).sum(axis=2), 0.99) == pytest.approx(farthest, rel=0.3)


def test_windows_along_each_column_vary_as_the_streams_own() -> None:
    """With many topics too, whose directions are found by short and by long lags."""
    rng = np.random.default_rng(11)
    topics = rng.normal(size=(20, 12)) * np.geomspace(2.0, 0.3, 12)
    topic = rng.integers(20, size=1 + 6000)[np.cumsum(rng.random(6000) < 0.1)]
    scores = topics[topic] + rng.normal(size=(6000, 12))
    scores = (scores - scores.mean(axis=0)) / scores.std(axis=0)
    found = find_bursts(scores, 12, seed=1)
    drawn = found.block_sums(rng, np.tile(found.keep, (40, 1)), 400, BLOCK) @ found.loadings.T
    drawn += rng.normal(size=drawn.shape) * BLOCK**0.5
    real = scores.reshape(-1, BLOCK, 12).sum(axis=1)
    assert np.abs(drawn.var(axis=(0, 1)) / real.var(axis=0) - 1)[:8].max() < 0.1


def test_a_burst_is_over_after_some_of_its_lengths() -> None:
    assert one_direction(2000, 0.9).apart == pytest.approx(30, abs=3)
    assert bursts_of(np.random.default_rng(12).normal(size=(500, COLUMNS))).apart == 0


def _alarms(keep: float, *, aware: bool) -> int:
    """Quiet streams of 1,000 documents, of 40, that reach the score of one in 1,000 documents."""
    alarms = 0
    for seed in range(40):
        rng = np.random.default_rng([7, seed])
        scores = quiet(rng, 1600, keep).astype(np.float32)
        reference, stream = scores[:600], scores[600:]
        mean = reference.mean(axis=0)
        scan = Scan.of(np.ones(COLUMNS, np.float32), 600, (1.0,))
        looked = (reference - mean).astype(np.float64)
        found = bursts_of(looked if aware else rng.permutation(looked))
        law = calibrate(
            scan,
            reference - mean,
            found,
            shares=np.ones(1),
            scales=SCALES,
            block=BLOCK,
            streams=32,
            documents=1000,
            seed=seed,
        )
        totals = np.concatenate([np.zeros((1, COLUMNS)), np.cumsum(stream - mean, axis=0)])
        best = 0.0
        for end in range(max(SCALES), 1001, BLOCK):
            means = np.stack([(totals[end] - totals[end - w]) / w for w in SCALES])
            z = scan.of_channels(scan.scores(means, np.array(SCALES, np.float64)))
            best = max(best, law.combine(z)[0])
        alarms += best > log(1000)
    return alarms


def test_thresholds_bear_bursts() -> None:
    """A stream of one run length alarms with probability 1 - 1/e; blind to bursts, always."""
    assert 15 <= _alarms(0.0, aware=True) <= 34
    assert 10 <= _alarms(0.9, aware=True) <= 34
    assert _alarms(0.9, aware=False) >= 39
