"""An alert in one sentence, and the query that shows its evidence again."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemas.messages import DriftAlert
    from streams.drift.finding import Explanation, Finding

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_FIRST_MS = -62_135_596_800_000  # years 1 and 9999: what the calendar can name
_LAST_MS = 253_402_300_799_000
_ESCAPES: dict[str, str | int | None] = {
    "\\": "\\\\",
    "'": "\\'",
    "\0": "\\0",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
}
_MONTH = 30.44 / 7  # in weeks
_YEAR = 365.25 / 7
_CENTURY = 100 * _YEAR


def message(finding: Finding, told: Explanation, since: int) -> str:
    """Return what happened, since when, and how sure, for somebody who knows no statistics."""
    when = _since(since, told.changed_from, told.changed_to)
    parts = [f"{_segment(finding.source, finding.label)} changed {when}", told.sentence]
    if finding.expected_per_week is not None:
        parts.append(_surety(finding.expected_per_week))
    return " ".join(f"{part[:1].upper()}{part[1:].rstrip('.')}." for part in parts if part)


def closed_message(alert: DriftAlert, reason: str, ended_at: int, documents: int) -> str:
    """Return how an event ended, and what was told of it while it lasted.

    Args:
        alert: as it was written last.
        reason: why it ends.
        ended_at: event time, ms.
        documents: of the source since the alert was opened.
    """
    return f"{_ending(alert, reason, ended_at, documents)} The alert said: {alert.message}"


def _ending(alert: DriftAlert, reason: str, ended_at: int, documents: int) -> str:
    source, since = _segment(alert.source, alert.label), _beginning(alert)
    lasted = f"{_duration(ended_at - alert.detected_at)} ({documents:,} documents)"
    if reason == "returned":
        return (
            f"Over: {source} looks again as it did before {since}. The alert was open for {lasted}."
        )
    if reason == "new-reference":
        return (
            f"Settled: {source} has stayed as it has been since {since}. {lasted} after the alert "
            "this is its new normal: from now on it is compared with these documents."
        )
    if reason == "new-model":
        return (
            f"Ended: {source} is read by another model or sorted into other labels now, which "
            "cannot be compared with before. A new reference is being collected."
        )
    return f"Ended by hand: a new reference of {source} is being collected."


def _segment(source: str, label: str) -> str:
    return f'"{source}", label "{label}",' if label else f'"{source}"'


def _beginning(alert: DriftAlert) -> str:
    return utc_minute(alert.detected_at if alert.changed_at is None else alert.changed_at)


def _since(at: int, low: int | None, high: int | None) -> str:
    if low is None or high is None or utc_minute(low) == utc_minute(high):
        return f"at {utc_minute(at)}"
    return f"about {utc_minute(at)} (between {_short(low, at)} and {_short(high, at)})"


def _short(at: int, same: int) -> str:
    """Return the time alone where the day is the same."""
    day, time, _ = utc_minute(at).split(" ")
    return time if utc_minute(same).startswith(day) else f"{day} {time}"


def _duration(milliseconds: int) -> str:
    seconds = max(milliseconds, 0) / 1000
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def _surety(per_week: float) -> str:
    """Return how often chance alone would do this, in a unit that people can imagine."""
    weeks = 1 / max(per_week, 1e-9)
    for unit, length in (("years", _YEAR), ("months", _MONTH), ("weeks", 1.0)):
        if weeks >= 2 * length:
            how_often = f"about once in {weeks / length:.0f} {unit}"
            break
    else:
        how_often = "once a week" if round(per_week) <= 1 else f"{per_week:.0f} times a week"
    if weeks >= _CENTURY:
        how_often = "less than once in 100 years"
    return f"Chance alone would show this {how_often}, over all sources together"


def utc_minute(milliseconds: int) -> str:
    """Return a time as ``2026-11-21 03:12 UTC``."""
    moment = _EPOCH + timedelta(milliseconds=min(max(milliseconds, _FIRST_MS), _LAST_MS))
    return f"{moment.isoformat(sep=' ', timespec='minutes').split('+', maxsplit=1)[0]} UTC"


def evidence_query(source: str, start: int, end: int, label: str = "") -> str:
    """Return a ClickHouse query for the window's documents; times in ms, both ends included."""
    of_label = f"AND label = {sql_string(label)} " if label else ""
    return (
        "SELECT published_at, doc_id, label, title, summary FROM documents "
        f"WHERE source = {sql_string(source)} {of_label}"
        f"AND published_at BETWEEN fromUnixTimestamp64Milli({start:d}, 'UTC') "
        f"AND fromUnixTimestamp64Milli({end:d}, 'UTC') ORDER BY published_at, doc_id"
    )


def sql_string(text: str) -> str:
    """Return a ClickHouse string literal of any text; no character can end it early.

    ClickHouse reads backslash escapes inside single quotes; a NUL or a line break is written as
    one so that the query stays one line.
    """
    return f"'{text.translate(str.maketrans(_ESCAPES))}'"
