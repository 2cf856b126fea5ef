"""The report of a run, and the memory that it tells of."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

from streams.runtime.memory import MemorySampler
from streams.runtime.report import MemoryProfile, Report, write_report

if TYPE_CHECKING:
    from pathlib import Path

# Contract: dashboards and scripts outside the project rely on these names.
FIELDS = [
    *("documents_in", "rows_landed", "lost", "duplicated", "dead_letters", "alerts", "seconds"),
    *("documents_per_second", "model_documents_per_second", "pipeline_efficiency", "latency_ms"),
    *("peak_rss_mb", "device", "compute_type", "broker", "database"),
]


def _report() -> Report:
    return Report(
        documents_in=10,
        rows_landed=8,
        lost=0,
        duplicated=0,
        dead_letters=2,
        alerts=1,
        seconds=2.5,
        documents_per_second=4.0,
        model_documents_per_second=None,
        pipeline_efficiency=None,
        latency_ms={"p50": 1.0, "p95": 2.0, "p99": None},
        peak_rss_mb=100.5,
        device="cpu",
        compute_type="int8",
        broker="in-process",
        database="chdb",
        details={"more": 1},
    )


def test_the_file_holds_every_promised_field(tmp_path: Path) -> None:
    """As JSON, in a folder that is made, with nothing else left there."""
    path = tmp_path / "deep" / "r.json"
    write_report(path, _report())
    loaded = json.loads(path.read_text())
    assert [name for name in FIELDS if name not in loaded] == []
    assert loaded["latency_ms"] == {"p50": 1.0, "p95": 2.0, "p99": None}
    assert [path] == list(path.parent.iterdir())


def test_a_report_replaces_an_older_one_whole(tmp_path: Path) -> None:
    """Nothing of the older one is left."""
    path = tmp_path / "r.json"
    path.write_text("x" * 10_000)
    write_report(path, _report())
    assert json.loads(path.read_text())["documents_in"] == 10


def test_profile_of_samples() -> None:
    """Peaks are of the process and of its children; halves are means of the process."""
    profile = MemoryProfile([(0.0, 10.0, 5.0), (1.0, 20.0, 9.0), (2.0, 60.0, 1.0), (3.0, 40.0, 0)])
    assert (profile.peak, profile.children_peak, profile.halves()) == (60.0, 9.0, (15.0, 50.0))


def test_profile_of_nothing() -> None:
    """A run that ended before the first sample has no memory."""
    profile = MemoryProfile([])
    assert (profile.peak, profile.children_peak, profile.halves()) == (0.0, 0.0, (0.0, 0.0))


def test_the_sampler_samples_and_ends() -> None:
    """It has a first sample soon, goes on sampling, and its thread ends with the block."""
    before = threading.active_count()
    with MemorySampler(interval=0.01) as sampler:
        while len(sampler.profile.samples) < 3:
            threading.Event().wait(0.01)
    seconds = [second for second, _, _ in sampler.profile.samples]
    assert seconds == sorted(seconds)
    assert 10 < sampler.profile.peak < 100_000
    assert threading.active_count() == before
