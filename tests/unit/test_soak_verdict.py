"""What counts as flat in a soak, and what does not."""

from __future__ import annotations

import random

import pytest

from tests.bench.soak_samples import Sample
from tests.bench.soak_verdict import Counted, memory_trend, slope_per_hour, trend, verdict

HOUR = 3600


def _points(level: float, per_hour: float, noise: float = 0.0) -> list[tuple[float, float]]:
    rng = random.Random(3)
    return [(at, level + per_hour * at / HOUR + rng.gauss(0, noise)) for at in range(0, HOUR, 5)]


def _sample(at: float, rss: float) -> Sample:
    return Sample(
        at=at,
        published=0,
        landed=0,
        lag={"land": 3},
        rss_mb={"land": rss},
        threads={"land": 9},
        open_files={"land": 9},
        cpu_seconds={"land": at},
        database_mb=1.0,
        log_mb=1.0,
    )


def test_a_slope_is_per_hour_and_minds_no_outliers() -> None:
    """A tenth of the samples far out of line does not move it."""
    points = _points(100, 25)
    wild = [(at, 9000.0 if number % 10 == 0 else v) for number, (at, v) in enumerate(points)]
    assert slope_per_hour(points) == pytest.approx(25)
    assert slope_per_hour(wild) == pytest.approx(25, abs=3)


def test_memory_that_grows_is_not_flat() -> None:
    """By more than a twentieth and ten megabytes from the second quarter to the last."""
    assert memory_trend(_points(400, 20, noise=5)).flat
    assert not memory_trend(_points(400, 120, noise=5)).flat


def test_caches_that_fill_at_first_do_not_count() -> None:
    """The first quarter of an hour is not compared, nor in the slope."""
    filled = [(at, min(v, 500.0)) for at, v in _points(200, 2000)]
    judged = memory_trend(filled)
    assert judged.flat
    assert judged.per_hour == 0


def test_lag_that_grows_is_not_flat() -> None:
    """A few messages more are nothing, a backlog is."""
    assert trend(_points(20, 60), 100).flat
    assert not trend(_points(20, 4000), 100).flat


@pytest.mark.parametrize(
    ("end", "complete"),
    [
        (Counted(10, 9, 9, 1), True),
        (Counted(10, 9, 9, 0), False),
        (Counted(10, 11, 10, 0), False),
    ],
)
def test_every_document_is_accounted_for(end: Counted, complete: bool) -> None:  # noqa: FBT001
    """In the view once, or among the dead letters."""
    samples = [_sample(at, 300) for at in range(0, 600, 5)]
    judged = verdict(samples, {"p50": _points(50, 0)}, end)
    assert (judged["flat"], judged["complete"]) == (True, complete)


def test_one_growing_process_spoils_the_verdict() -> None:
    """Whatever the others do."""
    samples = [_sample(at, 300 + at) for at in range(0, 600, 5)]
    assert not verdict(samples, {}, Counted(1, 1, 1, 0))["flat"]
