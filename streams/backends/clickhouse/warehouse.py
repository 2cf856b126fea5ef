"""Landing in ClickHouse: exact under redelivery and under a kill at any instant.

The order of one write, each step durable before the next::

    1. hours      every hour that the documents are given (document_hours_raw)
    2. look       at which hours they were ever, by whomsoever
    3. documents  the newest version of each, at its home hour
    4. graves     tombstones at the hours that a document has left
    5. notes      the days that were touched: their trends are to be computed anew (trends.py)
    6. deliveries the fate of each message, for the ledger
    7. notes      the days on which these arrived: their latencies, too (latency.py)

All tables replace rows of the same natural key by version, so a write that is repeated, whole or
after a kill between any two steps, changes no answer. Looking comes after the own hours are known
to all: of two workers that land versions of one document at the same time (one that has lost its
partition finishes what it began), at least one sees both and buries the older.
"""

from __future__ import annotations

import re
import threading
import uuid
from typing import TYPE_CHECKING, Any

from schemas.migrate import migrate as apply_migrations
from schemas.retention import retain as apply_retention
from streams.backends.clickhouse import rows
from streams.backends.clickhouse.batches import chunks, dead, landed
from streams.backends.clickhouse.connector import open_connector
from streams.backends.clickhouse.ddl import Ddl, target_of
from streams.backends.clickhouse.errors import translated
from streams.backends.clickhouse.label_rows import label_rows
from streams.backends.clickhouse.literals import tuples
from streams.backends.clickhouse.moves import Place, settle
from streams.backends.clickhouse.replays import replay_rows
from streams.backends.clickhouse.shadow_rows import shadow_rows
from streams.backends.clickhouse.storable import refusal
from streams.backends.clickhouse.table import FORMAT, Table
from streams.ports import once

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from schemas.messages import DeadLetter, DriftAlert, Enriched, ShadowResult, WindowStats
    from schemas.retention import Retention
    from streams.backends.clickhouse.address import Address
    from streams.backends.clickhouse.rows import Columns
    from streams.clock import Clock
    from streams.errors import InvalidDocument
    from streams.ports import Attempt, Labelled, Landable
    from streams.stages.replays import Replayed

