"""Keeps the cells of the latencies: hours of the days that were touched are computed anew.

See ``schemas/migrations/0025_latency.sql`` for the tables. Two clocks name the days: documents have
that of their publication, which the table is sorted by, messages that of their arrival. The order
for some days of a clock, each step durable before the next, is that of ``trends.py``: what has been
noted of them so far, their cells, and last the version that answers.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from streams.backends.clickhouse.keeping import Keeper, never
from streams.backends.clickhouse.rows import DAY_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


_MOST_DAYS = 100

_STALE = """\
SELECT notes.clock, toUnixTimestamp64Second(notes.day), notes.seen, days.version, days.slot
FROM
(
    SELECT 'publication' AS clock, day, sum(touched) AS seen
    FROM trend_touched_raw FINAL GROUP BY day
    UNION ALL
    SELECT 'arrival', day, sum(touched) FROM latency_touched_raw FINAL GROUP BY day
) AS notes
LEFT JOIN (SELECT * FROM latency_versions_raw FINAL) AS days USING (clock, day)
WHERE notes.seen != days.seen
ORDER BY notes.day DESC
LIMIT {most}"""

_ARRIVED = (
    "fromUnixTimestamp64Second("
    "toInt64(floor(toUnixTimestamp64Milli(received_at) / 86400000) * 86400), 'UTC')"
)
_PUBLISHED = (
    "fromUnixTimestamp64Second("
    "toInt64(floor(toUnixTimestamp64Second(published_hour) / 86400) * 86400), 'UTC')"
)
_STATE = "quantilesDDState(0.01, 0.5, 0.95, 0.99)"
_EMPTY = f"arrayReduce('{_STATE}', emptyArrayFloat64())"
_INTO = "INSERT INTO latency_cells_raw SELECT"

_ADOPT = f"""\
INSERT INTO latency_touched_raw (day, writer, touched)
SELECT DISTINCT {_ARRIVED} AS its_day, 'found', 1
FROM deliveries_raw
WHERE outcome = 'landed' AND its_day NOT IN (SELECT day FROM latency_touched_raw)"""

_CELLS = {
    "publication": f"""\
{_INTO} 'publication', toStartOfHour(received_at) AS start, {_PUBLISHED} AS its_day, source,
    {{slot}}, {{version}}, count(), {_STATE}(toFloat64(queue_ms) * 1000),
    {_STATE}((toFloat64(tokenize_ms) + inference_ms) * 1000), 0, {_EMPTY}
FROM documents_raw FINAL
WHERE published_hour IN ({{hours}})
GROUP BY start, its_day, source""",
    "arrival": f"""\
{_INTO} 'arrival', toStartOfHour(received_at) AS start, {_ARRIVED} AS its_day, source,
    {{slot}}, {{version}}, 0, {_EMPTY}, {_EMPTY}, count(),
    {_STATE}(toFloat64(toUnixTimestamp64Milli(landed_at) - toUnixTimestamp64Milli(received_at)))
FROM deliveries_raw FINAL
WHERE outcome = 'landed' AND received_at >= {{first}} AND received_at < {{after}}
    AND its_day IN ({{days}})
GROUP BY start, its_day, source""",
}


class _Day(NamedTuple):
    """A stale day: its clock, start (seconds since 1970), notes, and the cells that it has."""

    clock: str
    start: int
    seen: int
    version: int
    slot: int


def _kind(day: _Day) -> tuple[str, int]:
    """What is computed together: days of one clock that go to one slot."""
    return day.clock, day.slot


class LatencyKeeper(Keeper):
    """Computes what was touched; safe in a thread of its own, and beside other workers."""

    def adopt(self) -> None:
        """Note the days on which messages arrived before there were notes."""
        self._warehouse.execute(_ADOPT)

    def refresh(self, stopped: Callable[[], bool] = never) -> int:
        """Compute the newest stale days, at most 100 of them; returns how many were stale.

        Args:
            stopped: asked between two steps; what is left is stale still.

        Raises:
            Unavailable: the database does not answer; try again later.
        """
        rows = self._warehouse.query(_STALE.format(most=_MOST_DAYS)).rows
        days = [_Day(clock, *map(int, numbers)) for clock, *numbers in rows]
        for (clock, slot), group in groupby(sorted(days, key=_kind), _kind):
            if stopped():
                break
            self._compute(clock, 1 - slot, list(group))
        return len(days)

    def _compute(self, clock: str, slot: int, days: list[_Day]) -> None:
        version = self._version(day.version for day in days)
        starts = [day.start for day in days]
        statement = _CELLS[clock].format(
            slot=slot,
            version=version,
            days=_moments(starts),
            hours=_moments(hour for day in starts for hour in range(day, day + DAY_S, 3600)),
            first=_moments([min(starts)]),
            after=_moments([max(starts) + DAY_S]),
        )
        self._warehouse.execute(statement)
        self._switch(days, slot, version)

    def _switch(self, days: list[_Day], slot: int, version: int) -> None:
        columns: dict[str, list[object]] = {
            "clock": [day.clock for day in days],
            "day": [day.start for day in days],
            "version": [version] * len(days),
            "slot": [slot] * len(days),
            "seen": [day.seen for day in days],
        }
        self._answer("latency_versions_raw", columns)


def _moments(seconds: Iterable[int]) -> str:
    return ", ".join(f"fromUnixTimestamp64Second({at}, 'UTC')" for at in seconds)
