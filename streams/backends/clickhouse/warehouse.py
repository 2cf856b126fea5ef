"""Landing in ClickHouse: exact under redelivery and under a kill at any instant.

The order of one write, each step durable before the next::

    1. hours      every hour that the documents are given (document_hours_raw)
    2. documents  the newest version of each, at its home hour
    3. graves     tombstones at the hours that a document has left
    4. deliveries the fate of each message, for the ledger

All tables replace rows of the same natural key by version, so a write that is repeated, whole or
after a kill between any two steps, changes no answer.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

from schemas.migrate import Target
from schemas.migrate import migrate as apply_migrations
from streams.backends.clickhouse import rows
from streams.backends.clickhouse.address import Server
from streams.backends.clickhouse.connector import open_connector
from streams.backends.clickhouse.errors import translated
from streams.backends.clickhouse.literals import tuples
from streams.backends.clickhouse.moves import Place, settle
from streams.backends.clickhouse.replays import replay_rows
from streams.backends.clickhouse.table import FORMAT, Table
from streams.ports import Delivery

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from clickhouse_connect.driver.client import Client

    from schemas.messages import DeadLetter, DriftAlert, Enriched, WindowStats
    from streams.backends.clickhouse.address import Address
    from streams.backends.clickhouse.rows import Columns
    from streams.clock import Clock
    from streams.stages.replays import Replayed

_CHUNK_ROWS = 5_000
_CHUNK_CHARACTERS = 16 << 20
_LOOKUP_KEYS = 2_000
_LOOKUP_CHARACTERS = 1 << 20
_LOW_CARDINALITY = re.compile(r"LowCardinality\((?:(\w+)|(Nullable\(\w+\)))\)")
_LANDING = {
    "async_insert": 0,  # the rows must be durable when the call returns
    "insert_deduplicate": 0,  # the natural keys do that; block hashes would drop real updates
    "max_partitions_per_insert_block": 0,  # archives spread one batch over decades
}


class ClickHouseWarehouse:
    """A ``streams.ports.Warehouse`` over ClickHouse; safe to call from several threads."""

    def __init__(self, address: Address, clock: Clock) -> None:
        """Connect, without touching the tables; ``migrate`` makes them."""
        self.address = address
        self.target = target_of(address)
        self._clock = clock
        self._where = str(address)
        self._connector = open_connector(address)
        self._types: dict[str, dict[str, str]] = {}
        self._writing = threading.Lock()
        self._reading = threading.Lock()
        try:
            self._writer = self._connector.connect({"max_query_size": 64 << 20})
            self._reader = self._connector.connect()
        except BaseException:
            self._connector.close()
            raise

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._where}, database {self.target.database}>"

    def migrate(self) -> list[str]:
        """Make the tables, or bring them up to date; returns what was applied.

        Raises:
            Misconfigured: the user may not, or a migration was changed after it had been applied.
            Unavailable: the database does not answer.
        """
        with self._writing, translated(self._where):
            return apply_migrations(_Ddl(self._writer), self.target)

    def write_documents(self, documents: Sequence[Enriched]) -> None:
        """Land enriched documents, then their deliveries."""
        for chunk in _chunks(documents):
            with self._writing, translated(self._where):
                self._write_chunk(chunk)

    def write_stats(self, stats: Sequence[WindowStats]) -> None:
        """Land window statistics."""
        self._write(rows.stats(stats))

    def write_alerts(self, alerts: Sequence[DriftAlert]) -> None:
        """Land drift alerts."""
        self._write(rows.alerts(alerts))

    def write_dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        """Land dead letters, then their deliveries where they come from the documents topic."""
        self._write(rows.dead_letters(letters))
        fates = [_dead(letter) for letter in letters if letter.role == rows.ENRICH_ROLE]
        self._write(rows.deliveries(fates, self._clock.now_ms()))

    def write_replays(self, replays: Sequence[Replayed]) -> None:
        """Land what became of dead letters that were put back."""
        self._write(replay_rows(replays, self._clock.now_ms()))

    def write_columns(self, columns: Columns) -> None:
        """Write rows of one table; returns when they are durable.

        Raises:
            Unavailable: the database does not answer or asks to slow down.
        """
        self._write(columns)

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Table:
        """Answer a trusted query; ``{name:Type}`` in it are bound from ``parameters``.

        Raises:
            Unavailable: the database does not answer.
        """
        with self._reading, translated(self._where):
            answer = self._reader.raw_query(sql, parameters=dict(parameters or {}), fmt=FORMAT)
        return Table.parse(answer)

    def close(self) -> None:
        """Wait for the calls in progress and disconnect; calling again does nothing."""
        with self._writing, self._reading:
            self._reader.close()
            self._writer.close()
            self._connector.close()

    def _write_chunk(self, documents: Sequence[Enriched]) -> None:
        moves = settle(documents, self._known(documents))
        self._insert(rows.hours([Place.of(document) for document in documents]))
        self._insert(rows.documents(moves.living))
        self._insert(rows.tombstones(moves.graves))
        self._insert(rows.deliveries(map(_landed, documents), self._clock.now_ms()))

    def _known(self, documents: Sequence[Enriched]) -> Iterator[Place]:
        keys = sorted({(document.source, document.doc_id) for document in documents})
        for chunk in tuples(keys, most=_LOOKUP_KEYS, longest=_LOOKUP_CHARACTERS):
            found = self._writer.query(
                "SELECT source, doc_id, version, toUnixTimestamp64Second(published_hour) "
                f"FROM document_hours_raw WHERE (source, doc_id) IN ({chunk})"
            )
            yield from (Place(*row) for row in found.result_rows)

    def _write(self, columns: Columns) -> None:
        with self._writing, translated(self._where):
            self._insert(columns)

    def _insert(self, columns: Columns) -> None:
        if not len(columns):
            return
        types = self._types.get(columns.table) or self._wire_types(columns.table)
        self._writer.insert(
            columns.table,
            columns.values,
            column_names=columns.names,
            column_type_names=[types[name] for name in columns.names],
            column_oriented=True,
            settings=_LANDING,
        )

    def _wire_types(self, table: str) -> dict[str, str]:
        """Learn a table's types as they are sent: plain ones, which ClickHouse converts."""
        described = self._writer.query(f"DESCRIBE TABLE {table}").result_rows
        self._types[table] = {str(row[0]): wire_type(str(row[1])) for row in described}
        return self._types[table]


