"""Replay the landed past under other settings: what would have fired, and when.

The documents go through the stage of the drift role as they would in production, in the order in
which they arrived. Each source has a partition of its own and hence an equal part of the budget, as
if all of them had been there from the start.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from schemas.messages import Origin
from streams.stages.drift import DriftStage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.messages import DriftAlert, Enriched
    from streams.drift.options import DriftOptions

_TOPIC = "backtest"
_BATCH = 128


@dataclass(frozen=True, slots=True)
class Firing:
    """An event, from the message that opened it to the last one.

    Attributes:
        ended_at: event time of its closing message, ms; None while it lasts.
        document: number of the document of its source at which it opened, from 1; of documents
            of one time in one batch the first.
    """

    opened: DriftAlert
    last: DriftAlert
    document: int

    @property
    def ended_at(self) -> int | None:
        """Event time of the closing message."""
        if self.last.state != "closed":
            return None
        return self.last.as_of if self.last.as_of is not None else self.last.window_end


class Backtest:
    """Feeds documents to the drift stage and keeps what it raises.

    Args:
        options: the settings to try; the budget is over all sources together.
        sources: how many share the budget.
    """

    def __init__(self, options: DriftOptions, sources: int) -> None:
        self._stage = DriftStage(replace(options, partitions=max(1, sources)))
        self._partitions: dict[str, int] = {}
        self._documents: dict[str, int] = {}
        self._firings: dict[str, Firing] = {}
        self._offset = 0
        self.without_embedding = 0

    @property
    def firings(self) -> list[Firing]:
        """Return the events in the order in which they opened."""
        return list(self._firings.values())

    @property
    def documents(self) -> dict[str, int]:
        """Return how many documents of each source were replayed."""
        return dict(self._documents)

    def feed(self, documents: Sequence[Enriched]) -> None:
        """Take in documents in order of arrival."""
        for start in range(0, len(documents), _BATCH):
            batch = documents[start : start + _BATCH]
            before = self.documents
            alerts = self._stage.process([self._item(document) for document in batch]).alerts
            for alert in alerts:
                own = [document for document in batch if document.source == alert.source]
                times = [document.published_at for document in own]
                place = times.index(alert.detected_at) if alert.detected_at in times else 0
                self._keep(alert, before.get(alert.source, 0) + place + 1)

    def _item(self, document: Enriched) -> tuple[Origin, Enriched]:
        source = document.source
        partition = self._partitions.setdefault(source, len(self._partitions))
        self._documents[source] = self._documents.get(source, 0) + 1
        self.without_embedding += not document.embedding
        self._offset += 1
        return Origin(_TOPIC, partition, self._offset, document.received_at), document

    def _keep(self, alert: DriftAlert, document: int) -> None:
        known = self._firings.get(alert.alert_id)
        if known is None:
            self._firings[alert.alert_id] = Firing(alert, alert, document)
        else:
            self._firings[alert.alert_id] = replace(known, last=alert)


class Fired(NamedTuple):
    """An alert that did fire; times in ms."""

    alert_id: str
    source: str
    kind: str
    window_start: int
    detected_at: int
    ended_at: int


def match(firing: Firing, fired: Sequence[Fired]) -> Fired | None:
    """Return the alert that did fire for the same event: of the same source, in the same time.

    Other settings can make another statistic speak first; of several alerts one of the same kind is
    taken, and of those the one that was detected nearest.
    """
    opened = firing.opened
    end = max(opened.detected_at, firing.ended_at or firing.last.window_end)
    same = [
        one
        for one in fired
        if one.source == opened.source
        and one.window_start <= end
        and opened.window_start <= max(one.detected_at, one.ended_at)
    ]
    nearness = {
        one: (one.kind != opened.kind, abs(one.detected_at - opened.detected_at)) for one in same
    }
    return min(nearness, key=lambda one: nearness[one], default=None)
