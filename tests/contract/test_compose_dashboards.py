"""Every question of the Grafana dashboards, asked to a real engine as Grafana would ask it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from schemas.messages import HumanLabel, Origin
from streams.backends.clickhouse import open_warehouse
from streams.backends.clickhouse.emerging import EmergingKeeper
from streams.backends.clickhouse.trends import TrendKeeper
from streams.clock import SystemClock
from streams.ports import Labelled
from streams.stages.shadow import result_of
from tests.support.compose_file import COMPOSE
from tests.support.landed import HOUR, START, alert, document, letter, topic, window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.backends.clickhouse import ClickHouseWarehouse

FROM_S = START // 1000 - 60
TO_S = FROM_S + 3 * HOUR // 1000
INTERVAL_S = 60
DOCUMENTS = 40


def expanded(sql: str) -> str:
    """Fill in the macros of grafana-clickhouse-datasource as its documentation describes them."""
    start, end = f"toDateTime({FROM_S})", f"toDateTime({TO_S})"
    sql = re.sub(r"\$__timeFilter\((\w+)\)", rf"\1 >= {start} AND \1 <= {end}", sql)
    bucket = rf"toStartOfInterval(toDateTime(\1), INTERVAL {INTERVAL_S} second)"
    sql = re.sub(r"\$__timeInterval\((\w+)\)", bucket, sql)
    sql = sql.replace("${source:singlequote}", "'news'")
    sql = sql.replace("$__fromTime", start).replace("$__toTime", end)
    assert "$" not in sql, "a macro that this test does not know"
    return sql


def questions() -> list[tuple[str, str]]:
    """Return title and SQL of every panel and annotation."""
    found = []
    for file in sorted((COMPOSE / "grafana/dashboards").glob("*.json")):
        board: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        for panel in board["panels"]:
            found += [
                (panel["title"], one["rawSql"]) for one in panel["targets"] if "rawSql" in one
            ]
        found += [(f"variable {one['name']}", one["query"]) for one in board["templating"]["list"]]
        found += [(f"annotation {one['name']}", one["target"]["rawSql"])
                  for one in board["annotations"]["list"]]  # fmt: skip
    return found


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseWarehouse]:
    """Documents of two hours and of the day before, dead letters, windows, an alert, a shadow."""
    opened = open_warehouse(f"chdb://{tmp_path_factory.mktemp('grafana') / 'clickhouse'}")
    before = [document(n, published_at=START - HOUR + n, text=f"ebb {n}") for n in range(10)]
    tide = [document(n) for n in range(10, 30)]
    calm = [document(n, published_at=START - 30 * HOUR, text=f"calm {n}") for n in range(30, 40)]
    opened.write_documents([*before, *tide, *calm])
    opened.write_dead_letters([letter(n) for n in range(3)])
    opened.write_stats([replace(window(n), topics=(topic("tide", n + 1),)) for n in range(5)])
    opened.write_alerts([alert()])
    said = HumanLabel("doc-10", "news", ("sea",), "ada", START)
    opened.write_labels([Labelled(Origin("tidemark.labels", 0, 0, START), said)])
    opened.write_shadows([result_of(document(10), "small", "classification")])
    TrendKeeper(opened, SystemClock()).refresh_all()
    EmergingKeeper(opened, SystemClock()).refresh_all()
    yield opened
    opened.close()


@pytest.mark.parametrize(("title", "sql"), questions(), ids=[title for title, _ in questions()])
def test_a_question_is_answered(warehouse: ClickHouseWarehouse, title: str, sql: str) -> None:
    """With rows, since there is something to find; times come first in time series."""
    answer = warehouse.query(expanded(sql))
    assert answer.rows, title
    if "AS time" in sql:
        assert answer.columns[0] == "time"
        times = [row[0] for row in answer.rows]
        assert times == sorted(times)


def test_the_ledger_panel_adds_up(warehouse: ClickHouseWarehouse) -> None:
    """The one figure that everybody looks at."""
    (sql,) = (sql for title, sql in questions() if title == "Ledger")
    answer = warehouse.query(expanded(sql))
    (row,) = (dict(zip(answer.columns, row, strict=True)) for row in answer.rows)
    assert row == {
        "received": DOCUMENTS + 3,
        "landed": DOCUMENTS,
        "dead_lettered": 3,
        "in_flight": 0,
        "missing": 0,
    }


def test_grants_of_the_server_parse(warehouse: ClickHouseWarehouse) -> None:
    """The embedded engine has no users, but knows the language."""
    tree = ET.parse(COMPOSE / "clickhouse/users.d/tidemark.xml").getroot()  # noqa: S314 - ours
    grants = [one.text for one in tree.iterfind("./users/*/grants/query")]
    assert len(grants) == 3
    for grant in grants:
        (row,) = warehouse.query(f"SELECT formatQuery('{grant} TO somebody')").rows
        assert str(row[0]).startswith("GRANT SELECT")
