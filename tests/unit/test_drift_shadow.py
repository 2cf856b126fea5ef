"""The measured rate of false alarms: right where the score is, and telling where it is not."""

from __future__ import annotations

import numpy as np
import pytest

from streams.drift.shadow import LEVELS, Shadow, expected

BLOCK, HOLD = 10, 640


def _run(shift: float, blocks: int = 200_000) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """A score whose excursions above ``x`` come once in ``exp(x + shift)`` documents."""
    rng = np.random.default_rng(3)
    # Maxima over 10 documents with P(score > x) = 10 exp(-x): an exponential tail.
    scores = np.log(BLOCK) - np.log(rng.random(blocks)) - shift
    shadow = Shadow(HOLD)
    for score in scores.tolist():
        shadow.take(score, BLOCK)
    return np.array(shadow.totals)


@pytest.mark.parametrize(("shift", "ratio"), [(0.0, 1.0), (np.log(2), 0.5), (-np.log(2), 2.0)])
def test_the_ratio_is_what_the_score_got_wrong(shift: float, ratio: float) -> None:
    """Scores that promise too little or too much show it at every level, within their noise."""
    totals = _run(shift)
    promised = expected(totals)
    measured = totals[1:] / promised
    noise = 4 / np.sqrt(promised * ratio)
    # At the two loosest levels passings run into each other, and count once.
    assert np.all(np.abs(measured[2:] / ratio - 1) < noise[2:] + 0.02)
    assert np.all(measured[:2] < 1.1 * ratio)


def test_what_an_alert_followed_does_not_count() -> None:
    """Counts wait for the longest window; an alert takes them back, and documents with them."""
    shadow = Shadow(HOLD)
    for _ in range(HOLD // BLOCK - 1):
        shadow.take(8.0, BLOCK)
    assert shadow.totals == (0,) * (1 + len(LEVELS))
    shadow.drop()
    for _ in range(HOLD // BLOCK):
        shadow.take(0.0, BLOCK)
    assert shadow.totals == (HOLD, 0, 0, 0, 0, 0)


def test_a_passing_counts_once_until_it_is_over() -> None:
    """A score that trembles at a level is one passing; each level has its own."""
    shadow = Shadow(BLOCK)
    for score in (0, 5, 4.4, 5, 4.4, 6.5, 4.4, 6.5, 0, 5, 0):
        shadow.take(float(score), BLOCK)
    other = Shadow(BLOCK)
    other.restore(shadow.head())
    assert other.totals == shadow.totals == (110, 2, 1, 0, 0, 0)
