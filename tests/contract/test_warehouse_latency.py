"""Latencies from the cells are those of the rows, whatever was landed how often."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from streams.backends.clickhouse import open_warehouse
from streams.backends.clickhouse.latency import LatencyKeeper
from streams.clock import SystemClock
from tests.support.landed import HOUR, START, document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from schemas.messages import Enriched
    from streams.backends.clickhouse import ClickHouseWarehouse

LATENCY = "SELECT * FROM latency ORDER BY hour, source"
LANDINGS = (
    "SELECT hour, source, sum(landed), quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(landed_ms) "
    "FROM landings(window_from = '{}', window_to = '{}', source = '{}') "
    "GROUP BY hour, source ORDER BY hour, source"
)
WINDOWS = (
    ("2024-05-06 00:00:00", "2024-05-12", ""),
    ("2024-05-06 09:20:00", "2024-05-07 03:10:00.500", "source1"),
    ("2024-05-07 02:10:00", "2024-05-07 02:40:00", ""),
)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[ClickHouseWarehouse]:
    opened = open_warehouse(f"chdb://{tmp_path / 'clickhouse'}", clock=SystemClock())
    yield opened
    opened.close()


def arrived(number: int) -> list[Enriched]:
    """Return documents published over two days that arrived over three, of skewed latencies."""
    drawn = random.Random(5)
    return [
        replace(
            document(one, source=f"source{one % 2}"),
            published_at=START + one * 5 * 60_000,
            received_at=START + one * 7 * 60_000 + drawn.randrange(HOUR),
            queue_ms=drawn.lognormvariate(3, 2),
            inference_ms=drawn.lognormvariate(1, 1),
        )
        for one in range(number)
    ]


def answers(warehouse: ClickHouseWarehouse) -> list[list[object]]:
    """Return what both views answer, whole hours and cut ones."""
    found = warehouse.query(LATENCY).rows
    for window in WINDOWS:
        found += warehouse.query(LANDINGS.format(*window)).rows
    return found


def computed(warehouse: ClickHouseWarehouse) -> None:
    keeper = LatencyKeeper(warehouse, SystemClock())
    keeper.refresh_all()
    assert warehouse.query("SELECT countIf(NOT valid) FROM latency_days").rows == [[0]]


def test_cells_answer_as_rows_do(warehouse: ClickHouseWarehouse) -> None:
    """To the last bit: the states merge exactly, by whichever day and in whichever order."""
    warehouse.write_documents(arrived(500))
    before = answers(warehouse)
    assert warehouse.query("SELECT countIf(valid) FROM latency_days").rows == [[0]]
    computed(warehouse)
    assert answers(warehouse) == before
    assert sum(int(str(row[2])) for row in warehouse.query(LATENCY).rows) == 500


def test_the_quantiles_are_within_one_percent(warehouse: ClickHouseWarehouse) -> None:
    """Of the value at that rank, counted exactly."""
    documents = arrived(500)
    warehouse.write_documents(documents)
    computed(warehouse)
    exact = warehouse.query(
        "SELECT quantilesExactLow(0.5, 0.95, 0.99)(queue_ms), "
        "quantilesExactLow(0.5, 0.95, 0.99)(tokenize_ms + inference_ms) "
        "FROM documents GROUP BY toStartOfHour(received_at) AS hour, source ORDER BY hour, source"
    ).rows
    found = [row[3:9] for row in warehouse.query(LATENCY).rows]
    assert len(found) == len(exact) > 100
    for ours, (queue, inference) in zip(found, exact, strict=True):
        low = [float(str(one)) for one in (*queue, *inference)]
        assert ours[0] == pytest.approx(low[0], rel=0.0101)
        assert ours[3] == pytest.approx(low[3], rel=0.0101)


def test_redelivered_and_moved_documents_count_once(warehouse: ClickHouseWarehouse) -> None:
    """Where they are now; both the day that they left and the one they went to are computed."""
    batch = arrived(400)
    warehouse.write_documents(batch)
    computed(warehouse)
    before = answers(warehouse)
    warehouse.write_documents(batch[100:200])
    assert answers(warehouse) == before
    computed(warehouse)
    assert answers(warehouse) == before
    moved = [
        replace(
            one,
            published_at=one.published_at + 26 * HOUR,
            received_at=one.received_at + 30 * HOUR,
            offset=one.offset + 10_000,
            version=one.version + 10_000,
        )
        for one in batch[:50]
    ]
    warehouse.write_documents(moved)
    from_rows = answers(warehouse)
    computed(warehouse)
    assert answers(warehouse) == from_rows
    totals = warehouse.query("SELECT sum(documents), sum(landed) FROM latency").rows
    assert totals == [[400, 450]]


def test_a_touched_day_answers_from_its_rows_at_once(warehouse: ClickHouseWarehouse) -> None:
    """Nobody sees older figures than what has landed."""
    warehouse.write_documents(arrived(30))
    computed(warehouse)
    warehouse.write_documents([replace(document(1000), received_at=START)])
    assert warehouse.query("SELECT sum(documents), sum(landed) FROM latency").rows == [[31, 31]]


def test_a_round_that_was_cut_off_changes_nothing(warehouse: ClickHouseWarehouse) -> None:
    """Cells without the version that names them, and two keepers at once, count for nothing."""
    warehouse.write_documents(arrived(60))
    before = answers(warehouse)
    computed(warehouse)
    warehouse.execute("TRUNCATE TABLE latency_versions_raw")
    assert answers(warehouse) == before
    computed(warehouse)
    assert answers(warehouse) == before


def test_messages_from_before_the_notes_are_adopted(warehouse: ClickHouseWarehouse) -> None:
    """Days that nobody has noted are found in the deliveries."""
    warehouse.write_documents(arrived(30))
    before = answers(warehouse)
    warehouse.execute("TRUNCATE TABLE latency_touched_raw")
    keeper = LatencyKeeper(warehouse, SystemClock())
    keeper.adopt()
    assert answers(warehouse) == before
    assert keeper.refresh_all() == 2
    assert answers(warehouse) == before
