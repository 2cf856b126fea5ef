"""The life of an alert: opened once, updated while the event lasts, closed with a reason.

One event is one alert: a source has at most one alert open for each kind of statistic, and every
message of it bears the same ``alert_id`` and a higher ``version``.

* ``open``: the score passes its threshold.
* ``update``, few of them: when the documents since the opening have doubled (100, 200, 400, ...),
  and sooner when the alert becomes critical.
* ``closed``: ``returned`` (the stream looks like its reference again: the score stayed ten times
  rarer than the threshold for as many documents as the finding asks for, or the statistic itself
  says so), ``new-reference`` (it stays, so a new reference was taken by rule), ``new-model``, or
  ``by-hand``.

After it has closed, the same kind stays silent for ``rest`` documents, so that an event that comes
and goes does not flap. The open alerts are part of the segment's head: a worker that takes the
segment over goes on where the other stopped, and a replay writes the same messages again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log
from typing import TYPE_CHECKING, Any, Literal

from schemas.messages import DriftAlert
from schemas.records import RecordType
from streams.drift.alerts import closing, first, later
from streams.drift.severity import CRITICAL, SURE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.drift.finding import Finding, Moment

Reason = Literal["returned", "new-reference", "new-model", "by-hand"]

FIRST_UPDATE = 100
"""Documents after the opening until the first update is due; then doubled each time."""

_HYSTERESIS = log(10)
_RECORDS = RecordType(DriftAlert)


@dataclass(slots=True)
class Event:
    """An alert that is open.

    Attributes:
        alert: as it was written last.
        opened: position of the opening.
        due: position at which the next update is written.
        quiet_since: position since which the score is well below the threshold; None: it is not.
        looked: how far above the threshold the score was when the severity was looked at last.
    """

    alert: DriftAlert
    opened: int
    due: int
    quiet_since: int | None
    looked: float


class Lifecycle:
    """The alerts of one source that are open; deterministic given the findings in order.

    Args:
        rest: documents for which a kind stays silent after its alert was closed.
    """

    def __init__(self, rest: int) -> None:
        self._rest = rest
        self._events: dict[str, Event] = {}
        self._silent: dict[str, int] = {}
        self._number = 0

    def take(self, finding: Finding) -> DriftAlert | None:
        """Take in one evaluation of one statistic; returns the alert to write, if any."""
        event = self._events.get(finding.kind)
        if event is None:
            return self._opened(finding) if self._alarming(finding) else None
        if self._over(event, finding):
            return self._closed(finding.kind, "returned", finding.moment, "")
        above = finding.score - finding.threshold
        due = finding.moment.position >= event.due
        if above <= 0 or not (due or _surer(event, above)):
            return None
        event.looked = above
        alert = later(event.alert, finding)
        if not due and alert.severity != CRITICAL:
            return None
        while event.due <= finding.moment.position:
            event.due = event.opened + 2 * (event.due - event.opened)
        event.alert = alert
        return alert

    def is_open(self, kind: str) -> bool:
        """Return whether there is an alert of this kind."""
        return kind in self._events

    def alert(self, kind: str) -> DriftAlert | None:
        """Return the open alert of this kind as it was written last."""
        event = self._events.get(kind)
        return event.alert if event else None

    def age(self, kind: str, position: int) -> int:
        """Return the documents since the alert of this kind was opened; 0 where there is none."""
        event = self._events.get(kind)
        return position - event.opened if event else 0

    def close(self, kind: str, reason: Reason, moment: Moment, note: str = "") -> DriftAlert | None:
        """Close the alert of a kind, as when its statistic has got a new reference."""
        return self._closed(kind, reason, moment, note) if kind in self._events else None

    def close_all(self, reason: Reason, moment: Moment, note: str = "") -> list[DriftAlert]:
        """Close every alert that is open, oldest first."""
        return [self._closed(kind, reason, moment, note) for kind in list(self._events)]

    def head(self) -> dict[str, Any]:
        """Return the state as plain values."""
        events = [
            [
                kind,
                _RECORDS.to_avro(each.alert),
                each.opened,
                each.due,
                each.quiet_since,
                each.looked,
            ]
            for kind, each in self._events.items()
        ]
        return {"number": self._number, "silent": self._silent, "events": events}

    def restore(self, head: Mapping[str, Any]) -> None:
        """Set the state from what ``head`` returned."""
        self._number, self._silent = head["number"], dict(head["silent"])
        self._events = {
            kind: Event(_RECORDS.from_avro(alert), *rest) for kind, alert, *rest in head["events"]
        }

    # --- one at a time

    def _alarming(self, finding: Finding) -> bool:
        silent_until = self._silent.get(finding.kind, 0)
        return finding.score > finding.threshold and finding.moment.position > silent_until

    def _opened(self, finding: Finding) -> DriftAlert:
        self._number += 1
        alert = first(finding, self._number)
        opened, above = finding.moment.position, finding.score - finding.threshold
        self._events[finding.kind] = Event(alert, opened, opened + FIRST_UPDATE, None, above)
        return alert

    def _over(self, event: Event, finding: Finding) -> bool:
        if finding.over is not None:
            return finding.over
        if finding.score > finding.threshold - _HYSTERESIS:
            event.quiet_since = None
            return False
        if event.quiet_since is None:
            event.quiet_since = finding.moment.position
        return finding.moment.position - event.quiet_since >= finding.quiet_documents

    def _closed(self, kind: str, reason: Reason, moment: Moment, note: str) -> DriftAlert:
        event = self._events.pop(kind)
        self._silent[kind] = moment.position + self._rest
        lasted = moment.position - event.opened
        return replace(closing(event.alert, reason, moment, lasted), note=note)


def _surer(event: Event, above: float) -> bool:
    """Return whether it is worth while to look at the severity again; looking costs something."""
    return event.alert.severity != CRITICAL and above >= max(SURE, 2 * event.looked)
