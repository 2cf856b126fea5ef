"""False-discovery control: quiet streams, an event in many segments, and what is bounded."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.drift.budget import Budget
from streams.drift.discoveries import SILENT, Discoveries, Share, caution

SEGMENTS = 200
RATE = 1e-6
"""False alarms that each segment is granted, per unit of time."""


def _step_up(ratios: npt.NDArray[np.float64]) -> int:
    """Benjamini and Hochberg's rule as they wrote it, for ratios of p-value to level / m."""
    ordered = np.sort(ratios)
    passed = np.flatnonzero(ordered <= np.arange(1, len(ordered) + 1))
    return int(passed[-1]) + 1 if len(passed) else 0


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(-6, 8), min_size=1, max_size=30), st.integers(0, 29))
def test_granted_is_the_step_up_rule_with_oneself_at_zero(logs: list[float], index: int) -> None:
    """For every segment, whether it is among the discoveries or not."""
    index %= len(logs)
    ratios = np.exp(np.array(logs))
    standings = (-np.log(ratios) - np.log(RATE)).tolist()
    found = Discoveries(standings, RATE)
    without = ratios.copy()
    without[index] = 0.0
    expected = _step_up(without)
    assert found.granted(standings[index]) == expected
    if not found.any:
        assert expected == 1


def test_silent_segments_share_and_discover_nothing() -> None:
    """Segments without score leave everybody one part; a share is never more than the whole."""
    found = Discoveries([SILENT] * 20, RATE)
    assert not found.any
    assert found.granted(SILENT) == 1
    assert Discoveries([], RATE).granted(SILENT) == 1
    assert Share(20, 4).shared_by == 5.0
    budget = Budget(1e-9)
    assert budget.of_segment(Share(20, 4).shared_by, "scan") == pytest.approx(
        4 * budget.of_segment(20, "scan")
    )


class Scores:
    """Scores of a moving mean over ``WIDTH`` steps, exact in their tail.

    The moving mean of Gaussian steps passes a high level ``u`` at about the rate
    ``phi(u) * u / WIDTH`` for each step (Slepian increments; Siegmund 1985, up to the overshoot,
    which is measured here): the score is the log of its inverse, as the detector's is.
    """

    WIDTH = 40

    def __init__(self, rng: np.random.Generator, steps: int) -> None:
        noise = rng.normal(size=(SEGMENTS, steps + self.WIDTH)).cumsum(axis=1)
        self.means = (noise[:, self.WIDTH :] - noise[:, : -self.WIDTH]) / np.sqrt(self.WIDTH)

    def event(self, segments: int, start: int, size: float) -> None:
        ramp = np.clip(np.arange(self.means.shape[1]) - start, 0, self.WIDTH)
        self.means[:segments] += size * ramp / np.sqrt(self.WIDTH)

    def scores(self) -> npt.NDArray[np.float64]:
        level = np.maximum(self.means, 1.0)
        overshoot = np.exp(-0.583 * np.sqrt(2 / self.WIDTH) * level)  # of discrete steps
        rate = level * np.exp(-(level**2) / 2) / np.sqrt(2 * np.pi) / self.WIDTH * overshoot
        return np.asarray(-np.log(rate))


def _alerts(
    scores: npt.NDArray[np.float64], rate: float, *, together: bool, epoch: int = 10
) -> list[tuple[int, int]]:
    """Return (step, segment) of the first alarm of each excursion."""
    threshold = -np.log(rate)
    granted = np.ones(SEGMENTS)
    open_alerts = np.zeros(SEGMENTS, bool)
    found = []
    for step, now in enumerate(scores.T):
        if together and step % epoch == 0:
            careful = caution(rate * SEGMENTS, Scores.WIDTH)
            standings = now - np.log(careful)
            found_now = Discoveries(standings.tolist(), rate)
            granted[:] = 1.0
            near = np.flatnonzero(now > threshold - np.log(SEGMENTS)) if found_now.any else ()
            for one in near:
                parts = found_now.granted(float(standings[one]))
                granted[one] = max(1.0, parts / careful)
        above = now >= threshold - np.log(granted)
        found += [(step, int(one)) for one in np.flatnonzero(above & ~open_alerts)]
        open_alerts = above | (open_alerts & (now >= threshold - np.log(10) - np.log(granted)))
    return found


@pytest.mark.parametrize("rate", [1e-4, 5e-4])
def test_quiet_segments_keep_the_budget(rate: float) -> None:
    """200 quiet segments: the rule raises as many false alarms as the budget, within 1.5.

    So it does where the budget is so generous that chance alone brings segments together.
    """
    rng = np.random.default_rng(11)
    steps = 1000
    counts = {True: 0, False: 0}
    for _ in range(2):
        scores = Scores(rng, steps).scores()
        for together in counts:
            counts[together] += len(_alerts(scores, rate, together=together))
    promised = 2 * SEGMENTS * steps * rate
    assert promised / 1.5 < counts[False] < 1.5 * promised
    assert counts[False] <= counts[True] < 1.2 * counts[False] + 2


def test_an_event_in_many_segments_is_seen_sooner_and_stays_pure() -> None:
    """60 of 200 segments: sooner than each alone, and few of the alerts are false."""
    delays: dict[bool, list[int]] = {True: [], False: []}
    false = total = 0
    for seed in range(3):
        made = Scores(np.random.default_rng(seed), 400)
        made.event(60, 200, 0.75)
        scores = made.scores()
        for together, found in delays.items():
            alerts = _alerts(scores, RATE, together=together)
            after = [(step, one) for step, one in alerts if step >= 200]
            first: dict[int, int] = {}
            for step, one in after:
                first.setdefault(one, step - 200)
            found += [first.get(one, 200) for one in range(60)]
            if together:
                total += len(alerts)
                false += sum(one >= 60 for _, one in alerts)
    assert np.median(delays[True]) <= np.median(delays[False]) - 4
    assert total >= 150
    assert false / total < 0.05
