"""The helper tables of the trends answer as the documents do, whatever was landed how often."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from streams.backends.clickhouse import InvalidQuery, open_reader, open_warehouse
from streams.backends.clickhouse.trends import TrendKeeper
from streams.clock import SystemClock
from tests.support.landed import HOUR, START, document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from schemas.messages import Enriched
    from streams.backends.clickhouse import ClickHouseWarehouse

UNITS = ("minute", "day", "quarter")
RAGGED = {"from": "2024-05-06 07:30:00.000", "to": "2024-05-07 21:00:00.500"}
CALL = (
    "{view}(window_from = {{from:DateTime64(3, 'UTC')}}, window_to = {{to:DateTime64(3, 'UTC')}}, "
    "source = {{source:String}}, unit = {{unit:String}})"
)
CHANGED = (
    "SELECT * FROM what_changed(a_from = '2024-05-06 07:30:00', a_to = '2024-05-07', "
    "b_from = '2024-05-07', b_to = '2024-05-07 20:10:30', source = '') ORDER BY ALL"
)
TERMS = (
    "SELECT term, documents, baseline_documents, count, state, round(q, 9), window_size, "
    "baseline_size, tested FROM trending_terms("
    "window_from = '{}', window_to = '{}', baseline_from = '{}', baseline_to = '{}', source = '') "
    "ORDER BY q, term"
)
WORDS = ("harbour", "ferry", "crane", "pilot", "quay", "buoy", "anchor", "mast", "deck", "hull")


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[ClickHouseWarehouse]:
    opened = open_warehouse(f"chdb://{tmp_path / 'clickhouse'}", clock=SystemClock())
    yield opened
    opened.close()


def story(number: int, **changes: Any) -> Enriched:
    """Return a document of ten words of its own and a few that others share."""
    own = " ".join(f"{word}{number}" for word in WORDS)
    text = f"{own} shared{number % 7} common{number % 3}"
    made = document(number, text=text, label=f"label{number % 4}", source=f"source{number % 2}")
    return replace(made, **changes)


def stories(number: int, step: int = 2) -> list[Enriched]:
    """Return documents over 40 hours and more."""
    return [story(one, published_at=START + one * step * 60_000) for one in range(number)]


def answers(warehouse: ClickHouseWarehouse) -> list[Any]:
    """Return what all trend views answer, whole hours and cut ones."""
    found: list[Any] = []
    for view, unit in itertools.product(("label_shares", "unique_tokens", "cost"), UNITS):
        asked = RAGGED | {"unit": unit, "source": "source1" if unit == "quarter" else ""}
        sql = f"SELECT * FROM {CALL.format(view=view)} ORDER BY ALL"
        found += [[_rounded(cell) for cell in row] for row in warehouse.query(sql, asked).rows]
    rows = warehouse.query("SELECT * FROM label_trends ORDER BY ALL").rows
    rows += warehouse.query(CHANGED).rows
    found += [[_rounded(cell) for cell in row] for row in rows]
    hours = ("2024-05-07 10:00:00", "2024-05-07 20:00:00")
    found += warehouse.query(TERMS.format(*hours, "2024-05-06 07:30:00", hours[0])).rows
    days = ("2024-05-07", "2024-05-08", "2024-05-06", "2024-05-07")
    return found + warehouse.query(TERMS.format(*days)).rows


def _rounded(cell: object) -> object:
    return round(cell, 9) if isinstance(cell, float) else cell


def test_cells_answer_as_documents_do(warehouse: ClickHouseWarehouse) -> None:
    """Each view gives the same rows from the documents and, computed, from cells and documents."""
    warehouse.write_documents(stories(900))
    before = answers(warehouse)
    assert TrendKeeper(warehouse, SystemClock()).refresh_all() == 2
    valid = warehouse.query("SELECT countIf(valid), countIf(NOT valid) FROM trend_days").rows
    assert valid == [[2, 0]]
    assert answers(warehouse) == before


def test_a_batch_delivered_twice_changes_no_answer(warehouse: ClickHouseWarehouse) -> None:
    """Written again after the cells were computed, and computed again."""
    keeper = TrendKeeper(warehouse, SystemClock())
    batch = stories(600)
    warehouse.write_documents(batch)
    keeper.refresh_all()
    before = answers(warehouse)
    warehouse.write_documents(batch[100:400])
    assert keeper.refresh_all() > 0
    assert answers(warehouse) == before


def test_a_document_that_moves_is_counted_where_it_went(warehouse: ClickHouseWarehouse) -> None:
    """As if it had landed there alone: both days are computed again."""
    keeper = TrendKeeper(warehouse, SystemClock())
    batch = stories(600)
    moved = [
        replace(one, published_at=one.published_at + 26 * HOUR, version=one.version + 10_000)
        for one in batch[:50]
    ]
    warehouse.write_documents(batch)
    keeper.refresh_all()
    warehouse.write_documents(moved)
    keeper.refresh_all()
    from_cells = answers(warehouse)
    warehouse.execute("TRUNCATE TABLE trend_versions_raw")
    assert answers(warehouse) == from_cells
    counted = warehouse.query("SELECT sum(documents) FROM label_trends").rows
    assert counted == [[600]]


def test_an_overtaken_day_answers_from_its_documents_at_once(
    warehouse: ClickHouseWarehouse,
) -> None:
    """What has landed is in every answer, computed or not: nobody sees older figures."""
    warehouse.write_documents(stories(30))
    TrendKeeper(warehouse, SystemClock()).refresh_all()
    warehouse.write_documents([story(1000, published_at=START)])
    assert warehouse.query("SELECT sum(documents) FROM label_trends").rows == [[31]]


def test_documents_from_before_the_helper_tables_are_adopted(
    warehouse: ClickHouseWarehouse,
) -> None:
    """Days that nobody has noted are found in the documents."""
    warehouse.write_documents(stories(30))
    warehouse.execute("TRUNCATE TABLE trend_touched_raw")
    keeper = TrendKeeper(warehouse, SystemClock())
    keeper.adopt()
    assert keeper.refresh_all() == 1
    assert warehouse.query("SELECT sum(documents) FROM label_trends").rows == [[30]]


def test_rare_terms_of_a_long_window_are_all_found(warehouse: ClickHouseWarehouse) -> None:
    """Three documents on three days are as good as three on one: cells give what documents do."""
    batch = [
        document(one, text=spread_text(one), published_at=START + one * 40 * 60_000)
        for one in range(300)
    ]
    asked = TERMS.format("2024-05-10", "2024-05-14", "2024-05-06", "2024-05-10")
    hours = TERMS.format("2024-05-12 06:00:00", "2024-05-13", "2024-05-09", "2024-05-11 13:00:00")
    warehouse.write_documents(batch)
    before = [warehouse.query(sql).rows for sql in (asked, hours)]
    TrendKeeper(warehouse, SystemClock()).refresh_all()
    assert [warehouse.query(sql).rows for sql in (asked, hours)] == before
    rarest = [row for row in before[0] if row[1] == 3]
    assert len(rarest) >= 10


def test_terms_begin_at_one_of_5_000_documents(warehouse: ClickHouseWarehouse) -> None:
    """Of 15,001 documents a term needs four, from the documents and from their cells alike."""
    asked = TERMS.format("2024-05-06", "2024-05-07", "2024-05-05", "2024-05-06")
    asked = f"SELECT term, documents FROM ({asked}) WHERE term IN ('three', 'four')"
    rare = {0: "three four", 1: "three four", 2: "three four", 3: "four"}
    made = [
        document(
            number,
            text=f"a{number} b{number} c{number} d{number} {rare.get(number, '')}",
            published_at=START + number,
        )
        for number in range(15_001)
    ]
    warehouse.write_documents(made[:15_000])
    assert warehouse.query(f"{asked} ORDER BY term").rows == [["four", 4], ["three", 3]]
    warehouse.write_documents(made[15_000:])
    assert warehouse.query(asked).rows == [["four", 4]]
    assert TrendKeeper(warehouse, SystemClock()).refresh_all() == 1
    assert warehouse.query(asked).rows == [["four", 4]]


def spread_text(number: int) -> str:
    """Return words that come back after so many documents, and words of its own."""
    own = " ".join(f"{word}{number}" for word in WORDS)
    return own + " " + " ".join(f"every{step}at{number % step}" for step in (7, 36, 44, 48, 60))


def test_cells_of_an_older_form_are_computed_again(warehouse: ClickHouseWarehouse) -> None:
    """After an upgrade the documents answer until the land role has been there."""
    keeper = TrendKeeper(warehouse, SystemClock())
    warehouse.write_documents(stories(100))
    keeper.refresh_all()
    before = answers(warehouse)
    warehouse.execute(
        "INSERT INTO trend_versions_raw (day, version, slot, seen) "
        "SELECT day, version + 1, slot, seen FROM trend_versions_raw FINAL"
    )
    assert warehouse.query("SELECT countIf(valid) FROM trend_days").rows == [[0]]
    assert answers(warehouse) == before
    assert keeper.refresh_all() == 1
    assert warehouse.query("SELECT countIf(NOT valid) FROM trend_days").rows == [[0]]
    assert answers(warehouse) == before


def test_near_copies_count_once(warehouse: ClickHouseWarehouse) -> None:
    """Forty of one text with a word changed, over a day, are one document; from cells, too."""
    others = stories(400)
    words = " ".join(f"word{number}" for number in range(60))
    spam = [
        replace(
            document(5_000 + number, text=f"{words} miracle cure {number}", source="source1"),
            published_at=START + 20 * HOUR + number * 60_000,
        )
        for number in range(40)
    ]
    warehouse.write_documents(others + spam)
    TrendKeeper(warehouse, SystemClock()).refresh_all()
    sql = TERMS.format("2024-05-07", "2024-05-08", "2024-05-06", "2024-05-07")
    assert "miracle" not in [row[0] for row in warehouse.query(sql).rows]


def test_an_unknown_unit_is_refused(tmp_path: Path) -> None:
    """One line that names it; the next question is answered."""
    url = f"chdb://{tmp_path / 'clickhouse'}"
    open_warehouse(url).close()
    reader = open_reader(url)
    with pytest.raises(InvalidQuery, match="fortnight"):
        reader.query(f"SELECT * FROM {CALL.format(view='cost')}",
                     RAGGED | {"unit": "fortnight", "source": ""})  # fmt: skip
    assert reader.query("SELECT 1 AS one").rows == [[1]]
    reader.close()
