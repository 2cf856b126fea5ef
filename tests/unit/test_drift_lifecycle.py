"""One event, one alert: opened, updated, closed, without flapping, across restarts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from schemas.messages import ShareChange
from streams.drift.finding import Explanation, Finding, Moment, Span
from streams.drift.lifecycle import Lifecycle

if TYPE_CHECKING:
    from schemas.messages import DriftAlert

THRESHOLD = 9.0


def finding(position: int, score: float, **changes: object) -> Finding:
    """An evaluation of the share of empty documents after ``position`` documents, one a second."""
    told = Explanation("12 % of the documents are empty, 1 % before", effect=0.3)
    explain = changes.pop("explain", lambda: told)
    return Finding(
        source="news",
        kind="empty",
        score=score,
        threshold=THRESHOLD,
        moment=Moment(position, position * 1000, 5 + position // 50),
        span=Span(0, position * 1000, position),
        explain=explain,  # type: ignore[arg-type]
        **changes,  # type: ignore[arg-type]
    )


def life(scores: dict[int, float], lifecycle: Lifecycle | None = None) -> list[DriftAlert]:
    """Alerts of the scores at these positions."""
    events = lifecycle or Lifecycle(100)
    taken = (events.take(finding(position, score)) for position, score in scores.items())
    return [alert for alert in taken if alert is not None]


def steps(first: int, last: int, score: float) -> dict[int, float]:
    return dict.fromkeys(range(first, last, 10), score)


def test_an_event_is_one_alert_from_its_opening_to_its_end() -> None:
    """Opened once, updated at 100, 200, 400 documents, closed when it is over; versions rise."""
    alerts = life(steps(0, 200, 3.0) | steps(200, 700, 12.0) | steps(700, 1000, 2.0))
    assert [alert.state for alert in alerts] == ["open", "update", "update", "update", "closed"]
    assert [(alert.as_of or 0) // 1000 for alert in alerts] == [200, 300, 400, 600, 800]
    assert len({alert.alert_id for alert in alerts}) == 1
    versions = [alert.version for alert in alerts]
    assert versions == sorted(set(versions))
    assert {alert.detected_at for alert in alerts} == {200_000}
    assert alerts[-1].reason == "returned"


def test_scores_about_the_threshold_do_not_flap() -> None:
    """An alert stays open until the score was ten times rarer for a while, and then rests."""
    about = {position: 8.5 if position % 20 else 9.5 for position in range(0, 2000, 10)}
    alerts = life(about)
    assert {alert.state for alert in alerts} == {"open", "update"}
    short = life(steps(10, 20, 10.0) | steps(20, 140, 1.0) | steps(140, 200, 10.0))
    assert [alert.state for alert in short] == ["open", "closed"]
    later = life(steps(10, 20, 10.0) | steps(20, 140, 1.0) | steps(300, 310, 10.0))
    assert [alert.state for alert in later] == ["open", "closed", "open"]
    assert len({alert.alert_id for alert in later}) == 2


def test_an_alert_that_becomes_critical_says_so_at_once() -> None:
    """Not at the next doubling: and it does not become less severe afterwards."""
    big = Explanation("x", effect=1.5)
    events = Lifecycle(100)
    opened = events.take(finding(10, 10.0))
    worse = events.take(finding(20, 14.0, explain=lambda: big))
    later = events.take(finding(110, 9.5))
    assert opened is not None
    assert worse is not None
    assert later is not None
    assert [a.severity for a in (opened, worse, later)] == ["warning", "critical", "critical"]


@pytest.mark.parametrize(
    ("score", "told", "severity"),
    [
        (9.1, Explanation("x", effect=5.0), "warning"),
        (14.0, Explanation("x", effect=0.5), "warning"),
        (14.0, Explanation("x", effect=0.9), "critical"),
        (14.0, Explanation("x"), "critical"),
        (14.0, Explanation("x", labels=(ShareChange("a", 0.1, 0.4, 0.21, 0.4),)), "critical"),
        (14.0, Explanation("x", labels=(ShareChange("a", 0.5, 0.2, -0.4, -0.1),)), "warning"),
    ],
)
def test_severity_is_size_and_surety(score: float, told: Explanation, severity: str) -> None:
    """Critical is what is both large and far beyond the budget of false alarms."""
    alert = Lifecycle(0).take(finding(10, score, explain=lambda: told))
    assert alert is not None
    assert alert.severity == severity


def test_a_new_reference_closes_what_is_open() -> None:
    """With its reason; nothing is left to be closed twice."""
    events = Lifecycle(100)
    life(steps(0, 50, 12.0), events)
    moment = Moment(60, 60_000, 7)
    (closed,) = events.close_all("by-hand", moment, "moved to the new feed")
    assert (closed.state, closed.reason, closed.note) == (
        "closed",
        "by-hand",
        "moved to the new feed",
    )
    assert events.close_all("by-hand", moment) == []
    assert events.close("empty", "by-hand", moment) is None


def test_open_alerts_survive_a_restart() -> None:
    """After any evaluation the state can be written as JSON, read, and gone on with."""
    scores = steps(0, 200, 3.0) | steps(200, 700, 12.0) | steps(700, 1000, 2.0)
    resumed: list[DriftAlert] = []
    head = json.dumps(Lifecycle(100).head())
    for position, score in scores.items():
        events = Lifecycle(100)
        events.restore(json.loads(head))
        resumed += life({position: score}, events)
        head = json.dumps(events.head())
    assert resumed == life(scores)


def test_explaining_is_put_off_until_somebody_reads_it() -> None:
    """Quiet evaluations and those between two messages cost no explanation."""
    asked: list[int] = []

    def explain() -> Explanation:
        asked.append(1)
        return Explanation("x", effect=0.1)

    events = Lifecycle(100)
    written = [
        events.take(finding(position, 3.0 if position < 500 else 10.0, explain=explain))
        for position in range(0, 1000, 10)
    ]
    assert len(asked) == len([alert for alert in written if alert]) == 4


def test_the_message_says_what_since_when_and_how_sure() -> None:
    """In plain words, with the interval, without a score."""
    told = Explanation(
        "12 % of the documents are empty, 1 % before",
        changed_at=1_795_230_720_000,
        changed_from=1_795_230_420_000,
        changed_to=1_795_230_900_000,
    )
    alert = Lifecycle(0).take(finding(10, 12.0, explain=lambda: told, expected_per_week=1 / 52))
    assert alert is not None
    assert alert.message == (
        '"news" changed about 2026-11-21 03:12 UTC (between 03:07 and 03:15). 12 % of the '
        "documents are empty, 1 % before. Chance alone would show this about once in 12 months, "
        "over all sources together."
    )
