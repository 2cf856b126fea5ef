"""One event, one alert: what several statistics see of the same change is told as one.

A change of topic moves embeddings, words, labels and lengths, each statistic notices in its own
time, and each has its own alert (``lifecycle.py``). Of these alerts the first is the event: its
``alert_id`` and the time of its detection stay. The others join it where what they saw began before
the event was detected (with one window of grace, and twice the interval that the beginning lies in:
the clock of the monitors is coarse), and are listed in ``also``. The event is told by the member
that can show documents, else by the first; it is closed when all its members are.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from schemas.messages import AlsoMoved, DriftAlert
from schemas.records import RecordType
from streams.drift.severity import CRITICAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_RECORDS = RecordType(DriftAlert)


@dataclass(slots=True)
class _Event:
    """Alerts of one event.

    Attributes:
        alert: the event as it was told last.
        voice: ``alert_id`` of the member that tells it.
        others: of members that are open besides the voice.
        last: the voice's closing message, held back until the others are over.
    """

    alert: DriftAlert
    voice: str
    others: list[str] = field(default_factory=list)
    last: DriftAlert | None = None

    def told(self, alert: DriftAlert) -> DriftAlert:
        """Return a member's message as the event's: same identity, no less severe, newer."""
        before = self.alert
        also = tuple(one for one in before.also if one.kind != alert.kind)
        self.alert = replace(
            alert,
            alert_id=before.alert_id,
            version=max(alert.version, before.version + 1),
            detected_at=before.detected_at,
            severity=CRITICAL if CRITICAL in (alert.severity, before.severity) else alert.severity,
            also=also,
        )
        if not also or alert.state == "closed":
            return self.alert
        kinds = ", ".join(one.kind for one in also)
        return replace(self.alert, message=f"{alert.message} Also moved: {kinds}.")


class Joining:
    """The events of one source that are open; deterministic given the alerts in order.

    Args:
        grace_ms: by how much later than the event's detection something may seem to have begun,
            besides what it says itself about how sure that time is.
    """

    def __init__(self, grace_ms: int) -> None:
        self._grace_ms = grace_ms
        self._events: list[_Event] = []

    def fold(self, alerts: Iterable[DriftAlert]) -> list[DriftAlert]:
        """Return the messages of events for the messages of single alerts."""
        return [told for alert in alerts for told in self._take(alert)]

    def fold_placed(self, alerts: Sequence[tuple[int, DriftAlert]]) -> list[tuple[int, DriftAlert]]:
        """As ``fold``, for alerts with the index of their document; sorted by it."""
        placed = sorted(alerts, key=lambda one: one[0])
        return [(index, told) for index, alert in placed for told in self._take(alert)]

    def head(self) -> list[list[Any]]:
        """Return the state as plain values."""
        return [
            [
                _RECORDS.to_avro(event.alert),
                event.voice,
                event.others,
                _RECORDS.to_avro(event.last) if event.last else None,
            ]
            for event in self._events
        ]

    def restore(self, head: Iterable[Sequence[Any]]) -> None:
        """Set the state from what ``head`` returned."""
        self._events = [
            _Event(
                _RECORDS.from_avro(alert),
                voice,
                list(others),
                _RECORDS.from_avro(last) if last else None,
            )
            for alert, voice, others, last in head
        ]

    def _take(self, alert: DriftAlert) -> list[DriftAlert]:
        for event in self._events:
            if alert.alert_id == event.voice:
                return self._of_voice(event, alert)
            if alert.alert_id in event.others:
                return self._of_other(event, alert)
        if alert.state != "open":  # opened by a version that did not join
            return [alert]
        host = self._host(alert)
        if host is not None:
            return [_joined(host, alert)]
        self._events.append(_Event(alert, alert.alert_id))
        return [alert]

    def _host(self, alert: DriftAlert) -> _Event | None:
        """Return the newest event that was not detected before this began."""
        began = alert.window_start
        if alert.changed_from is not None:
            width = 0 if alert.changed_to is None else alert.changed_to - alert.changed_from
            began = alert.changed_from - 2 * max(width, 0)
        hosts = (
            event
            for event in reversed(self._events)
            if event.last is None and began <= event.alert.detected_at + self._grace_ms
        )
        return next(hosts, None)

    def _of_voice(self, event: _Event, alert: DriftAlert) -> list[DriftAlert]:
        if alert.state == "closed" and event.others:
            event.last = alert
            return []
        if alert.state == "closed":
            self._events.remove(event)
        return [event.told(alert)]

    def _of_other(self, event: _Event, alert: DriftAlert) -> list[DriftAlert]:
        if alert.state == "closed":
            event.others.remove(alert.alert_id)
            if event.others or event.last is None:
                return []
            self._events.remove(event)
            return [event.told(replace(event.last, as_of=alert.as_of))]
        if alert.severity == CRITICAL != event.alert.severity:
            worse = replace(event.alert, severity=CRITICAL, state="update", as_of=alert.as_of)
            return [event.told(replace(worse, version=alert.version))]
        return []


def _joined(event: _Event, alert: DriftAlert) -> DriftAlert:
    """Return the update that says that another statistic sees the event too."""
    shows = bool(alert.new_documents) and not event.alert.new_documents
    voice, other = (alert, event.alert) if shows else (event.alert, alert)
    event.others.append(event.voice if shows else alert.alert_id)
    event.voice = alert.alert_id if shows else event.voice
    kind = f"{other.kind} of {other.label}" if other.label else other.kind
    moved = AlsoMoved(kind, other.score, other.threshold, other.message, other.sql)
    event.alert = replace(event.alert, also=(*event.alert.also, moved))
    return event.told(
        replace(
            voice,
            state="update",
            version=alert.version,
            as_of=alert.as_of,
            severity=CRITICAL if alert.severity == CRITICAL else voice.severity,
        )
    )
