"""Kill -9 of the whole process, again and again: nothing is lost, nothing is doubled."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.fault.kill_driver import KillDriver, Plan
from tests.support.kafka import kafka_jars
from tests.support.runtime import documents

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["kafka_jars"]

KILLS = int(os.environ.get("TIDEMARK_TEST_KILLS", "3"))
DOCUMENTS_PER_RUN = 300


@pytest.mark.fault
@pytest.mark.kafka
@pytest.mark.model
@pytest.mark.timeout(120 + 60 * KILLS)
def test_kills_of_the_whole_pipeline(tmp_path: Path, kafka_jars: Path, model_folder: Path) -> None:
    """Documents, deliveries, dead letters and windows count once after every kill."""
    found = documents(DOCUMENTS_PER_RUN * (KILLS + 1))
    plan = Plan(KILLS, found, 5, kafka_jars, model_folder, work_s=1.5)
    report = KillDriver(plan, tmp_path).run()
    assert len(report["kills"]) == KILLS
    wrong = {name: count for name, count in report.items() if _counts_errors(name) and count}
    assert wrong == {}
    assert report["well"]


def _counts_errors(name: str) -> bool:
    return name.endswith(("_lost", "_doubled", "_unknown", "_wrong", "_in_windows"))
