"""Migrations over HTTP, by several at once, and as a replicated cluster gets them.

What is rendered for a cluster is parsed by the engine; a cluster itself cannot be had here.
"""

from __future__ import annotations

import itertools
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest

from schemas.migrate import Target, load, preamble, script
from streams.backends.clickhouse import open_warehouse
from streams.errors import Overloaded, TidemarkError
from tests.support.clickhouse_server import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.clickhouse_server import ClickHouseServer

MIGRATORS = 3
REPLICATED = Target("news", "all")
_PATH = "'/clickhouse/tables/{uuid}/{shard}', '{replica}'"
_HEAD = re.compile(
    r"(?:CREATE|ALTER|DROP) (?:OR REPLACE )?(\w+) (?:IF (?:NOT )?EXISTS )?`news`(?:\.(\w+))?"
    r"( ON CLUSTER `all`)?"
)
_ENGINE = re.compile(r"^ENGINE = (.*)$", re.MULTILINE)
_databases = (f"migrated_{number}" for number in itertools.count())

CLUSTER_TABLES = {
    "schema_migrations": f"ReplicatedReplacingMergeTree({_PATH}, recorded_at)",
    "documents_raw": f"ReplicatedReplacingMergeTree({_PATH}, version, is_deleted)",
    "document_hours_raw": f"ReplicatedReplacingMergeTree({_PATH}, version)",
    "deliveries_raw": f"ReplicatedReplacingMergeTree({_PATH}, version)",
    "dead_letters_raw": f"ReplicatedReplacingMergeTree({_PATH}, version)",
    "drift_windows_raw": f"ReplicatedReplacingMergeTree({_PATH}, version)",
    "drift_alerts_raw": f"ReplicatedReplacingMergeTree({_PATH}, version)",
}
"""The first migrations; a later one adds its tables, and may not change these."""


def _migrate(server: ClickHouseServer, database: str, together: Barrier | None = None) -> list[str]:
    url = server.address(database=database)
    with closing(open_warehouse(url, password=server.password, migrate=False)) as warehouse:
        if together is not None:
            together.wait(60)
        return warehouse.migrate()


def _state(server: ClickHouseServer, database: str) -> tuple[list[list[Any]], int]:
    url = server.address(database=database)
    with closing(open_warehouse(url, password=server.password, migrate=False)) as warehouse:
        recorded = warehouse.query(
            "SELECT name, state FROM schema_migrations FINAL ORDER BY number"
        ).rows
        tables = warehouse.query(f"SELECT count() FROM system.tables WHERE database = '{database}'")
    return recorded, int(tables.rows[0][0])


def test_several_migrate_at_once(clickhouse_server: ClickHouseServer) -> None:
    """Workers that start together make the tables once, and none of them fails."""
    database = next(_databases)
    together = Barrier(MIGRATORS)
    with ThreadPoolExecutor(MIGRATORS) as pool:
        runs = [pool.submit(_migrate, clickhouse_server, database, together) for _ in range(3)]
        applied = [run.result() for run in runs]
    names = [migration.name for migration in load()]
    assert names in applied
    recorded, _ = _state(clickhouse_server, database)
    assert recorded == [[name, "done"] for name in names]
    assert _migrate(clickhouse_server, database) == []


@pytest.mark.parametrize("after", [0, 5, 11])
def test_a_migration_that_was_cut_off_is_finished(
    clickhouse_server: ClickHouseServer, after: int
) -> None:
    """A server that fails in the middle leaves it in progress; the next run makes the rest."""
    database = next(_databases)
    clickhouse_server.fail(Fault(kind="all", skip=after, table=f"`{database}`"))
    with pytest.raises(TidemarkError) as caught:
        _migrate(clickhouse_server, database)
    clickhouse_server.heal()
    assert type(caught.value) is Overloaded
    assert _migrate(clickhouse_server, database) != []
    whole = next(_databases)
    _migrate(clickhouse_server, whole)
    assert _state(clickhouse_server, database) == _state(clickhouse_server, whole)


def _replicated() -> Iterator[str]:
    yield from preamble(REPLICATED)
    for migration in load():
        yield from migration.statements(REPLICATED)


def test_the_engine_parses_what_a_cluster_gets(clickhouse_server: ClickHouseServer) -> None:
    """Each statement is formatted by ClickHouse's own parser, with its cluster and its engine."""
    database = next(_databases)
    _migrate(clickhouse_server, database)
    url = clickhouse_server.address(database=database)
    parsed = []
    with closing(
        open_warehouse(url, password=clickhouse_server.password, migrate=False)
    ) as warehouse:
        for statement in _replicated():
            # As a literal: a bound parameter would travel in the URL.
            text = statement.replace("\\", "\\\\").replace("'", "\\'")
            parsed += warehouse.query(f"SELECT formatQuery('{text}') AS sql").column("sql")
    assert len(parsed) == len(list(_replicated()))
    assert [sql for sql in parsed if " ON CLUSTER `all`" not in sql.splitlines()[0]] == []
    engines = [sql for sql in parsed if sql.startswith("CREATE TABLE")]
    assert [sql for sql in engines if "ENGINE = ReplicatedReplacingMergeTree(" not in sql] == []


def test_what_a_cluster_gets() -> None:
    """The replicated tables with their arguments: a change here is a change of running clusters."""
    made = {}
    for statement in _replicated():
        head = _HEAD.search(statement)
        assert head is not None
        assert head.group(3), statement
        engine = _ENGINE.search(statement)
        if head.group(1) == "TABLE" and engine:
            made[head.group(2)] = engine.group(1).rstrip()
    assert made.items() >= CLUSTER_TABLES.items()
    assert "{{" not in script(REPLICATED)
