"""Running summaries: exact under redelivery, moves, kills between steps, and two workers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from streams.backends.clickhouse import open_warehouse
from streams.backends.clickhouse.summaries import (
    SAMPLE,
    SummaryKeeper,
    changed_hours,
    documents_of,
    stale_days,
)
from streams.errors import Unavailable
from streams.runtime.summaries import extractive
from tests.support.landed import HOUR, START, document

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from schemas.messages import Enriched
    from streams.backends.clickhouse import ClickHouseWarehouse
    from streams.backends.clickhouse.rows import Columns
    from streams.backends.clickhouse.summaries import Document, Summed

SEEN = "SELECT * FROM running_summaries ORDER BY source, window_start"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseWarehouse]:
    warehouse = open_warehouse(f"chdb://{tmp_path_factory.mktemp('summaries') / 'clickhouse'}")
    yield warehouse
    warehouse.close()


@pytest.fixture
def warehouse(opened: ClickHouseWarehouse) -> ClickHouseWarehouse:
    """An empty database."""
    for table in (
        *("documents_raw", "document_hours_raw", "trend_touched_raw"),
        *("running_summaries_raw", "summary_days_raw"),
    ):
        opened.execute(f"TRUNCATE TABLE {table}")
    return opened


class Counting:
    """Summarizes, and remembers of how many documents each time."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, documents: Sequence[Document]) -> Summed:
        self.sizes.append(len(documents))
        return extractive(documents)


def story(number: int, story: int, **changes: Any) -> Enriched:
    """Return a document of one of three stories, which differ in their embeddings."""
    vector = np.full(8, 0.05, dtype="<f4")
    vector[story] = 1
    vector[7] = number / 1000
    text = f"Story {story} is what document {number} is about."
    plain = document(number, published_at=START + number)
    return replace(plain, summary=text, embedding=vector.tobytes(), **changes)


def rows(warehouse: ClickHouseWarehouse) -> list[dict[str, Any]]:
    return warehouse.query(SEEN).dictionaries()


def test_an_hour_tells_its_stories(warehouse: ClickHouseWarehouse) -> None:
    """The sentences of those that stand for the most, with what they stand for."""
    warehouse.write_documents([story(at, at % 3 % 2) for at in range(30)])
    SummaryKeeper(warehouse, extractive).refresh()
    (row,) = rows(warehouse)
    assert (row["source"], row["documents"]) == ("news", 30)
    assert row["summary"].startswith("Story 0 is what document ")
    assert row["shares"] == pytest.approx([2 / 3, 1 / 3])
    assert len(row["doc_ids"]) == len(row["sentences"]) == 2
    assert row["embedding_model"] == f"fake@{'0' * 12}"


def test_redelivery_changes_nothing_and_costs_nothing(warehouse: ClickHouseWarehouse) -> None:
    """What is delivered twice is the same; no hour is summarized again."""
    documents = [story(at, at % 2) for at in range(10)]
    summarize = Counting()
    keeper = SummaryKeeper(warehouse, summarize)
    warehouse.write_documents(documents)
    assert keeper.refresh() == 1
    before = rows(warehouse)
    warehouse.write_documents(documents[::-1])
    assert keeper.refresh() == 1
    assert (rows(warehouse), summarize.sizes) == (before, [10])
    assert keeper.refresh() == 0


def test_only_the_hour_that_changed_is_summarized(warehouse: ClickHouseWarehouse) -> None:
    """New documents are folded in: the hour is summarized with them, and others are left alone."""
    summarize = Counting()
    keeper = SummaryKeeper(warehouse, summarize)
    warehouse.write_documents(
        [story(at, 0) for at in range(3)] + [replace(story(9, 1), published_at=START + HOUR)]
    )
    keeper.refresh()
    warehouse.write_documents([story(10, 1)])
    keeper.refresh()
    assert sorted(summarize.sizes[:2]) == [1, 3]
    assert summarize.sizes[2:] == [4]
    assert [row["documents"] for row in rows(warehouse)] == [4, 1]


