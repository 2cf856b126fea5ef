"""Keeps the running summaries: hours whose documents have changed are summarized anew.

See ``schemas/migrations/0022_running_summaries.sql`` for why. The order for a day, each step
durable before the next::

    1. notes   what every writer has noted of the day so far
    2. look    at which hours the documents are others than those that were summarized
    3. hours   their summaries, of the documents as they stand
    4. day     that its hours know these notes

A crash between any two leaves the day stale: it is looked at again, and what is the same already is
left alone. A summary that is computed twice replaces itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from streams.backends.clickhouse.keeping import never
from streams.backends.clickhouse.rows import Columns
from streams.backends.clickhouse.trend_sql import NEW_DAYS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from streams.backends.clickhouse.table import Table
    from streams.backends.clickhouse.warehouse import ClickHouseWarehouse

SAMPLE = 512
"""Documents of an hour that are compared; of more, these are drawn by a hash of their ids."""

_MOST_DAYS = 31
_TOGETHER = 64

_STALE = """\
SELECT toUnixTimestamp64Second(notes.day), notes.seen
FROM (SELECT day, sum(touched) AS seen FROM trend_touched_raw FINAL GROUP BY day) AS notes
LEFT JOIN (SELECT * FROM summary_days_raw FINAL) AS known USING (day)
WHERE notes.seen != known.seen
    AND notes.day >= {from:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
    AND notes.day < {to:DateTime64(3, 'UTC')}
ORDER BY notes.day DESC
LIMIT {most:UInt32}"""

_CHANGED = """\
SELECT toUnixTimestamp64Second(hour) AS start, source, there.documents, there.fingerprint
FROM
(
    SELECT
        published_hour AS hour, source, count() AS documents,
        groupBitXor(sipHash64(doc_id, version)) AS fingerprint
    FROM documents_raw FINAL
    WHERE published_hour >= fromUnixTimestamp64Second({day:Int64}, 'UTC')
        AND published_hour < fromUnixTimestamp64Second({day:Int64} + 86400, 'UTC')
        AND {source:String} IN ('', source)
    GROUP BY hour, source
) AS there
FULL OUTER JOIN
(
    SELECT window_start AS hour, source, documents, fingerprint
    FROM running_summaries_raw FINAL
    WHERE window_start >= fromUnixTimestamp64Second({day:Int64}, 'UTC')
        AND window_start < fromUnixTimestamp64Second({day:Int64} + 86400, 'UTC')
        AND {source:String} IN ('', source)
) AS known USING (hour, source)
WHERE there.documents != known.documents OR there.fingerprint != known.fingerprint
ORDER BY start, source"""

_DOCUMENTS = """\
SELECT doc_id, summary, concat(embedding_model, '@', embedding_revision), embedding
FROM documents_raw FINAL
WHERE published_hour = fromUnixTimestamp64Second({hour:Int64}, 'UTC') AND source = {source:String}
ORDER BY sipHash64(doc_id), doc_id
LIMIT {most:UInt32}"""

_ALWAYS = {"from": "1900-01-01 00:00:00.000", "to": "2299-12-31 23:59:59.000"}

Document: TypeAlias = "tuple[str, str, str, Sequence[float]]"
"""Id, summary, model and embedding."""


class Queries(Protocol):
    """Answers questions: the warehouse, or a reader."""

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Table:
        """Answer a query; ``{name:Type}`` in it are bound from ``parameters``."""
        ...


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour of a source whose documents have changed; ``start`` in seconds since 1970."""

    start: int
    source: str
    documents: int
    fingerprint: int


@dataclass(frozen=True, slots=True)
class Summed:
    """What an hour was about: the last columns of ``running_summaries_raw``."""

    summary: str
    method: str
    flags: tuple[str, ...] = ()
    rejected: str = ""
    doc_ids: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()
    embeddings: tuple[tuple[float, ...], ...] = ()
    model: str = ""


Summarize: TypeAlias = "Callable[[Sequence[Document]], Summed]"


def stale_days(
    queries: Queries, within: Mapping[str, str] | None = None, most: int = _MOST_DAYS
) -> list[tuple[int, int]]:
    """Return days (seconds since 1970) whose summaries do not know all notes, with their sum.

    Args:
        queries: who is asked.
        within: ``from`` and ``to``, as ``clickhouse_time`` writes them; all times if None.
        most: how many at most, newest first.
    """
    rows = queries.query(_STALE, {**(within or _ALWAYS), "most": most}).rows
    return [(int(day), int(seen)) for day, seen in rows]


def changed_hours(queries: Queries, day: int, source: str = "") -> list[Hour]:
    """Return the hours of a day that have to be summarized anew; with no documents: are gone."""
    rows = queries.query(_CHANGED, {"day": day, "source": source}).rows
    return [Hour(int(start), str(name), int(n), int(mark)) for start, name, n, mark in rows]


def documents_of(queries: Queries, hour: Hour) -> list[Document]:
    """Return the documents of an hour and source, at most ``SAMPLE``."""
    if not hour.documents:
        return []
    asked = {"hour": hour.start, "source": hour.source, "most": SAMPLE}
    return [tuple(row) for row in queries.query(_DOCUMENTS, asked).rows]


class SummaryKeeper:
    """Summarizes what has changed; safe in a thread of its own, and beside other workers.

    Args:
        warehouse: the database.
        summarize: makes the summary of an hour's documents; without documents, an empty one.
    """

    def __init__(self, warehouse: ClickHouseWarehouse, summarize: Summarize) -> None:
        self._warehouse = warehouse
        self._summarize = summarize

    def adopt(self) -> None:
        """Note the days of documents that landed before there were notes."""
        self._warehouse.execute(NEW_DAYS)

    def refresh(self, stopped: Callable[[], bool] = never) -> int:
        """Summarize the newest stale days, at most 31 of them; returns how many were stale.

        Args:
            stopped: asked between two hours; what is left is stale still.

        Raises:
            Unavailable: the database does not answer; try again later.
        """
        days = stale_days(self._warehouse)
        for day, seen in days:
            for hours in _together(changed_hours(self._warehouse, day)):
                rows: list[tuple[Hour, Summed]] = []
                for hour in hours:
                    if stopped():
                        return len(days)
                    rows.append((hour, self._summarize(documents_of(self._warehouse, hour))))
                self._warehouse.write_columns(_columns(rows, seen))
            if stopped():
                return len(days)
            done = Columns("summary_days_raw", ("day", "seen"), [[day], [seen]])
            self._warehouse.write_columns(done)
        return len(days)


def _together(hours: Sequence[Hour]) -> Iterator[Sequence[Hour]]:
    for start in range(0, len(hours), _TOGETHER):
        yield hours[start : start + _TOGETHER]


def _columns(rows: Sequence[tuple[Hour, Summed]], seen: int) -> Columns:
    values: dict[str, list[Any]] = {
        "source": [hour.source for hour, _ in rows],
        "window_start": [hour.start for hour, _ in rows],
        "seen": [seen] * len(rows),
        "fingerprint": [hour.fingerprint for hour, _ in rows],
        "documents": [hour.documents for hour, _ in rows],
        "summary": [one.summary for _, one in rows],
        "summary_method": [one.method for _, one in rows],
        "summary_flags": [list(one.flags) for _, one in rows],
        "summary_rejected": [one.rejected for _, one in rows],
        "doc_ids": [list(one.doc_ids) for _, one in rows],
        "sentences": [list(one.sentences) for _, one in rows],
        "shares": [list(one.shares) for _, one in rows],
        "embeddings": [[list(row) for row in one.embeddings] for _, one in rows],
        "embedding_model": [one.model for _, one in rows],
    }
    return Columns("running_summaries_raw", tuple(values), list(values.values()))
