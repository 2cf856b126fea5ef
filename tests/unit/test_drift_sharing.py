"""Segments of a partition under one budget: the same alerts however the messages came."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from streams.drift import sharing
from streams.drift.discoveries import Share
from streams.drift.options import DriftOptions
from streams.stages.drift import DriftStage, StatePart
from tests.support.streams_of_documents import Item, Law, item, stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.messages import DriftAlert

OPTIONS = DriftOptions(
    60_000,
    600_000,
    60,
    1e-9,
    scales=(20, 40),
    calibration_streams=6,
    calibration_documents=400,
)
SOURCES = 5
DRIFTING = 4


@pytest.fixture(autouse=True)
def short_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many comparisons in few messages."""
    monkeypatch.setattr(sharing, "EPOCH", 50)


@pytest.fixture(scope="module")
def items() -> list[Item]:
    """Sources in turn; four of the five drift at the same time."""
    law, rng = Law.of(8), np.random.default_rng(2)
    sources = []
    for number in range(SOURCES):
        quiet = law.draw(rng, 110)
        later = law.draw(rng, 50, shift=0.7 if number < DRIFTING else 0.0)
        sources.append(stream(np.vstack((quiet, later)), rng, source=f"s{number}"))
    turns = [one for turn in zip(*sources, strict=True) for one in turn]
    return [
        item(replace(document, offset=at, doc_id=f"d{at}"), at)
        for at, (_, document) in enumerate(turns)
    ]


def _alerts(items: Sequence[Item], cuts: Sequence[int], *, restored: bool) -> list[DriftAlert]:
    stage, stored = DriftStage(OPTIONS), dict[tuple[str, str], StatePart]()
    alerts: list[DriftAlert] = []
    for start, end in zip([0, *cuts], [*cuts, len(items)], strict=True):
        alerts += stage.process(items[start:end]).alerts
        if restored:
            for part in stage.snapshot():
                stored[part.source, part.name] = part
            stage = DriftStage(OPTIONS)
            stage.restore([part for part in stored.values() if part.payload is not None])
    return alerts


def test_batches_and_restarts_change_no_alert(items: list[Item]) -> None:
    """Cut anywhere, restored anywhere within an epoch: the same alerts, bit for bit."""
    expected = _alerts(items, [], restored=False)
    assert {alert.source for alert in expected} >= {f"s{n}" for n in range(DRIFTING)}
    assert _alerts(items, [1, 49, 50, 333, 571, 640], restored=False) == expected
    assert _alerts(items, [575, 612, 660], restored=True) == expected


def test_others_that_drift_lower_the_threshold(
    items: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compared with each alone, some alert earlier, none later, at a lower threshold."""
    together = _alerts(items, [], restored=False)
    monkeypatch.setattr(sharing.Sharing, "share", lambda self, _: Share(len(self.members)))
    alone = _alerts(items, [], restored=False)

    def opened(alerts: list[DriftAlert]) -> dict[str, DriftAlert]:
        return {one.source: one for one in reversed(alerts) if one.state == "open"}

    first, later = opened(together), opened(alone)
    assert all(first[s].detected_at <= later[s].detected_at for s in later)
    assert min(one.threshold for one in first.values()) < min(
        one.threshold for one in later.values()
    ) - np.log(1.5)
