"""Dead letters out of the database, whole and in order; and what is known of their documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from schemas.messages import DeadLetter
from streams.backends.clickhouse.literals import tuples
from streams.stages.replays import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from streams.backends.clickhouse.reader import Reader

Chosen: TypeAlias = "tuple[str, int, int, int, int]"
"""Topic, partition, offset, broker timestamp and bytes of a letter."""

_AT_ONCE = 500
_AT_ONCE_BYTES = 8 << 20
_LOOKUP_KEYS = 1_000
_LOOKUP_CHARACTERS = 1 << 18
_TIME = "DateTime64(3, 'UTC')"
_CHOSEN = f"""
SELECT topic, partition, offset, toUnixTimestamp64Milli(received_at), coalesce(value_bytes, 0)
FROM dead_letters
WHERE failed_at >= {{from:{_TIME}}} AND failed_at < {{to:{_TIME}}}
    AND ({{source:String}} = '' OR source = {{source:String}})
    AND ({{code:String}} = '' OR code = {{code:String}})
    AND ({{topic:String}} = '' OR topic = {{topic:String}})
    AND ({{partition:Int32}} < 0 OR partition = {{partition:Int32}})
    AND ({{offset:Int64}} < 0 OR offset = {{offset:Int64}})
ORDER BY topic, partition, offset, received_at
LIMIT {{limit:UInt32}}
"""
_WHOLE = """
SELECT offset, toUnixTimestamp64Milli(received_at), if(key IS NULL, NULL, hex(key)),
    if(value IS NULL, NULL, hex(value)), mapApply((name, part) -> (name, hex(part)), headers),
    code, reason, role, doc_id, source, toUnixTimestamp64Milli(failed_at), replays, resolved_by
FROM dead_letters
WHERE topic = {topic:String} AND partition = {partition:Int32}
    AND offset >= {first:Int64} AND offset <= {last:Int64}
ORDER BY offset, received_at
"""
_NEWEST = """
SELECT source, doc_id, toUnixTimestamp64Milli(received_at) FROM documents
WHERE (source, doc_id) IN ({keys})
"""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which letters; empty and -1 stand for any, times are ClickHouse's parameters."""

    times: Mapping[str, str]
    code: str = ""
    source: str = ""
    topic: str = ""
    partition: int = -1
    offset: int = -1
    limit: int = 1_000_000


class Letters:
    """Reads through a read-only connection."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def chosen(self, choice: Choice) -> list[Chosen]:
        """Return identities and sizes of the letters that are chosen, in order."""
        parameters = {
            **choice.times,
            "code": choice.code,
            "source": choice.source,
            "topic": choice.topic,
            "partition": choice.partition,
            "offset": choice.offset,
            "limit": choice.limit,
        }
        rows = self._reader.query(_CHOSEN, parameters).rows
        return [(str(row[0]), int(row[1]), int(row[2]), int(row[3]), int(row[4])) for row in rows]

    def whole(self, chosen: Sequence[Chosen]) -> Iterator[Candidate]:
        """Yield the letters themselves, a few megabytes at a time."""
        for run in _runs(chosen):
            wanted = {(one[2], one[3]) for one in run}
            topic, partition = run[0][:2]
            asked = {"topic": topic, "partition": partition}
            asked |= {"first": run[0][2], "last": run[-1][2]}
            for row in self._reader.query(_WHOLE, asked).rows:
                if (int(row[0]), int(row[1])) in wanted:
                    yield _candidate(topic, partition, row)

    def newest(self, documents: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """Return the broker's timestamp of the newest message of each (source, doc_id)."""
        found: dict[tuple[str, str], int] = {}
        for keys in tuples(documents, most=_LOOKUP_KEYS, longest=_LOOKUP_CHARACTERS):
            rows = self._reader.query(_NEWEST.replace("{keys}", keys)).rows
            found |= {(str(source), str(doc_id)): int(at) for source, doc_id, at in rows}
        return found


def _runs(
    chosen: Sequence[Chosen],
) -> Iterator[list[Chosen]]:
    """Cut into runs of one partition, each of so many letters and about so many bytes."""
    run: list[Chosen] = []
    size = 0
    for one in chosen:
        full = len(run) == _AT_ONCE or size + one[4] > _AT_ONCE_BYTES
        if run and (full or one[:2] != run[0][:2]):
            yield run
            run, size = [], 0
        run.append(one)
        size += one[4]
    if run:
        yield run


def _candidate(topic: str, partition: int, row: Sequence[Any]) -> Candidate:
    offset, received_at, key, value, headers = row[:5]
    code, reason, role, doc_id, source, failed_at, replays, resolved_by = row[5:]
    letter = DeadLetter(
        topic=topic,
        partition=partition,
        offset=int(offset),
        received_at=int(received_at),
        key=None if key is None else bytes.fromhex(key),
        value=None if value is None else bytes.fromhex(value),
        headers={name: bytes.fromhex(part) for name, part in headers.items()},
        code=code,
        reason=reason,
        role=role,
        doc_id=doc_id,
        source=source,
        failed_at=int(failed_at),
    )
    return Candidate(letter, int(replays), resolved_by)
