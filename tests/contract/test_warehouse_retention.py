"""Rows past their age go, younger ones stay, and the trends answer for what is there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from schemas.migrate import Target
from schemas.retention import Retention, script
from streams.backends.clickhouse import open_warehouse
from streams.backends.clickhouse.latency import LatencyKeeper
from streams.backends.clickhouse.trends import TrendKeeper
from streams.clock import SystemClock
from tests.support.landed import HOUR, document, letter, window

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streams.backends.clickhouse import ClickHouseWarehouse

NOW = SystemClock().now_ms()
KEPT = Retention.of(documents="30d")
OLD, YOUNG = NOW - 40 * 24 * HOUR, NOW - 20 * 24 * HOUR
ANSWERS = (
    "SELECT * FROM label_trends ORDER BY ALL",
    "SELECT hour, source, documents, queue_ms_p50 FROM latency WHERE documents > 0 ORDER BY ALL",
    (
        "SELECT * FROM unique_tokens(window_from = '2020-01-01', window_to = '2100-01-01', "
        "source = '', unit = 'all') ORDER BY ALL"
    ),
)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[ClickHouseWarehouse]:
    opened = open_warehouse(f"chdb://{tmp_path / 'clickhouse'}", clock=SystemClock())
    yield opened
    opened.close()


def landed(warehouse: ClickHouseWarehouse) -> None:
    """Land ten old documents and ten young ones, and compute all cells."""
    for first, at in ((0, OLD), (10, YOUNG)):
        made = [document(first + n, published_at=at + n * 60_000) for n in range(10)]
        warehouse.write_documents([replace(one, received_at=one.published_at) for one in made])
    TrendKeeper(warehouse, SystemClock()).refresh_all()
    LatencyKeeper(warehouse, SystemClock()).refresh_all()


def merged(warehouse: ClickHouseWarehouse) -> None:
    """Merge every table, which is when ClickHouse deletes."""
    tables = warehouse.query(
        "SELECT name FROM system.tables WHERE database = 'tidemark' AND engine LIKE '%MergeTree'"
    ).column("name")
    for table in tables:
        warehouse.execute(f"OPTIMIZE TABLE {table} FINAL")


def answers(warehouse: ClickHouseWarehouse) -> list[list[object]]:
    return [row for question in ANSWERS for row in warehouse.query(question).rows]


def test_documents_past_their_age_go_with_their_trends(warehouse: ClickHouseWarehouse) -> None:
    """The views answer for the others alone, the same from the cells as from the documents."""
    landed(warehouse)
    assert "documents_raw" in warehouse.retain(KEPT)
    merged(warehouse)
    found = warehouse.query("SELECT doc_id FROM documents ORDER BY offset").column("doc_id")
    assert found == [f"doc-{n}" for n in range(10, 20)]
    assert warehouse.query("SELECT count() FROM document_hours_raw").rows == [[10]]
    for table in ("trend_sums_raw", "trend_words_raw"):
        ages = f"SELECT count() > 0, countIf(day < now() - INTERVAL 32 DAY) FROM {table}"
        assert warehouse.query(ages).rows == [[True, 0]]
    from_cells = answers(warehouse)
    assert warehouse.query("SELECT sum(documents) FROM label_trends").rows == [[10]]
    for table in ("trend_versions_raw", "latency_versions_raw"):
        warehouse.execute(f"TRUNCATE TABLE {table}")
    assert answers(warehouse) == from_cells
    assert warehouse.query("SELECT sum(landed) FROM latency").rows == [[20]]


def test_embeddings_go_before_their_documents(warehouse: ClickHouseWarehouse) -> None:
    """The old documents are there, with all else; the young ones have theirs."""
    landed(warehouse)
    assert warehouse.retain(Retention.of(embeddings="30d")) == ["documents_raw"]
    merged(warehouse)
    found = warehouse.query(
        "SELECT offset < 10 AS old, count(), countIf(empty(embedding)), countIf(empty(text)) "
        "FROM documents GROUP BY old ORDER BY old"
    ).rows
    assert found == [[0, 10, 0, 0], [1, 10, 10, 0]]


def test_dead_letters_and_statistics_have_an_age_of_their_own(
    warehouse: ClickHouseWarehouse,
) -> None:
    """Those of May 2024; documents of any age stay, and so does the ledger's account of them."""
    landed(warehouse)
    warehouse.write_dead_letters([letter(100)])
    warehouse.write_stats([window(0)])
    received = warehouse.query("SELECT sum(received) FROM ledger").rows
    warehouse.retain(Retention.of(dead_letters="1y", statistics="1y"))
    merged(warehouse)
    for view, number in (("dead_letters", 0), ("drift_windows", 0), ("documents", 20)):
        assert warehouse.query(f"SELECT count() FROM {view}").rows == [[number]]
    assert warehouse.query("SELECT sum(received) FROM ledger").rows == received


def test_it_is_set_once_changed_and_taken_away(warehouse: ClickHouseWarehouse) -> None:
    """Nothing is altered where it is as configured; a TTL that a migration made stays."""
    everything = Retention.of(
        documents="30d", embeddings="7d", dead_letters="90d", statistics="90d"
    )
    first = warehouse.retain(everything)
    assert {"documents_raw", "trend_sums_raw", "latency_cells_raw", "replays_raw"} <= set(first)
    assert warehouse.retain(everything) == []
    assert warehouse.retain(replace(everything, dead_letters=86_400)) == [
        "dead_letters_raw",
        "replays_raw",
    ]
    assert sorted(warehouse.retain(Retention())) == sorted(first)
    assert warehouse.retain(Retention()) == []
    left = warehouse.query(
        "SELECT name FROM system.tables WHERE database = 'tidemark' "
        "AND create_table_query LIKE '%TTL%'"
    )
    assert left.column("name") == ["canaries_raw"]


def test_the_dry_run_shows_what_is_run(warehouse: ClickHouseWarehouse) -> None:
    """For one server and for a cluster; nothing where all is kept."""
    shown = script(Target(), KEPT)
    tables = {line.split()[2].partition(".")[2] for line in shown.splitlines() if "ALTER" in line}
    assert tables == set(warehouse.retain(KEPT))
    everywhere = script(Target("news", "all"), KEPT)
    assert everywhere.count(" ON CLUSTER `all` MODIFY TTL ") == len(tables)
    assert script(Target(), Retention()) == ""
