"""How long moods last: fitted well enough that means of several frames vary as they are said to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from streams.drift.monitors.mix import Mix
from streams.drift.monitors.persistence import Persistence

FRAMES = 112


def moods(seed: int, keep: float, share: float, numbers: int = 400) -> npt.NDArray[np.float64]:
    """Numbers of which a share is an autoregressive process, the rest white noise."""
    rng = np.random.default_rng(seed)
    mood = rng.normal(size=numbers)
    rows = []
    for _ in range(FRAMES):
        mood = keep * mood + np.sqrt(1 - keep**2) * rng.normal(size=numbers)
        rows.append(np.sqrt(share) * mood + np.sqrt(1 - share) * rng.normal(size=numbers))
    return np.array(rows)


def fitted(values: npt.NDArray[np.float64]) -> Persistence:
    return Persistence.fit(values - values.mean(axis=0))


def test_independent_frames_persist_hardly() -> None:
    widening = fitted(moods(1, 0.0, 0.0)).widening(16)
    assert np.median(widening) < 1.25
    assert widening.mean() < 1.5


@pytest.mark.parametrize(("keep", "share"), [(0.8, 0.5), (0.8, 0.9), (0.5, 0.8)])
def test_means_of_frames_vary_as_they_are_said_to(keep: float, share: float) -> None:
    lags = np.arange(1, 16)
    true = 1 + 2 * share * float(((1 - lags / 16) * keep**lags).sum())
    assert np.median(fitted(moods(2, keep, share)).widening(16)) == pytest.approx(true, rel=0.3)


def test_a_loud_short_mood_is_not_taken_for_a_long_one() -> None:
    """The correlation at lag 1 is the same: 0.45."""
    long = np.median(fitted(moods(3, 0.9, 0.5)).widening(16))
    short = np.median(fitted(moods(4, 0.45, 1.0)).widening(16))
    assert long > 1.5 * short


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_a_mood_that_lasts_half_of_the_frames_is_believed(share: float) -> None:
    """The most likely one is far too short: of such a mood there are only two in the frames."""
    keep, lags = float(np.exp(-1 / 50)), np.arange(1, 16)
    true = 1 + 2 * share * float(((1 - lags / 16) * keep**lags).sum())
    assert np.median(fitted(moods(6, keep, share)).widening(16)) > 0.7 * true


def test_numbers_that_never_vary_do_not_persist() -> None:
    assert fitted(np.zeros((FRAMES, 2))).widening(16).tolist() == [1.0, 1.0]
    assert np.isfinite(fitted(moods(5, 0.0, 0.0)[:24]).widening(16)).all()


def test_a_mix_that_sways_is_seen_to_stay_away_longer_than_its_distance_tells() -> None:
    """Distances from the usual mix are squares: they fade twice as fast as what they come from."""
    rng = np.random.default_rng(7)
    mood, frames = 0.0, []
    for _ in range(FRAMES):
        mood = 0.95 * mood + np.sqrt(1 - 0.95**2) * rng.normal()
        shares = np.exp(0.3 * mood * np.array([1, -1, 0.5, 0]))
        counts = rng.multinomial(200, shares / shares.sum()).tolist()
        frames.append(dict(zip("abcd", counts, strict=True)))
    mix = Mix.fit(frames)
    swaying, distance = mix.leading(frames)[:, None], mix.scores(frames)[:, None]
    assert fitted(swaying).widening(16)[0] > 1.2 * fitted(distance).widening(16)[0]
