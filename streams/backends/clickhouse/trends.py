"""Keeps the helper tables of the trends: days that were touched are computed anew.

See ``schemas/migrations/0012_trends.sql`` for why, ``0013_questions.sql``, ``0024_cells.sql``
and ``0029_words.sql`` for the tables. The order for some days, each step durable before the next::

    1. notes   what every writer has noted of them so far
    2. copies  which of their documents are near-copies
    3. hours   sums, words and terms of their hours, of the documents as they stand
    4. days    the same of the days, and of all sources together, from those of their hours
    5. switch  the version that answers

A crash between any two steps leaves the older version in force, and the days stale: they are
computed again. So may two workers at once: the later version counts, with the notes that it knew.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from streams.backends.clickhouse import trend_sql
from streams.backends.clickhouse.keeping import Keeper, never
from streams.backends.clickhouse.rows import DAY_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence


_FORM = 2
_MOST_DAYS = 200
_MOST_DOCUMENTS = 20_000


@dataclass(frozen=True, slots=True)
class Day:
    """A stale day.

    Attributes:
        start: seconds since 1970.
        seen: sum of the notes that there are of it.
        version: of its cells; 0 where there are none.
        slot: where these are.
        hours: its hours (seconds since 1970) with their number of documents.
    """

    start: int
    seen: int
    version: int
    slot: int
    hours: tuple[tuple[int, int], ...]

    @property
    def documents(self) -> int:
        """Number of documents."""
        return sum(number for _, number in self.hours)


class TrendKeeper(Keeper):
    """Computes what was touched; safe in a thread of its own, and beside other workers."""

    def adopt(self) -> None:
        """Note the days of documents that landed before there were helper tables."""
        self._warehouse.execute(trend_sql.NEW_DAYS)

    def refresh(self, stopped: Callable[[], bool] = never) -> int:
        """Compute the newest stale days, at most 200 of them; returns how many were stale.

        Args:
            stopped: asked between two steps; what is left is stale still.

        Raises:
            Unavailable: the database does not answer; try again later.
        """
        days = self._stale()
        for slot, group in groupby(sorted(days, key=lambda day: (day.slot, -day.start)), _slot):
            for together in _together(list(group)):
                self._compute(together, 1 - slot, stopped)
        return len(days)

    def _stale(self) -> list[Day]:
        rows = self._warehouse.query(trend_sql.STALE.format(most=_MOST_DAYS, form=_FORM)).rows
        if not rows:
            return []
        found = [
            (int(day), int(seen), int(version), int(slot)) for day, seen, version, slot in rows
        ]
        sizes = self._warehouse.query(
            trend_sql.SIZES.format(
                days=_in_hours(hour for day, *_ in found for hour in _hours(day))
            )
        ).rows
        hours: dict[int, list[tuple[int, int]]] = {day: [] for day, *_ in found}
        for day, hour, number in sizes:
            hours[int(day)].append((int(hour), int(number)))
        return [Day(*row, tuple(hours[row[0]])) for row in found]

    def _compute(self, days: Sequence[Day], slot: int, stopped: Callable[[], bool]) -> None:
        if stopped():
            return
        version = self._version(day.version for day in days)
        starts = ", ".join(_moment(day.start) for day in days)
        marks = {
            "slot": slot,
            "version": version,
            "own": f"slot = {slot} AND version = {version} AND day IN ({starts})",
            "days": _in_hours(hour for day in days for hour, _ in day.hours),
        }
        if any(day.hours for day in days):
            self._warehouse.execute(trend_sql.COPIES.format(**marks))
            for hours in _chunks([hour for day in days for hour in day.hours]):
                within = marks | {"hours": _in_hours(hours), "seconds": 3600}
                for statement in trend_sql.OF_HOURS:
                    self._warehouse.execute(statement.format(**within))
                if stopped():
                    return
            self._merge(marks)
        self._switch(days, slot, version)

    def _merge(self, marks: dict[str, object]) -> None:
        """Add hours up to days, and sources to all of them (the empty source)."""
        execute, of_day = self._warehouse.execute, marks | {"seconds": DAY_S}
        execute(trend_sql.MERGED_WORDS.format(**of_day, sources="[source, '']"))
        execute(trend_sql.MERGED_WORDS.format(**marks, seconds=3600, sources="['']"))
        for statement in trend_sql.OF_DAYS:
            execute(statement.format(**of_day))

    def _switch(self, days: Sequence[Day], slot: int, version: int) -> None:
        columns: dict[str, list[object]] = {
            "day": [day.start for day in days],
            "version": [version] * len(days),
            "slot": [slot] * len(days),
            "seen": [day.seen for day in days],
            "form": [_FORM] * len(days),
        }
        self._answer("trend_versions_raw", columns)


def _slot(day: Day) -> int:
    return day.slot


def _together(days: Sequence[Day]) -> Iterator[list[Day]]:
    """Group days that fit into one round."""
    group: list[Day] = []
    for day in days:
        if group and sum(one.documents for one in group) + day.documents > _MOST_DOCUMENTS:
            yield group
            group = []
        group.append(day)
    if group:
        yield group


def _chunks(hours: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """Cut hours into pieces whose terms fit into memory."""
    piece: list[int] = []
    size = 0
    for hour, number in hours:
        if piece and size + number > _MOST_DOCUMENTS:
            yield piece
            piece, size = [], 0
        piece.append(hour)
        size += number
    if piece:
        yield piece


def _hours(day: int) -> range:
    return range(day, day + DAY_S, 3600)


def _in_hours(hours: Iterable[int]) -> str:
    return f"published_hour IN ({', '.join(map(_moment, hours)) or 'NULL'})"


def _moment(seconds: int) -> str:
    return f"fromUnixTimestamp64Second({seconds}, 'UTC')"
