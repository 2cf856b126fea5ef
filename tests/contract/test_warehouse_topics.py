"""Topics and nearest documents in SQL, over what was landed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from schemas.messages import WindowStats, WindowTopic
from streams.backends.clickhouse import open_warehouse
from streams.cli._times import clickhouse_time
from tests.support.examples import record
from tests.support.streams_of_documents import START, enriched

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streams.backends.clickhouse import ClickHouseWarehouse

MINUTE = 60_000
ALL = "window_from = '2000-01-01', window_to = '2100-01-01', source = ''"


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[ClickHouseWarehouse]:
    opened = open_warehouse(f"chdb://{tmp_path / 'clickhouse'}")
    yield opened
    opened.close()


def topic(identity: str, documents: int, **changes: object) -> WindowTopic:
    plain = WindowTopic(
        topic_id=identity,
        name=f"{identity}, words",
        documents=documents,
        similarity=0.5,
        central_doc_id=f"central-{identity}",
        central_summary=f"About {identity}.",
        central_similarity=0.9,
        first_seen=START,
        parent="",
        ended="",
        merged_into="",
        embedding_model="mini@abc",
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def window(number: int, *topics: WindowTopic, version: int = 1) -> WindowStats:
    stats = record("window_stats")
    assert isinstance(stats, WindowStats)
    start = START + number * MINUTE
    changes = {"window_start": start, "version": version, "topics": topics}
    return replace(stats, source="news", window_seconds=60, **changes)  # type: ignore[arg-type]


def test_the_newest_version_of_a_window_counts(warehouse: ClickHouseWarehouse) -> None:
    """Landed twice, early and late: one row a topic, shares of what the window has in the end."""
    early = window(0, topic("a", 1), version=1)
    late = window(0, topic("a", 3), topic("b", 1), version=2)
    warehouse.write_stats([late, early])
    warehouse.write_stats([early])
    asked = "SELECT topic_id, documents, share, is_new FROM topics ORDER BY topic_id"
    assert warehouse.query(asked).rows == [["a", 3, 0.75, True], ["b", 1, 0.25, True]]


def test_lines_have_zeros_and_the_newest_name(warehouse: ClickHouseWarehouse) -> None:
    """A topic has a row for every period in which its source has documents, under one name."""
    warehouse.write_stats(
        [
            window(0, topic("a", 4), topic("b", 4)),
            window(1, topic("b", 2)),
            window(2, topic("a", 1, name="a, new words"), topic("c", 0, ended="faded")),
        ]
    )
    asked = (
        "SELECT name, toUnixTimestamp64Milli(period) AS at, documents, share "
        f"FROM topic_lines({ALL}, period_seconds = 60, most = 2) ORDER BY name, period"
    )
    moments = [START + number * MINUTE for number in range(3)]
    assert warehouse.query(asked).rows == [
        ["a, new words", moments[0], 4, 0.5],
        ["a, new words", moments[1], 0, 0.0],
        ["a, new words", moments[2], 1, 1.0],
        ["b, words", moments[0], 4, 0.5],
        ["b, words", moments[1], 2, 1.0],
        ["b, words", moments[2], 0, 0.0],
    ]


def test_a_line_says_how_it_ended(warehouse: ClickHouseWarehouse) -> None:
    """Merged when and into which; a line that goes on has no end."""
    gone = topic("b", 0, ended="merged", merged_into="a")
    warehouse.write_stats([window(0, topic("a", 4), topic("b", 2)), window(1, topic("a", 1), gone)])
    asked = (
        "SELECT DISTINCT topic_id, ended, merged_into, toUnixTimestamp64Milli(ended_at) AS at "
        f"FROM topic_lines({ALL}, period_seconds = 60, most = 5) ORDER BY topic_id"
    )
    assert warehouse.query(asked).rows == [
        ["a", "", "", None],
        ["b", "merged", "a", START + MINUTE],
    ]


def near(vector: list[float], **changes: str) -> str:
    given = {"source": "''", "label": "''", "model": "'mini'", "revision": "'abc'"} | changes
    given |= {"published_from": f"'{clickhouse_time(START)}'", "published_to": "'2100-01-01'"}
    named = ", ".join(f"{name} = {value}" for name, value in given.items())
    return f"nearest(vector = {vector}, {named}, most = 3)"


def test_nearest_are_those_of_the_highest_cosine(warehouse: ClickHouseWarehouse) -> None:
    """In order, with the cosine as similarity (to what BFloat16 keeps), the newest version only."""
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(40, 8)).astype("<f4")
    found = [enriched(k, embedding=v.tobytes()) for k, v in enumerate(vectors)]
    warehouse.write_documents(found)
    warehouse.write_documents([replace(found[0], version=9, embedding=(-vectors[0]).tobytes())])
    vectors[0] *= -1
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = units @ units[7]
    asked = f"SELECT doc_id, similarity FROM {near(vectors[7].tolist())}"
    rows = warehouse.query(asked).rows
    expected = np.argsort(-cosines)[:3]
    assert [row[0] for row in rows] == [f"doc-{k}" for k in expected]
    assert [row[1] for row in rows] == pytest.approx(cosines[expected].tolist(), abs=0.01)


def test_nearest_compares_one_model_and_keeps_to_the_filters(
    warehouse: ClickHouseWarehouse,
) -> None:
    """Rows of another revision, length, source, label or time are not among the answers."""
    same = np.ones(8, "<f4").tobytes()
    rows = [
        enriched(0, embedding=same),
        enriched(1, embedding=same, embedding_revision="def"),
        enriched(2, embedding=np.ones(4, "<f4").tobytes()),
        enriched(3, embedding=same, source="other"),
        enriched(4, embedding=same, label="sports"),
        enriched(5, embedding=same, published_at=START - 5 * 3_600_000),
        enriched(6, embedding=b""),
    ]
    warehouse.write_documents(rows)
    view = near([1.0] * 8, source="'news'", label="'science'")
    assert warehouse.query(f"SELECT doc_id FROM {view}").rows == [["doc-0"]]
