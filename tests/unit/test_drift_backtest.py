"""A replay raises what production raised; other settings raise more or fewer."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
import typer

from streams.cli.drift_backtest import with_settings
from streams.drift.backtest import Backtest, Fired, match
from streams.drift.options import DriftOptions
from streams.stages.drift import DriftStage
from tests.support.streams_of_documents import Item, Law, stream

if TYPE_CHECKING:
    from schemas.messages import DriftAlert, Enriched

OPTIONS = DriftOptions(
    window_ms=10_000,
    lateness_ms=15_000,
    reference_documents=60,
    false_alarms_per_ms=1e-6,
    scales=(20, 40, 80),
    calibration_streams=8,
    calibration_documents=400,
    least_run_length=1000.0,
)


@lru_cache(maxsize=1)
def items() -> tuple[Item, ...]:
    """A source whose law moves after 200 of 320 documents."""
    rng = np.random.default_rng(5)
    law = Law.of(8)
    moved = np.concatenate([law.draw(rng, 200), law.draw(rng, 120, shift=2.0)])
    return tuple(stream(moved, rng, topic=("storm",), topic_from=200))


def documents() -> list[Enriched]:
    return [document for _, document in items()]


@lru_cache(maxsize=1)
def live() -> tuple[DriftAlert, ...]:
    """What production raises, in batches of another size."""
    stage = DriftStage(OPTIONS)
    given = items()
    outputs = [stage.process(given[start : start + 37]) for start in range(0, len(given), 37)]
    return tuple(alert for output in outputs for alert in output.alerts)


def test_the_same_settings_raise_the_same_alerts() -> None:
    """Alert for alert, from the opening to the last message; the document is where it opened."""
    replayed = Backtest(OPTIONS, sources=1)
    replayed.feed(documents())
    opened = [alert for alert in live() if alert.state == "open"]
    assert opened
    assert [firing.opened for firing in replayed.firings] == opened
    last = {alert.alert_id: alert for alert in live()}
    assert {firing.opened.alert_id: firing.last for firing in replayed.firings} == last
    drift = replayed.firings[0]
    assert 200 < drift.document <= 320
    assert documents()[drift.document - 1].published_at == drift.opened.detected_at


def test_a_budget_that_grants_nothing_raises_nothing() -> None:
    """A run length beyond what the calibration can speak of silences the detector."""
    silent = replace(OPTIONS, least_run_length=1e300, largest_run_length=1e300)
    replayed = Backtest(silent, sources=1)
    replayed.feed(documents())
    assert replayed.firings == []


def test_sources_share_the_budget() -> None:
    """With more sources each alarms later or as late: its threshold is higher."""
    thresholds = []
    for sources in (1, 50):
        replayed = Backtest(replace(OPTIONS, least_run_length=10.0), sources)
        replayed.feed(documents())
        thresholds.append(replayed.firings[0].opened.threshold)
    assert thresholds[1] > thresholds[0]


def test_an_alert_is_matched_by_source_and_time() -> None:
    """Of those whose time overlaps one of the same kind, and of these the nearest."""
    replayed = Backtest(OPTIONS, sources=1)
    replayed.feed(documents())
    firing = replayed.firings[0]
    start, at = firing.opened.window_start, firing.opened.detected_at
    same = Fired("same", firing.opened.source, firing.opened.kind, start, at, at)
    far = same._replace(alert_id="far", detected_at=at + 5_000)
    others = [same._replace(source="other"), _long_ago(same)]
    kind = same._replace(kind="labels")
    assert match(firing, [*others, kind, far, same]) == same
    assert match(firing, [*others, kind]) == kind
    assert match(firing, others) is None


def test_settings_are_read_as_written() -> None:
    """Names as in the environment or without its prefix; a mistake names what is known."""
    tried = with_settings(
        OPTIONS, ["false_alarms=2 per day", "TIDEMARK_DRIFT_REFERENCE=500", "scales=40,80"]
    )
    assert tried.false_alarms_per_ms == pytest.approx(2 / 86_400_000)
    assert (tried.reference_documents, tried.scales) == (500, (40, 80))
    for wrong in ("speed=3", "false_alarms", "false_alarms=often", "scales=15", "cooldown=x"):
        with pytest.raises(typer.BadParameter):
            with_settings(OPTIONS, [wrong])


def _long_ago(fired: Fired) -> Fired:
    return fired._replace(window_start=0, detected_at=1, ended_at=2)