def test_a_document_that_moves_leaves_its_hour(warehouse: ClickHouseWarehouse) -> None:
    """An hour that has lost its last document is gone from the view."""
    keeper = SummaryKeeper(warehouse, extractive)
    warehouse.write_documents([story(1, 0)])
    keeper.refresh()
    moved = replace(story(1, 0), published_at=START + 3 * HOUR, offset=99, version=2**62)
    warehouse.write_documents([moved])
    keeper.refresh()
    (row,) = rows(warehouse)
    assert row["documents"] == 1
    assert row["window_start"] == "2024-05-06 10:00:00"


class Cut:
    """A warehouse whose process dies before its ``after``-th write."""

    def __init__(self, warehouse: ClickHouseWarehouse, after: int) -> None:
        self._warehouse = warehouse
        self._left = after

    def write_columns(self, columns: Columns) -> None:
        if not self._left:
            raise Unavailable("killed")
        self._left -= 1
        self._warehouse.write_columns(columns)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._warehouse, name)


@pytest.mark.parametrize("after", [0, 1])
def test_a_kill_between_two_steps_leaves_it_stale(
    warehouse: ClickHouseWarehouse, after: int
) -> None:
    """The next run finds it, and the outcome is that of a run that was not cut off."""
    warehouse.write_documents([story(at, at % 2) for at in range(8)])
    with pytest.raises(Unavailable):
        SummaryKeeper(Cut(warehouse, after), extractive).refresh()  # type: ignore[arg-type]  # cut
    assert len(stale_days(warehouse)) == 1
    summarize = Counting()
    SummaryKeeper(warehouse, summarize).refresh()
    assert summarize.sizes == ([8] if after == 0 else [])
    assert [row["documents"] for row in rows(warehouse)] == [8]
    assert stale_days(warehouse) == []


def test_a_worker_that_has_fallen_behind_does_not_win(warehouse: ClickHouseWarehouse) -> None:
    """It read before the last documents came, and writes after another that knows them."""
    first = [story(at, 0) for at in range(3)]
    warehouse.write_documents(first)

    def late(documents: Sequence[Document]) -> Summed:
        if len(documents) == len(first):
            warehouse.write_documents([story(5, 1)])
            SummaryKeeper(warehouse, extractive).refresh()
        return extractive(documents)

    SummaryKeeper(warehouse, late).refresh()
    assert [row["documents"] for row in rows(warehouse)] == [4]
    assert stale_days(warehouse) == []


def test_a_stop_leaves_the_rest_stale(warehouse: ClickHouseWarehouse) -> None:
    """Nothing that was not done is called done."""
    warehouse.write_documents([story(1, 0)])
    assert SummaryKeeper(warehouse, extractive).refresh(lambda: True) == 1
    assert (rows(warehouse), len(stale_days(warehouse))) == ([], 1)


def test_sources_have_hours_of_their_own(warehouse: ClickHouseWarehouse) -> None:
    """And a source can be asked about alone; what landed before the notes is found."""
    warehouse.write_documents([story(1, 0), story(2, 0, source="papers")])
    warehouse.execute("TRUNCATE TABLE trend_touched_raw")
    keeper = SummaryKeeper(warehouse, extractive)
    assert keeper.refresh() == 0
    keeper.adopt()
    ((day, _),) = stale_days(warehouse)
    assert [hour.source for hour in changed_hours(warehouse, day, "papers")] == ["papers"]
    keeper.refresh()
    assert [(row["source"], row["documents"]) for row in rows(warehouse)] == [
        ("news", 1),
        ("papers", 1),
    ]


def test_of_a_large_hour_a_sample_is_compared(warehouse: ClickHouseWarehouse) -> None:
    """All are counted, and the same ones are drawn whatever the order of arrival."""
    documents = [story(at, at % 3) for at in range(SAMPLE + 88)]
    warehouse.write_documents(documents)
    ((day, _),) = stale_days(warehouse)
    (hour,) = changed_hours(warehouse, day)
    drawn = documents_of(warehouse, hour)
    assert (hour.documents, len(drawn)) == (SAMPLE + 88, SAMPLE)
    warehouse.execute("TRUNCATE TABLE documents_raw")
    warehouse.write_documents(documents[::-1])
    assert documents_of(warehouse, hour) == drawn
