"""The statistics behind detection and explanation, against known values and laws."""

from __future__ import annotations

from collections import Counter
from math import exp, inf, log

import numpy as np
import pytest

from streams.drift.budget import SHARES, Budget, documents_per_ms, log_run_length_target
from streams.drift.bursts import Bursts
from streams.drift.calibration import calibrate
from streams.drift.gumbel import fit_moments, log_run_length
from streams.drift.scan import Scan
from streams.drift.shares import share_change, share_changes
from streams.drift.spectrum import Spectrum, fit_spectrum
from streams.drift.terms import log_odds_z, term_changes
from tests.support.streams_of_documents import Law

RIDGES = (0.1, 1.0, inf)


def test_newcombe_example() -> None:
    """56 of 70 against 48 of 80: the interval of Newcombe (1998), table II, method 10."""
    change = share_change("x", 48, 80, 56, 70)
    assert (change.before, change.after) == (0.6, 0.8)
    assert (round(change.low, 4), round(change.high, 4)) == (0.0524, 0.3339)


def test_shares_of_new_and_vanished_labels() -> None:
    """A label that one side lacks has share 0 there; the largest change stands first."""
    changes = share_changes({"a": 90, "b": 10}, {"a": 5, "c": 5})
    assert [change.label for change in changes] == ["c", "a", "b"]
    assert (changes[0].before, changes[0].after) == (0.0, 0.5)
    assert changes[0].low > 0 > changes[1].high


def test_gumbel_recovers_its_law() -> None:
    """Moments of a Gumbel sample give back location and scale; run lengths follow the tail."""
    sample = np.random.default_rng(1).gumbel(3.0, 0.5, 200_000)
    location, scale = fit_moments(sample, 0.1)
    assert (round(float(location), 2), round(float(scale), 2)) == (3.0, 0.5)
    level = np.array([3.0 + 0.5 * log(10.0)])
    length = log_run_length(level, np.array([3.0]), np.array([0.5]), 1000)
    assert round(exp(float(length[0]))) == 10_000


def test_quiet_scores_are_standard_normal() -> None:
    """Means of quiet standard scores give z with mean 0 and deviation 1, at every ridge."""
    rng = np.random.default_rng(2)
    deviations = np.exp(-np.arange(64) / 16).astype(np.float32)
    scan = Scan.of(deviations, 10**9, RIDGES)
    z = scan.scores(rng.normal(size=(20_000, 64)) / np.sqrt(40), np.full(20_000, 40.0))
    assert np.abs(z.mean(axis=0)).max() < 0.05
    assert np.abs(z.std(axis=0) - 1).max() < 0.05


@pytest.mark.parametrize(("documents", "dimensions"), [(400, 16), (120, 384)])
def test_out_of_fold_variances_are_honest(documents: int, dimensions: int) -> None:
    """New documents have deviation 1 after standardizing, also with fewer documents than axes."""
    law, rng = Law.of(dimensions), np.random.default_rng(3)
    spectrum, unmet = fit_spectrum(law.draw(rng, documents).astype(np.float64))
    fresh = (law.draw(rng, 4000) - spectrum.mean) @ spectrum.standardizer
    assert (documents, dimensions) == unmet.scores.shape
    assert pytest.approx(float((fresh**2).mean()), rel=0.15) == 1.0


def test_a_topic_that_came_once_is_as_far_out_as_to_who_has_not_met_it() -> None:
    vectors = np.random.default_rng(4).normal(size=(1000, 8))
    vectors[300:330, 0] += 6.0
    spectrum, unmet = fit_spectrum(vectors)
    met = (vectors - spectrum.mean) @ spectrum.standardizer
    there = slice(300, 330)
    assert (unmet.scores[there] ** 2).sum(axis=1).mean() > 1.15 * (met[there] ** 2).sum(
        axis=1
    ).mean()
    assert unmet.scores[400:].std() == pytest.approx(met[400:].std(), rel=0.05)


def test_to_independent_documents_all_folds_are_alike() -> None:
    _, unmet = fit_spectrum(np.random.default_rng(5).normal(size=(2000, 16)))
    assert np.abs(unmet.louder - 1).max() < 0.05
    assert (unmet.scores**2).mean() == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("least", [0.0, 0.02])