def wire_type(kind: str) -> str:
    """Return the type in which values are sent: the client packs Float32 several times faster."""
    plain = _LOW_CARDINALITY.sub(lambda match: match.group(1) or match.group(2), kind)
    return plain.replace("BFloat16", "Float32")


def target_of(address: Address) -> Target:
    """Return where an address's tables live."""
    return Target(address.database, address.cluster if isinstance(address, Server) else None)


class _Ddl:
    """A client as migrations see it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def execute(self, sql: str) -> None:
        self._client.command(sql, use_database=False)

    def rows(self, sql: str) -> Sequence[Sequence[object]]:
        return self._client.query(sql).result_rows


def _landed(document: Enriched) -> Delivery:
    return Delivery(
        document.topic,
        document.partition,
        document.offset,
        document.received_at,
        "landed",
        document.source,
        document.doc_id,
    )


def _dead(letter: DeadLetter) -> Delivery:
    return Delivery(
        letter.topic,
        letter.partition,
        letter.offset,
        letter.received_at,
        "dead-lettered",
        letter.source or "",
        letter.doc_id or "",
    )


def _chunks(documents: Sequence[Enriched]) -> Iterator[Sequence[Enriched]]:
    """Cut into pieces whose rows fit into memory, however long their texts."""
    start = length = 0
    for end, document in enumerate(documents):
        if end > start and (
            end - start == _CHUNK_ROWS or length + len(document.text) > _CHUNK_CHARACTERS
        ):
            yield documents[start:end]
            start, length = end, 0
        length += len(document.text)
    if start < len(documents):
        yield documents[start:]
