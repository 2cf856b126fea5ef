"""The plain monitors: each fault raises its kind, a busy hour none, quiet streams seldom any."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from streams.drift.monitors.monitors import Monitors
from streams.drift.options import DriftOptions
from tests.bench.bench_monitors import LAWS, false_alarms
from tests.support.quiet_windows import MINUTE, NOTHING, Law, Source, Wrong

if TYPE_CHECKING:
    from schemas.messages import DriftAlert

WEEK = 7 * 86_400_000
OPTIONS = DriftOptions(MINUTE, MINUTE, 1000, 1 / WEEK)
QUIET = 60


def alarms(wrong: Wrong, windows: int = 5, law: Law | None = None) -> list[DriftAlert]:
    """Alerts of a source that has been quiet for an hour before something went wrong."""
    monitors, source = Monitors("news", OPTIONS), Source(5, law)
    for closed in source.windows(QUIET):
        assert monitors.judge(closed, 1)[1] == []
    found = [monitors.judge(closed, 1)[1] for closed in source.windows(windows, wrong)]
    return [alert for alerts in found for alert in alerts]


@pytest.mark.parametrize(
    ("wrong", "kinds"),
    [
        (Wrong(documents=4), set()),
        (Wrong(documents=0.3), set()),
        (Wrong(without_title=1), {"missing"}),
        (Wrong(without_language=1), {"missing"}),
        (Wrong(copied=0.4), {"duplicates"}),
        (Wrong(length=0.5, new_words=0.15), {"length"}),
        (Wrong(label="sports"), {"labels"}),
        # Another language has other words for the model, too.
        (Wrong(language="de"), {"languages", "vocabulary"}),
        (Wrong(new_words=4), {"vocabulary"}),
        (Wrong(documents=30), {"rate"}),
        (Wrong(lateness=60_000), {"lateness"}),
    ],
    ids=str,
)
def test_each_fault_raises_its_kind(wrong: Wrong, kinds: set[str]) -> None:
    """And only that; four times the documents, or a third of them, are no event."""
    opened = {alert.kind for alert in alarms(wrong) if alert.state == "open"}
    assert kinds == opened


def test_an_alert_says_what_was_and_what_is() -> None:
    """In figures, with the moment of the change and a query."""
    first = alarms(Wrong(without_title=1))[0]
    assert "Documents without title: " in first.message
    usual = float(first.message.split("usually ")[1].split(" %")[0])
    assert usual == pytest.approx(2, abs=0.4)
    assert first.changed_at is not None
    assert first.window_start <= first.changed_at < first.detected_at
    assert "FROM drift_windows" in first.sql


def test_a_label_that_takes_over_is_told_with_intervals() -> None:
    """The mix before and after."""
    alert = alarms(Wrong(label="sports"))[-1]
    (change,) = [change for change in alert.labels if change.label == "sports"]
    assert change.before == pytest.approx(0.3, abs=0.03)
    assert (change.after, change.low > 0.5) == (1.0, True)


def test_an_event_that_ends_is_closed() -> None:
    """The alert is closed when the titles are back."""
    monitors, source = Monitors("news", OPTIONS), Source(5)
    states = []
    for count, wrong in ((QUIET, NOTHING), (5, Wrong(without_title=1)), (40, NOTHING)):
        for closed in source.windows(count, wrong):
            states += [alert.state for alert in monitors.judge(closed, 1)[1]]
    assert (states[0], states[-1]) == ("open", "closed")
    assert (states.count("open"), states.count("closed")) == (1, 1)


def test_with_too_little_history_it_says_so() -> None:
    """40 frames are collected; until then nothing is judged, whatever comes."""
    monitors, source = Monitors("news", OPTIONS), Source(6)
    for wrong in (NOTHING, Wrong(copied=0.5)):
        for closed in source.windows(19, wrong):
            (expected, state, scores, threshold), alerts = monitors.judge(closed, 1)
            assert (expected, state, scores, threshold, alerts) == (
                None,
                "collecting",
                {},
                None,
                [],
            )


def test_more_sources_raise_the_threshold() -> None:
    """The budget is shared: ten times the sources, log 10 more."""
    thresholds = []
    for segments in (10, 100):
        monitors, source = Monitors("news", OPTIONS), Source(5)
        verdicts = [monitors.judge(closed, segments)[0] for closed in source.windows(45)]
        thresholds.append(verdicts[-1][3])
    few, many = thresholds
    assert few is not None
    assert many == pytest.approx(few + 2.302585)


def test_expected_words_follow_the_size_of_the_window() -> None:
    """Four times the documents have more words, and the prediction knows how many."""
    monitors, source = Monitors("news", OPTIONS), Source(7)
    for closed in source.windows(QUIET):
        monitors.judge(closed, 1)
    for closed in source.windows(4, Wrong(documents=4)):
        (expected, *_), _ = monitors.judge(closed, 1)
        assert expected == pytest.approx(closed.distinct, rel=0.08)


@pytest.mark.parametrize("at", [3, 41, 48, 77, 150])
def test_restoring_anywhere_changes_nothing(at: int) -> None:
    """The same verdicts and alerts, bit for bit."""
    law = Law(documents=60)
    plan = [(148, NOTHING), (4, Wrong(copied=0.5)), (20, NOTHING)]
    source = Source(8, law)
    windows = [closed for count, wrong in plan for closed in source.windows(count, wrong)]
    one, other = Monitors("news", OPTIONS), Monitors("news", OPTIONS)
    for number, closed in enumerate(windows):
        if number == at:
            head = json.loads(json.dumps(other.head()))
            parts = {name: encode() for name, encode in other.parts().items()}
            other = Monitors("news", OPTIONS)
            other.restore(head, parts)
        assert one.judge(closed, 1) == other.judge(closed, 1)


@pytest.mark.parametrize("law", ["plain", "bursty"])
def test_false_alarms_keep_to_the_budget(law: str) -> None:
    """On a few quiet streams with one alarm in 100 frames allowed; the benchmark takes 300."""
    found, judged = false_alarms(LAWS[law], streams=3, every=100, seed=50)
    assert judged >= 300
    assert found.total() <= 1.5 * judged / 100 + 3