def test_axes_come_back_bit_for_bit(least: float) -> None:
    """They are not kept beside the standardizer; also where nothing varies along some of them."""
    law, rng = Law.of(64), np.random.default_rng(3)
    vectors = law.draw(rng, 300).astype(np.float64)
    vectors[:, 40:] = 1e-4 * vectors[:, :24]
    spectrum, _ = fit_spectrum(vectors, least)
    again = Spectrum.of(**spectrum.arrays())
    assert again.standardizer.tobytes() == spectrum.standardizer.tobytes()
    assert again.axes.tobytes() == spectrum.axes.tobytes()
    drawn = rng.standard_normal((64, 64)).astype(np.float16)
    drawn[:8] *= np.float16(1e-6)
    assert np.array_equal(Spectrum.of(spectrum.mean, drawn, spectrum.deviations).axes, drawn)


def test_calibration_is_deterministic_and_holds() -> None:
    """The same seed gives the same law; fresh quiet streams score as high as it says."""
    rng = np.random.default_rng(4)
    scan = Scan.of(np.ones(8, np.float32), 10**9, RIDGES)
    scores = rng.normal(size=(4000, 8)).astype(np.float32)
    none = Bursts(4000, np.empty((8, 0)), np.empty(0), np.empty(0), np.empty((4000, 0)))
    given = {
        "scales": (20, 40),
        "block": 10,
        "streams": 64,
        "documents": 1000,
        "shares": np.ones(1),
    }
    one, two = (calibrate(scan, scores, none, **given, seed=5) for _ in range(2))  # type: ignore[arg-type]
    assert one.location.tolist() == two.location.tolist()
    assert one.combined == two.combined
    score, best, channel = one.combine(one.location + one.scale * 3)
    assert score > log(1000)
    assert (best in {0, 1}, channel) == (True, 0)


def test_budget_is_shared_and_bounded() -> None:
    """Twice the segments or volume: twice the run length; slow and dateless segments: the floor."""

    def target(volume: float, segments: int) -> float:
        return exp(log_run_length_target(volume, 1e-7 / segments, 1e4, 1e8))

    assert round(target(0.001, 2)) == 20_000
    assert round(target(0.001, 4)) == 40_000
    assert round(target(1e-9, 1)) == 10_000
    assert round(target(0.0, 1)) == 10_000
    assert round(target(1e9, 1)) == 100_000_000


def test_the_parts_of_all_partitions_are_the_budget() -> None:
    """However the segments lie on the partitions, all that they are granted is the budget."""
    budget = Budget(1e-6, partitions=4)
    on_partitions = (1, 7, 40, 152)
    granted = sum(
        budget.of_segment(segments, holder) * segments
        for segments in on_partitions
        for holder in SHARES
    )
    assert granted == pytest.approx(1e-6)
    assert budget.of_segment(0, "scan") == budget.of_segment(1, "scan")


def test_levels_of_tests_add_up_to_the_monitors_part() -> None:
    """Tests a time x times a millisecond x level: what the monitors of a segment may raise."""
    budget = Budget(1e-9, partitions=2)
    level = budget.of_test(10, "monitors", tests=20, every_ms=60_000)
    assert level * 20 / 60_000 == pytest.approx(budget.of_segment(10, "monitors"))
    assert Budget(1.0).of_test(1, "monitors", 1, 60_000) == 0.01


def test_volume_shrugs_off_misdated_documents() -> None:
    """A few wrong dates do not stretch the span; documents of one instant have no volume."""
    times = np.arange(1000, dtype=np.int64) * 200
    times[5] = -(10**14)
    assert pytest.approx(documents_per_ms(times), rel=0.02) == 0.005
    assert documents_per_ms(np.full(100, 7, np.int64)) == 0.0


def test_words_that_came_and_went() -> None:
    """Planted words lead the lists; numbers, short and ubiquitous words stay out."""
    before = {"file": 300, "the": 950, "socket": 200, "ab": 10, "rare": 2, "2024": 1}
    after = {"matrix": 60, "the": 99, "file": 5, "axis": 30, "ab": 60, "rare": 1, "2024": 80}
    came, went = term_changes(before, 1000, after, 100, 10)
    assert [change.term for change in came] == ["matrix", "axis"]
    assert [change.term for change in went] == ["file", "socket"]
    assert (came[0].before, came[0].after) == (0.0, 0.6)
    assert came[0].z > came[1].z > 1.96
    assert all(change.z < -1.96 for change in went)


def test_word_scores_are_calm_without_change() -> None:
    """Two samples of one law: hardly a z-score beyond 4 among 400 words."""
    rng = np.random.default_rng(9)
    shares = rng.uniform(0.005, 0.4, 400)
    old = rng.binomial(1000, shares).astype(np.float64)
    new = rng.binomial(200, shares).astype(np.float64)
    z = log_odds_z(old, 1000, new, 200)
    assert np.abs(z).max() < 4
    assert term_changes(Counter(), 10, Counter(), 10, 5) == ((), ())
