"""Judging a source's closed windows, each once, under the monitors' share of the budget.

Windows of few documents are put together until a frame has ``LEAST_DOCUMENTS``. The first 40
frames are ``collecting``; from then on each new frame is judged by the law of the up to 128 frames
before the last 16. Each of the kinds holds an equal part of the budget, and inside a kind each
number, side and length of judgement (1, 4 and 16 frames): a union bound, whatever their dependence.
A change that stays becomes the new normal as it enters the history.
"""

from __future__ import annotations

from functools import partial
from math import exp, log
from typing import TYPE_CHECKING, Any, NamedTuple

from streams.drift.finding import Finding, Moment, Span
from streams.drift.lifecycle import Lifecycle
from streams.drift.monitors.history import History
from streams.drift.monitors.metrics import KINDS, METRICS, Frame
from streams.drift.monitors.quiet import LENGTHS, Newest, Quiet, changed, heaps, log_tail
from streams.drift.monitors.telling import Told, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from schemas.messages import DriftAlert
    from streams.drift.monitors.metrics import Closed, Row
    from streams.drift.monitors.quiet import Surprise
    from streams.drift.options import DriftOptions

LEAST_DOCUMENTS = 50
"""Documents of a frame, at least."""

_REFIT = 8  # frames
_WEEK_MS = 7 * 86_400_000
_LARGEST_LEVEL = 0.01  # of a frame's judgement
_COLUMNS = {kind: [i for i, metric in enumerate(METRICS) if metric.kind == kind] for kind in KINDS}
_TESTS = {
    kind: len(LENGTHS) * sum(METRICS[i].sides for i in columns)
    for kind, columns in _COLUMNS.items()
}

Verdict = tuple["float | None", str, dict[str, float], "float | None"]


class _Terms(NamedTuple):
    """What is granted, and what a score is measured by.

    Attributes:
        granted: false alarms per millisecond of event time of this source's monitors.
        threshold: above it there is an alarm.
    """

    granted: float
    threshold: float
    closed: Closed


class Monitors:
    """The plain monitors of one source; deterministic given the closed windows in order."""

    def __init__(self, source: str, options: DriftOptions) -> None:
        self._source = source
        self._options = options
        self._events = Lifecycle(options.cooldown_documents)
        self._frame = Frame()
        self._since: int | None = None
        self._history = History()
        self._quiet: Quiet | None = None
        self._newest: Newest | None = None
        self._beginnings: dict[str, tuple[int, int]] = {}

    def judge(self, closed: Closed, segments: int) -> tuple[Verdict, list[DriftAlert]]:
        """Take a closed window in; returns what its record says, and alerts.

        Args:
            closed: the window.
            segments: how many sources share the partition's part of the budget.
        """
        end = closed.start + self._options.window_ms
        self._frame.add(closed, end)
        if self._frame.tally.total("documents") < LEAST_DOCUMENTS:
            state = "collecting" if self._quiet is None else "watching"
            return (self._expected(closed), state, {}, None), []
        since = self._since if self._since is not None else self._frame.start
        row = self._frame.row(closed.start if since is None else since)
        self._frame, self._since = Frame(), end
        self._history.append(row)
        if self._history.ready and (self._quiet is None or self._history.count % _REFIT == 0):
            self._quiet = Quiet.fit(self._history.past())
            self._newest = Newest.of(self._quiet.shape, self._history.newest())
        elif self._quiet is not None and self._newest is not None:
            self._newest = self._newest.moved(self._quiet.shape, row)
        if self._quiet is None or self._newest is None:
            return (None, "collecting", {}, None), []
        surprise = self._quiet.surprise(self._newest)
        scores, threshold, alerts = self._look(self._quiet, surprise, closed, segments)
        return (self._expected(closed), "watching", scores, threshold), alerts

    def rebaseline(self, moment: Moment, note: str) -> list[DriftAlert]:
        """Forget the history: collect anew; returns the alerts that this closes."""
        self._history, self._quiet, self._newest = History(self._history.count), None, None
        return self._events.close_all("by-hand", moment, note)

    def head(self) -> dict[str, Any]:
        """Return the small moving state as plain values."""
        return {
            "events": self._events.head(),
            "frame": self._frame.head(),
            "since": self._since,
            "history": self._history.head(),
            "beginnings": self._beginnings,
        }

    def parts(self) -> dict[str, Callable[[], bytes]]:
        """Return the frames of full chunks, by name."""
        return self._history.parts()

    def restore(self, head: Mapping[str, Any], parts: Mapping[str, bytes]) -> None:
        """Set the state from what ``head`` and ``parts`` returned."""
        self._events.restore(head["events"])
        self._frame = Frame.decode(head["frame"])
        self._since = head["since"]
        self._history.restore(head["history"], parts)
        self._beginnings = {kind: (a, b) for kind, (a, b) in head["beginnings"].items()}
        fitted = self._history.fitted(_REFIT)
        if fitted:
            self._quiet = Quiet.fit(fitted)
            self._newest = Newest.of(self._quiet.shape, self._history.newest())

    def _expected(self, closed: Closed) -> float | None:
        if self._quiet is None:
            return None
        return heaps(self._quiet, closed.tally.original("tokens"))

    def _look(
        self, quiet: Quiet, surprise: Surprise, closed: Closed, segments: int
    ) -> tuple[dict[str, float], float, list[DriftAlert]]:
        rows = self._history.newest()
        granted = self._options.budget.of_segment(segments, "monitors")
        level = min(granted * quiet.shape.ms, _LARGEST_LEVEL)
        least = log(self._options.least_run_length)
        threshold = max(log(quiet.shape.documents) - log(level), least)
        scores: dict[str, float] = {}
        alerts = []
        for kind, columns in _COLUMNS.items():
            place = int(surprise.scores[:, columns].argmax())
            length, column = place // len(columns), columns[place % len(columns)]
            tail = log_tail(float(surprise.scores[length, column]))
            chance = min(tail + log(_TESTS[kind] * len(KINDS)), 0.0)
            scores[kind] = log(quiet.shape.documents) - chance
            if scores[kind] > threshold or self._events.is_open(kind):
                values, centre = surprise.values[:, column], float(quiet.centres[column])
                first = changed(values, centre)
                told = Told(
                    METRICS[column],
                    float(values[first:].mean()),
                    centre,
                    rows[first:],
                    self._began(kind, rows[first]),
                    quiet,
                )
                terms = _Terms(granted, threshold, closed)
                alert = self._events.take(self._finding(told, chance, terms))
                alerts += [alert] if alert is not None else []
        return scores, threshold, alerts

    def _began(self, kind: str, row: Row) -> tuple[int, int]:
        """Return start and end of the frame in which the event began, as told when it opened."""
        if not self._events.is_open(kind):
            self._beginnings[kind] = (row.start, row.end)
        return self._beginnings[kind]

    def _finding(self, told: Told, chance: float, terms: _Terms) -> Finding:
        rows, shape = told.rows, told.quiet.shape
        shared = terms.granted / self._options.false_alarms_per_ms
        return Finding(
            source=self._source,
            kind=told.metric.kind,
            score=log(shape.documents) - chance,
            threshold=terms.threshold,
            moment=Moment(terms.closed.position, *terms.closed.moment),
            span=Span(rows[0].start, rows[-1].end - 1, sum(row.documents for row in rows)),
            explain=partial(tell, told, self._source),
            expected_per_week=exp(chance - log(shape.ms)) * _WEEK_MS / shared,
            reference_documents=round(shape.documents * told.quiet.frames),
            quiet_documents=round(2 * shape.documents),
        )