_LOOKUP_KEYS = 2_000
_LOOKUP_CHARACTERS = 1 << 20
_LOW_CARDINALITY = re.compile(r"LowCardinality\((?:(\w+)|(Nullable\(\w+\)))\)")
_LANDING = {
    "async_insert": 0,  # the rows must be durable when the call returns
    "insert_deduplicate": 0,  # the natural keys do that; block hashes would drop real updates
    "max_partitions_per_insert_block": 0,  # archives spread one batch over decades
    # A server that reports progress begins its answer before the insert is done: were it cut off
    # then, the client would take it for a success.
    "send_progress_in_http_headers": 0,
}
_KEEPING = {
    "max_query_size": 64 << 20,
    "max_partitions_per_insert_block": 0,
    "insert_deduplicate": 0,
    "max_threads": 1,  # landing and questions come first
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
        self._name = uuid.uuid4().hex
        self._noted = 0
        self._writing = threading.Lock()
        self._reading = threading.Lock()
        self._keeping = threading.Lock()
        try:
            self._writer = self._connector.connect({"max_query_size": 64 << 20})
            self._reader = self._connector.connect()
            self._keeper = self._connector.connect(_KEEPING)
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
            return apply_migrations(Ddl(self._writer, self.target), self.target)

    def retain(self, retention: Retention) -> list[str]:
        """Keep rows as long as is configured; returns the tables that were changed.

        Raises:
            Misconfigured: the user may not change tables.
            Unavailable: the database does not answer.
        """
        with self._writing, translated(self._where):
            return apply_retention(Ddl(self._writer, self.target), self.target, retention)

    def refusal(self, record: Landable) -> InvalidDocument | None:
        """Return why a record can never be stored, or None where it can; asks nobody."""
        return refusal(record)

    def write_documents(self, documents: Sequence[Enriched], attempt: Attempt = once) -> None:
        """Land enriched documents, then their deliveries."""
        for chunk in chunks(documents):
            self._write_chunk(chunk, attempt)

    def write_stats(self, stats: Sequence[WindowStats], attempt: Attempt = once) -> None:
        """Land window statistics, what belongs to them first: a window that shows has it all."""
        attempt(lambda: self._write(rows.sketches(stats)))
        attempt(lambda: self._write(rows.topics(stats)))
        attempt(lambda: self._write(rows.stats(stats)))

    def write_alerts(self, alerts: Sequence[DriftAlert], attempt: Attempt = once) -> None:
        """Land drift alerts, and who has seen them."""
        seen = [alert for alert in alerts if alert.state == rows.ACKNOWLEDGED]
        own = [alert for alert in alerts if alert.state != rows.ACKNOWLEDGED]
        attempt(lambda: self._write(rows.alerts(own)))
        attempt(lambda: self._write(rows.acknowledgements(seen)))

    def write_dead_letters(self, letters: Sequence[DeadLetter], attempt: Attempt = once) -> None:
        """Land dead letters, then their deliveries where they come from the documents topic."""
        attempt(lambda: self._write(rows.dead_letters(letters)))
        fates = [dead(letter) for letter in letters if letter.role == rows.ENRICH_ROLE]
        attempt(lambda: self._write(rows.deliveries(fates, self._clock.now_ms())))

    def write_replays(self, replays: Sequence[Replayed], attempt: Attempt = once) -> None:
        """Land what became of dead letters that were put back."""
        attempt(lambda: self._write(replay_rows(replays, self._clock.now_ms())))

    def write_canaries(self, answers: Sequence[Enriched], attempt: Attempt = once) -> None:
        """Land what a worker answered to canary documents."""
        attempt(lambda: self._write(rows.canaries(answers)))

    def write_labels(self, labels: Sequence[Labelled], attempt: Attempt = once) -> None:
        """Land what people say that documents are about."""
        attempt(lambda: self._write(label_rows(labels)))

    def write_shadows(self, results: Sequence[ShadowResult], attempt: Attempt = once) -> None:
        """Land what challengers answered."""
        attempt(lambda: self._write(shadow_rows(results)))

    def write_columns(self, columns: Columns) -> None:
        """Write rows of one table; returns when they are durable.

        Raises:
            Unavailable: the database does not answer.
            Overloaded: it asks to slow down.
        """
        self._write(columns)

    def execute(self, statement: str) -> None:
        """Run a trusted statement that returns nothing.

        Raises:
            Unavailable: the database does not answer.
            Overloaded: it asks to slow down.
        """
        with self._keeping, translated(self._where):
            self._keeper.command(statement)

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
        with self._writing, self._reading, self._keeping:
            self._keeper.close()
            self._reader.close()
            self._writer.close()
            self._connector.close()

    def _write_chunk(self, documents: Sequence[Enriched], attempt: Attempt) -> None:
        places = [Place.of(document) for document in documents]
        attempt(lambda: self._write(rows.hours(places)))
        moves = settle(documents, attempt(lambda: self._known(places)))
        attempt(lambda: self._write(rows.documents(moves.living)))
        attempt(lambda: self._write(rows.tombstones(moves.graves)))
        touched = {place.hour for place in (*places, *moves.graves)}
        attempt(lambda: self._write(rows.touched_days(touched, self._name, self._note())))
        fates = [landed(document) for document in documents]
        attempt(lambda: self._write(rows.deliveries(fates, self._clock.now_ms())))
        attempt(lambda: self._write(rows.arrival_days(fates, self._name, self._note())))

    def _note(self) -> int:
        """Return microseconds since 1970 that grow from call to call."""
        self._noted = max(self._noted + 1, self._clock.now_ms() * 1000)
        return self._noted

    def _known(self, places: Sequence[Place]) -> list[Place]:
        """Return every place that the documents of these were ever written to."""
        keys = sorted({(place.source, place.doc_id) for place in places})
        known: list[Place] = []
        for chunk in tuples(keys, most=_LOOKUP_KEYS, longest=_LOOKUP_CHARACTERS):
            with self._writing, translated(self._where):
                found = self._writer.query(
                    "SELECT source, doc_id, version, toUnixTimestamp64Second(published_hour) "
                    f"FROM document_hours_raw WHERE (source, doc_id) IN ({chunk})"
                )
            known += (Place(*row) for row in found.result_rows)
        return known

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
