"""``emerging_terms`` holds what ``trending_terms`` answers, hour by hour and day by day."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.backends.clickhouse import open_warehouse
from streams.backends.clickhouse.emerging import EmergingKeeper, Window, chosen
from streams.backends.clickhouse.trends import TrendKeeper
from streams.clock import FixedClock, SystemClock
from tests.support.landed import HOUR, START, document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from schemas.messages import Enriched
    from streams.backends.clickhouse import ClickHouseWarehouse

DAY = 24 * HOUR
MIDNIGHT = START - START % DAY
NEWS = MIDNIGHT + DAY
"""The day on which a new word comes up, from 11:00 on."""

COLUMNS = (
    "term, kind, state, log_odds, z, p_value, q, growth, count, baseline_count, documents, "
    "baseline_documents, share, baseline_share, toUnixTimestamp64Milli(first_seen), "
    "window_size, baseline_size, tested"
)
KEPT = f"SELECT {COLUMNS} FROM emerging_terms WHERE unit = '{{}}' AND window_start = '{{}}' "
NOW = (
    f"SELECT {COLUMNS} FROM trending_terms(window_from = '{{}}', window_to = '{{}}', "
    "baseline_from = '{}', baseline_to = '{}', source = '{}') WHERE q <= 0.05 AND z > 0 "
)
ORDER = "ORDER BY z DESC, term"
WINDOWS = (
    ("day", "2024-05-07", "2024-05-08", "2024-04-30", "2024-05-07"),
    (
        *("hour", "2024-05-07 11:00:00", "2024-05-07 12:00:00"),
        *("2024-05-06 11:00:00", "2024-05-07 11:00:00"),
    ),
)
SEEN = (
    "SELECT DISTINCT unit, term FROM emerging_terms WHERE source = '' AND kind = 'word' "
    "ORDER BY ALL"
)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[ClickHouseWarehouse]:
    opened = open_warehouse(f"chdb://{tmp_path / 'clickhouse'}", clock=SystemClock())
    yield opened
    opened.close()


def told(number: int, at: int, word: str = "") -> Enriched:
    """Return a document that shares words with others, and says ``word``."""
    text = f"own{number} shared{number % 7} common{number % 3} {word}"
    return document(number, text=text, source=f"o'source{number % 2}", published_at=at)


def two_days() -> list[Enriched]:
    """Return a document a minute, two hours of each day; in the last hour half say a new word."""
    times = [day + at for day in (MIDNIGHT, NEWS) for at in range(10 * HOUR, 12 * HOUR, 60_000)]
    return [
        told(number, at, "zorblatt" if at >= NEWS + 11 * HOUR and number % 4 < 2 else "")
        for number, at in enumerate(times)
    ]


def kept(warehouse: ClickHouseWarehouse, hour: int = 12) -> int:
    """Compute what is stale at an hour of that day; returns how many windows were asked about."""
    now = NEWS + hour * HOUR
    TrendKeeper(warehouse, FixedClock(now)).refresh_all()
    return EmergingKeeper(warehouse, FixedClock(now + 60_000)).refresh_all()


def rows(warehouse: ClickHouseWarehouse, sql: str) -> list[list[Any]]:
    return warehouse.query(sql).rows


def test_what_is_kept_is_what_is_answered(warehouse: ClickHouseWarehouse) -> None:
    """Every column of every term, of one source and of all; the new word is among them."""
    warehouse.write_documents(two_days())
    assert kept(warehouse) > 0
    for (unit, *times), source in itertools.product(WINDOWS, ("", "o\\'source1")):
        found = rows(warehouse, f"{KEPT.format(unit, times[0])} AND source = '{source}' {ORDER}")
        assert found == rows(warehouse, f"{NOW.format(*times, source)} {ORDER}")
        assert "zorblatt" in [row[0] for row in found]


def test_what_has_not_changed_is_not_asked_again(warehouse: ClickHouseWarehouse) -> None:
    """A batch that is delivered twice leaves every answer, although its cells are new ones."""
    batch = two_days()
    warehouse.write_documents(batch)
    kept(warehouse)
    before = rows(warehouse, "SELECT * FROM emerging_terms ORDER BY ALL")
    warehouse.write_documents(batch[50:150])
    assert kept(warehouse, hour=13) == 0
    assert rows(warehouse, "SELECT * FROM emerging_terms ORDER BY ALL") == before


def test_what_lands_later_is_in_the_answers(warehouse: ClickHouseWarehouse) -> None:
    """Another word, into a day and hours that had their answers."""
    warehouse.write_documents(two_days())
    kept(warehouse)
    assert rows(warehouse, SEEN) == [["day", "zorblatt"], ["hour", "zorblatt"]]
    times = range(NEWS + 11 * HOUR, NEWS + 12 * HOUR, 60_000)
    warehouse.write_documents([told(1000 + n, at, "quux") for n, at in enumerate(times)])
    assert kept(warehouse, hour=13) > 0
    assert ["day", "quux"] in rows(warehouse, SEEN)
    assert ["hour", "quux"] in rows(warehouse, SEEN)


def test_documents_that_leave_a_day_take_its_answer_along(warehouse: ClickHouseWarehouse) -> None:
    """Published again at another time, until none of the day is left."""
    batch = two_days()
    warehouse.write_documents(batch)
    kept(warehouse)
    moved = [
        replace(one, published_at=one.published_at + 40 * DAY, version=one.version + 10_000)
        for one in batch
        if one.published_at >= NEWS
    ]
    warehouse.write_documents(moved)
    kept(warehouse, hour=13)
    day = f"SELECT term {KEPT[KEPT.index('FROM') :].format('day', '2024-05-07')}"
    assert rows(warehouse, day) == []
    assert kept(warehouse, hour=14) == 0


def test_an_answer_outlives_the_cells_of_its_baseline(warehouse: ClickHouseWarehouse) -> None:
    """As when documents are kept for a shorter time: nothing is asked again."""
    warehouse.write_documents(two_days())
    kept(warehouse)
    before = rows(warehouse, SEEN)
    warehouse.execute(
        "ALTER TABLE trend_totals_raw DELETE WHERE start < '2024-05-07' SETTINGS mutations_sync = 2"
    )
    assert EmergingKeeper(warehouse, FixedClock(NEWS + 13 * HOUR)).refresh_all() == 0
    assert rows(warehouse, SEEN) == before


def test_hours_long_past_are_left(warehouse: ClickHouseWarehouse) -> None:
    """An archive is answered by days: its hours would take longer than anybody asks for them."""
    warehouse.write_documents(two_days())
    kept(warehouse, hour=30 * 24)
    assert rows(warehouse, SEEN) == [["day", "zorblatt"]]


@given(
    st.lists(
        st.builds(
            Window,
            seconds=st.sampled_from([3600, 86400]),
            source=st.sampled_from(["", "a", "b"]),
            start=st.integers(0, 50),
            of=st.just((1,)),
            version=st.integers(0, 5),
        ),
        unique=True,
    ),
    st.integers(1, 20),
)
def test_neither_the_newest_nor_the_longest_waiting_are_left_out(
    stale: list[Window], most: int
) -> None:
    """As many as may be, once each, with the newest one and the one that waits longest."""
    found = chosen(stale, most)
    assert len(found) == len(set(found)) == min(most, len(stale))
    assert set(found) <= set(stale)
    if found:
        assert max(one.start for one in found) == max(one.start for one in stale)
    if most > 1 and stale:
        assert min(one.version for one in found) == min(one.version for one in stale)
