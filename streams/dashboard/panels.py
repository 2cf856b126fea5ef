"""What the page's panels show: one question each, over the range, clock and source of a view.

Some things are known by one clock only: windows of statistics, words and alerts by event time,
landing by time of arrival. Asked for by the other clock, they are shown for the documents that the
other clock puts in the range, from the first of them to the last.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from streams.cli._times import clickhouse_time
from streams.dashboard import model_questions, questions, term_questions
from streams.dashboard.span import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from streams.backends.clickhouse.table import Table
    from streams.dashboard.span import Clock, View

_LIMITS = "\nSETTINGS max_execution_time = 20, max_threads = 2"
_LEAST_BASELINE = 20
_HOUR_MS = 3_600_000
_MINUTE_S = 60
_FIRST_MS = -2_208_988_800_000
_FAR_MS = 96 * _HOUR_MS
_FRESH_S = 1.5
"""The page asks again after two seconds at the earliest."""


class Database(Protocol):
    """What can be asked."""

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Table:
        """Answer a query."""
        ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """The documents of a view: how many, and their times by both clocks; None where none are."""

    documents: int
    event: Span | None
    arrival: Span | None
    late: int

    def span(self, clock: Clock) -> Span | None:
        """Return the stretch of time by a clock."""
        return self.event if clock == "event" else self.arrival


class Panels:
    """Answers panels by name; from any thread.

    Args:
        database: asked with one question after the other.
        now_ms: the current time.
        clock: seconds, for how long bounds are shared.
    """

    def __init__(
        self,
        database: Database,
        now_ms: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._now_ms = now_ms
        self._clock = clock
        self._kept: dict[View, tuple[float, Bounds]] = {}
        self._asking: Mapping[str, Callable[[View, Bounds], dict[str, Any]]] = {
            "documents": self._documents,
            "terms": self._terms,
            "drift": lambda view, within: self._windows(questions.DRIFT, view, within),
            "words": lambda view, within: self._windows(questions.WORDS, view, within),
            "topics": self._topics,
            "summaries": self._summaries,
            "alerts": self._alerts,
            "latest": self._latest,
            "latency": self._latency,
            "cost": self._cost,
            "models": self._models,
            "letters": self._letters,
            "ledger": lambda _view, _within: self._ask(questions.LEDGER, {}, None),
            "sources": lambda _view, _within: self._ask(questions.SOURCES, {}, None),
        }

    @property
    def names(self) -> frozenset[str]:
        """Names of the panels."""
        return frozenset(self._asking)

    def answer(self, name: str, view: View) -> dict[str, Any]:
        """Return a panel's columns, rows, stretch of time and SQL, ready for JSON.

        Raises:
            KeyError: there is no such panel.
            Unavailable: the database does not answer.
        """
        ask = self._asking[name]
        timeless = name in {"ledger", "sources"}
        return ask(view, Bounds(0, None, None, 0) if timeless else self._shared(view))

    def alert(self, alert_id: str, source: str) -> dict[str, Any]:
        """Return one alert with its explanation; no row where there is none."""
        return self._ask(questions.ALERT, {"alert_id": alert_id, "source": source}, None)

    def term(self, view: View, term: str) -> dict[str, Any]:
        """Return the newest documents of a view's window that hold an emerging term."""
        within = self._shared(view)
        if within.event is None or not within.documents:
            return self._nothing(term_questions.DOCUMENTS, within.event, "event")
        window, _ = self._term_window(view, within.event, within.late)
        bound = {
            "from": clickhouse_time(window.start),
            "to": clickhouse_time(window.end),
            "source": view.source,
            "term": term,
        }
        return self._ask(term_questions.DOCUMENTS, bound, window)

    def _shared(self, view: View) -> Bounds:
        """Return the bounds of a view, asked once for all panels of a page."""
        now = self._clock()
        kept = {one: found for one, found in self._kept.items() if now - found[0] < _FRESH_S}
        if view not in kept:
            kept[view] = (now, self._bounds(view))
        self._kept = kept
        return kept[view][1]

    def _bounds(self, view: View) -> Bounds:
        start, end = view.limits(self._now_ms())
        bound = {"from": clickhouse_time(start), "to": clickhouse_time(end), "source": view.source}
        whole = view.preset == "all"
        row = self._far_bounds(bound) if whole or view.clock == "event" else None
        if row is None:
            sql = questions.bounds(view.clock) + _LIMITS
            (row,) = self._database.query(sql, bound).dictionaries()
        given = None if whole else Span(max(start, _FIRST_MS), end)
        if not row["documents"]:
            own = None if view.start is None or view.end is None else given
            own = given if view.preset and not whole else own
            event, arrival = (own, None) if view.clock == "event" else (None, own)
            return Bounds(0, event, arrival, 0)
        event = Span(row["event_first"], row["event_last"] + 1)
        arrival = Span(row["arrival_first"], row["arrival_last"] + 1)
        if given is not None:
            found = event if view.clock == "event" else arrival
            given = Span(
                start if view.preset or view.start is not None else found.start,
                end if view.preset or view.end is not None else found.end,
            )
            event, arrival = (given, arrival) if view.clock == "event" else (event, given)
        return Bounds(row["documents"], event, arrival, row["event_late"])

    def _far_bounds(self, bound: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the bounds of a long time without looking at each document; None of a short one.

        The beginning of its newest quarter is that of an hour then.
        """
        (hours,) = self._database.query(questions.HOURS + _LIMITS, bound).dictionaries()
        if not hours["documents"] or hours["last_hour"] - hours["first_hour"] < _FAR_MS:
            return None
        ends = {name: hours[name] for name in ("first_hour", "last_hour")}
        (edges,) = self._database.query(questions.EDGES + _LIMITS, {**bound, **ends}).dictionaries()
        (arrived,) = self._database.query(questions.ARRIVALS + _LIMITS, bound).dictionaries()
        return {**hours, **edges, **arrived}

    def _documents(self, view: View, within: Bounds) -> dict[str, Any]:
        span = within.span(view.clock)
        by_hour = view.clock == "event" and span is not None and span.step_ms % _HOUR_MS == 0
        sql = questions.DOCUMENTS_BY_HOUR if by_hour else questions.documents(view.clock)
        return self._in_span(sql, view, span)

    def _latest(self, view: View, within: Bounds) -> dict[str, Any]:
        span = within.span(view.clock)
        found = self._in_span(questions.latest(view.clock), view, span)
        if len(found["rows"]) >= min(questions.LATEST, within.documents):
            return found
        return self._in_span(questions.latest(view.clock, whole=True), view, span)

    def _windows(self, sql: str, view: View, within: Bounds) -> dict[str, Any]:
        span = self._whole_windows("drift_windows_raw", view, within)
        return self._in_span(sql, view, span, clock="event")

    def _topics(self, view: View, within: Bounds) -> dict[str, Any]:
        span = self._whole_windows("topic_windows_raw", view, within)
        if span is not None:  # the first window may begin before the range does
            span = Span(span.start - span.start % span.step_ms, span.end, span.least_s)
        return self._in_span(questions.TOPICS, view, span, clock="event")

    def _whole_windows(self, table: str, view: View, within: Bounds) -> Span | None:
        """Return the span in steps that hold whole windows."""
        if within.event is None:
            return None
        bound = {"to": clickhouse_time(within.event.end), "source": view.source}
        (row,) = self._database.query(questions.window(table) + _LIMITS, bound).rows
        return Span(within.event.start, within.event.end, max(int(row[0]), 1))

    def _summaries(self, view: View, within: Bounds) -> dict[str, Any]:
        return self._in_span(questions.SUMMARIES, view, within.event, clock="event")

    def _alerts(self, view: View, within: Bounds) -> dict[str, Any]:
        return self._in_span(questions.ALERTS, view, within.event, clock="event")

    def _latency(self, view: View, within: Bounds) -> dict[str, Any]:
        span = within.arrival
        if span is None or span.step_ms % _HOUR_MS:
            return self._in_span(questions.LATENCY, view, span, clock="arrival")
        if view.preset == "all":  # nothing is outside: no hour need be cut
            end = -(-span.end // _HOUR_MS) * _HOUR_MS
            span = Span(span.start // _HOUR_MS * _HOUR_MS, end)
        return self._in_span(questions.LATENCY_BY_HOUR, view, span, clock="arrival")

    def _cost(self, view: View, within: Bounds) -> dict[str, Any]:
        span = within.event
        if span is not None:  # the shortest cells are minutes, and the first may begin before
            span = Span(span.start - span.start % (_MINUTE_S * 1000), span.end, _MINUTE_S)
        by_hour = span is not None and span.step_ms % _HOUR_MS == 0
        sql = model_questions.cost("hour" if by_hour else "minute")
        return self._in_span(sql, view, span, clock="event")

    def _models(self, view: View, within: Bounds) -> dict[str, Any]:
        return self._in_span(model_questions.MODELS, view, within.event, clock="event")

    def _letters(self, view: View, within: Bounds) -> dict[str, Any]:
        # They have no event time, and there may be nothing but letters.
        known = view.clock == "arrival" or view.preset == "all"
        span = Span(*view.limits(self._now_ms())) if known else within.arrival
        return self._in_span(questions.LETTERS, view, span, clock="arrival")

    def _terms(self, view: View, within: Bounds) -> dict[str, Any]:
        """Compare the window of a view with what was before; ``before``: with all of that."""
        if within.event is None or not within.documents:
            return self._nothing(questions.TERMS, within.event, "event")
        window, before = self._term_window(view, within.event, within.late)
        bound = {
            "from": clickhouse_time(window.start),
            "to": clickhouse_time(window.end),
            "baseline_from": clickhouse_time(_FIRST_MS),
            "baseline_to": clickhouse_time(window.start),
            "source": view.source,
        }
        return {**self._ask(questions.TERMS, bound, window), "clock": "event", "before": before}

    def _term_window(self, view: View, event: Span, late: int) -> tuple[Span, bool]:
        """Return the range, and whether enough was before it; else its newest quarter."""
        bound = {
            "to": clickhouse_time(event.start),
            "source": view.source,
            "least": _LEAST_BASELINE,
        }
        (row,) = self._database.query(questions.BEFORE + _LIMITS, bound).rows
        before = int(row[0]) >= _LEAST_BASELINE
        return Span(event.start if before else late, event.end), before

    def _in_span(
        self, sql: str, view: View, span: Span | None, *, clock: str | None = None
    ) -> dict[str, Any]:
        clock = clock or view.clock
        if span is None:
            return self._nothing(sql, None, clock)
        bound = {
            "from": clickhouse_time(span.start),
            "to": clickhouse_time(span.end),
            "source": view.source,
            "step_ms": span.step_ms,
            "step_s": span.step_ms // 1000,
        }
        return {**self._ask(sql, bound, span), "clock": clock}

    def _nothing(self, sql: str, span: Span | None, clock: str) -> dict[str, Any]:
        span_of = None if span is None else span.dictionary()
        return {"columns": [], "rows": [], "sql": sql, "span": span_of, "clock": clock}

    def _ask(self, sql: str, bound: Mapping[str, Any], span: Span | None) -> dict[str, Any]:
        table = self._database.query(sql + _LIMITS, bound)
        return {
            "columns": table.columns,
            "rows": table.rows,
            "sql": questions.written_out(sql, bound),
            "span": None if span is None else span.dictionary(),
        }
