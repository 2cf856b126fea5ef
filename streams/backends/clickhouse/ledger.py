"""The ledger's own tables: what was seen of the broker, and offsets that lack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.backends.clickhouse.rows import Columns
from streams.stages.ledger import Gap, Mark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.backends.clickhouse.warehouse import ClickHouseWarehouse
    from streams.stages.ledger import Range

_MINUTE_MS = 60_000
_MILLI = "toUnixTimestamp64Milli"
_LAST_MARKS = f"""
SELECT partition, {_MILLI}(since), base, low, end, committed, settled, generation, watcher,
    {_MILLI}(observed_at)
FROM ledger_marks_raw
WHERE topic = {{topic:String}} AND observed_at >= fromUnixTimestamp64Milli({{from:Int64}})
ORDER BY observed_at DESC LIMIT 1 BY partition
"""
_OPEN_GAPS = f"""
SELECT partition, {_MILLI}(since), first_offset, next_offset, reason, alert_id, {_MILLI}(found_at)
FROM ledger_gaps_raw FINAL
WHERE topic = {{topic:String}} AND state = 'open' AND reason != 'no-message'
ORDER BY partition, first_offset
"""
_DELIVERED = """
FROM deliveries_raw
WHERE topic = {topic:String} AND partition = {partition:Int32}
    AND received_at >= fromUnixTimestamp64Milli({since:Int64})
"""
_IN_RANGE = "AND offset >= {first:Int64} AND offset < {next:Int64}"
_FIRST = f"SELECT count(), min(offset) {_DELIVERED}"
_COUNT = f"SELECT uniqExact(offset) {_DELIVERED} {_IN_RANGE}"
_UNRESOLVED = f"""
SELECT before + 1, offset FROM
(
    SELECT offset, lagInFrame(offset, 1, {{first:Int64}} - 1) OVER (
        ORDER BY offset ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS before
    FROM (SELECT DISTINCT offset {_DELIVERED} {_IN_RANGE} UNION ALL SELECT {{next:Int64}})
)
WHERE offset > before + 1
ORDER BY offset LIMIT {{most:UInt32}}
"""


class ClickHouseLedger:
    """Keeps the ledger's records; writing them again changes no answer."""

    def __init__(self, warehouse: ClickHouseWarehouse) -> None:
        self._warehouse = warehouse

    def marks(self, topic: str, since_ms: int = 0) -> list[Mark]:
        """Return the newest mark of each partition, seen at a time or later.

        Raises:
            Unavailable: the database does not answer; so does every other method.
        """
        rows = self._warehouse.query(_LAST_MARKS, {"topic": topic, "from": since_ms}).rows
        return [_mark(topic, row) for row in rows]

    def gaps(self, topic: str) -> list[Gap]:
        """Return the open gaps that no broker has explained."""
        rows = self._warehouse.query(_OPEN_GAPS, {"topic": topic}).rows
        return [_gap(topic, row) for row in rows]

    def first_delivery(self, topic: str, partition: int, since: int) -> int | None:
        """Return the smallest offset of a partition that has landed; None where none has."""
        found = {"topic": topic, "partition": partition, "since": since}
        count, first = self._warehouse.query(_FIRST, found).rows[0]
        return int(first) if int(count) else None

    def unresolved(
        self, topic: str, partition: int, since: int, offsets: Range, most: int
    ) -> list[Range]:
        """Return the offsets of a range that have no delivery, in order: at most so many ranges."""
        asked = {"topic": topic, "partition": partition, "since": since}
        asked |= {"first": offsets[0], "next": offsets[1], "most": most}
        if int(self._warehouse.query(_COUNT, asked).rows[0][0]) == offsets[1] - offsets[0]:
            return []
        rows = self._warehouse.query(_UNRESOLVED, asked).rows
        return [(int(first), int(after)) for first, after in rows]

    def write(self, marks: Sequence[Mark], gaps: Sequence[Gap], now_ms: int) -> None:
        """Record gaps, then marks: a mark says that its gaps are recorded."""
        self._warehouse.write_columns(_gap_rows(gaps, now_ms))
        self._warehouse.write_columns(_mark_rows(marks))


def _mark(topic: str, row: Sequence[Any]) -> Mark:
    partition, since, base, low, end, committed, settled = map(int, row[:7])
    generation, watcher, seen = str(row[7]), str(row[8]), int(row[9])
    return Mark(
        topic, partition, since, base, low, end, committed, settled, generation, watcher, seen
    )


def _gap(topic: str, row: Sequence[Any]) -> Gap:
    partition, since, first, after = map(int, row[:4])
    return Gap(topic, partition, since, first, after, row[4], str(row[5]), int(row[6]))


def _mark_rows(marks: Sequence[Mark]) -> Columns:
    names = Mark.__slots__
    values = [[getattr(mark, name) for mark in marks] for name in names]
    minutes = [mark.observed_at // _MINUTE_MS * (_MINUTE_MS // 1000) for mark in marks]
    versions = [mark.observed_at for mark in marks]
    return Columns("ledger_marks_raw", (*names, "minute", "version"), [*values, minutes, versions])


def _gap_rows(gaps: Sequence[Gap], now_ms: int) -> Columns:
    names = tuple(name for name in Gap.__slots__ if name != "open")
    values = [[getattr(gap, name) for gap in gaps] for name in names]
    states = ["open" if gap.open else "closed" for gap in gaps]
    return Columns(
        "ledger_gaps_raw", (*names, "state", "version"), [*values, states, [now_ms] * len(gaps)]
    )
