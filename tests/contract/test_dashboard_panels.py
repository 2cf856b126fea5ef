"""Every panel of the page, asked to a real engine; the SQL it shows gives the same rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from schemas.messages import HumanLabel, Origin
from streams.backends.clickhouse import open_warehouse
from streams.backends.clickhouse.summaries import SummaryKeeper
from streams.dashboard import questions
from streams.dashboard.panels import Panels
from streams.dashboard.span import View
from streams.ports import Labelled
from streams.runtime.summaries import extractive
from streams.stages.shadow import result_of
from tests.support.landed import HOUR, START, alert, document, letter, topic, window

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streams.backends.clickhouse import ClickHouseWarehouse
    from streams.backends.clickhouse.table import Table

DOCUMENTS = 40
NOW = START + 2 * HOUR
PANELS = (
    *("documents", "terms", "drift", "topics", "words", "alerts", "latest", "latency", "letters"),
    *("ledger", "sources", "summaries", "cost", "models"),
)
NASTY = "o'clock \\ {to:String} news"


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseWarehouse]:
    """Forty minutes of two sources, a burst of one word, dead letters, windows, alerts.

    A person said twice what is right; a challenger answered two documents, one as the champion.
    """
    opened = open_warehouse(f"chdb://{tmp_path_factory.mktemp('panels') / 'clickhouse'}")
    made = [
        document(
            n,
            text="the tide is high" if n < 30 else "the flood is high",
            label="sea" if n % 3 else "land",
            source=NASTY if n % 4 == 0 else "news",
        )
        for n in range(DOCUMENTS)
    ]
    opened.write_documents(made)
    opened.write_dead_letters([letter(100 + n) for n in range(3)])
    topics = (topic("tide", 4), topic("flood", 6))
    opened.write_stats([replace(window(n), topics=topics[: n % 2 + 1]) for n in range(5)])
    opened.write_alerts([alert()])
    said = [HumanLabel(f"doc-{n}", "news", ("sea",), "ada", START) for n in (1, 3)]
    opened.write_labels(
        [Labelled(Origin("tidemark.labels", 0, n, START), x) for n, x in enumerate(said)]
    )
    opened.write_shadows(
        [
            result_of(replace(made[n], classifier="big", label="sea"), "big", "classification")
            for n in (1, 3)
        ]
    )
    SummaryKeeper(opened, extractive).refresh()
    yield opened
    opened.close()


def rows(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [dict(zip(answer["columns"], row, strict=True)) for row in answer["rows"]]


def asked(warehouse: ClickHouseWarehouse, name: str, **query: str) -> dict[str, Any]:
    query = {name.rstrip("_"): value for name, value in query.items()}
    return Panels(warehouse, lambda: NOW).answer(name, View.parse(query))


@pytest.mark.parametrize("clock", ["event", "arrival"])
@pytest.mark.parametrize("source", ["", "news", NASTY])
@pytest.mark.parametrize("name", PANELS)
def test_the_sql_that_is_shown_gives_the_rows(
    warehouse: ClickHouseWarehouse, name: str, source: str, clock: str
) -> None:
    """With the values written into it, whatever a source is called."""
    answer = asked(warehouse, name, source=source, clock=clock)
    assert warehouse.query(answer["sql"]).rows == answer["rows"]


def test_the_panels_are_these(warehouse: ClickHouseWarehouse) -> None:
    """None is untested."""
    assert Panels(warehouse, lambda: NOW).names == set(PANELS)


def test_documents_are_counted_once_and_by_source(warehouse: ClickHouseWarehouse) -> None:
    """All of them; those of one source; a rate is what the step's length makes of a count."""
    answer = asked(warehouse, "documents")
    assert sum(row["documents"] for row in rows(answer)) == DOCUMENTS
    assert answer["span"]["step"] == 30_000
    assert {row["per_minute"] for row in rows(answer)} == {2.0}
    own = asked(warehouse, "documents", source=NASTY)
    assert sum(row["documents"] for row in rows(own)) == DOCUMENTS // 4


def test_cost_adds_up_what_the_models_spent(warehouse: ClickHouseWarehouse) -> None:
    """2.5 ms and 8 tokens a document; nobody said what an hour costs, so nothing is priced."""
    answer = asked(warehouse, "cost")
    found = rows(answer)
    assert sum(row["documents"] for row in found) == DOCUMENTS
    assert {row["milliseconds"] for row in found} == {2.5}
    assert {row["tokens_per_second"] for row in found} == {3200.0}
    assert {(row["per_thousand"], row["money"]) for row in found} == {(None, "")}
    assert answer["span"]["step"] == 60_000
    assert answer["span"]["from"] % 60_000 == 0


def test_models_are_right_or_agree(warehouse: ClickHouseWarehouse) -> None:
    """Of two labelled documents the champion has one right; the challenger agrees on that one."""
    found = rows(asked(warehouse, "models"))
    told = [(x["measure"], x["model"], x["against"], x["documents"], x["share"]) for x in found]
    assert told == [
        ("right", "zero-shot int8", "", 2, 0.5),
        ("agrees", "big int8", "zero-shot int8", 2, 0.5),
    ]
    assert all(x["share_low"] < x["share"] < x["share_high"] for x in found)
    assert asked(warehouse, "models", source="nobody")["rows"] == []


def test_a_range_of_the_other_clock_holds_the_same_documents(
    warehouse: ClickHouseWarehouse,
) -> None:
    """They all arrived within a second, over which forty minutes of event time are told."""
    answer = asked(warehouse, "drift", clock="arrival")
    assert (answer["clock"], answer["span"]["from"]) == ("event", START)
    arrived = asked(warehouse, "latency", clock="event")
    assert (arrived["clock"], arrived["span"]["to"]) == ("arrival", START + DOCUMENTS)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"from_": "2024-05-06T07:30Z"}, 18),
        ({"to": "2024-05-06 07:30"}, 22),
        ({"from_": "2024-05-06T07:20", "to": "2024-05-06T07:30"}, 10),
        ({"range": "1h"}, 0),
        ({"range": "6h"}, 40),
    ],
)
def test_ranges_cut_as_they_say(
    warehouse: ClickHouseWarehouse, query: dict[str, str], expected: int
) -> None:
    """The end is not included; a preset counts back from now."""
    answer = asked(warehouse, "documents", **query)
    assert sum(row["documents"] for row in rows(answer)) == expected


@pytest.mark.parametrize("source", ["", NASTY])
def test_steps_of_whole_hours_count_the_same(warehouse: ClickHouseWarehouse, source: str) -> None:
    """From the hours' cells and the documents of a cut hour, as from the documents alone."""
    span = {"from": "2024-05-01 00:00:00.000", "to": "2024-05-06 07:10:30.500"}
    answer = asked(warehouse, "documents", source=source, from_=span["from"], to=span["to"])
    assert "label_shares(" in answer["sql"]
    bound = span | {"source": source, "step_ms": answer["span"]["step"]}
    assert answer["rows"] == warehouse.query(questions.documents("event"), bound).rows != []


def test_latencies_in_steps_of_whole_hours_count_the_same(
    warehouse: ClickHouseWarehouse,
) -> None:
    """From the cells of the hours, with the quantiles within one percent."""
    asking = {"clock": "arrival", "from_": "2024-05-01T00:00", "to": "2024-05-09T07:10:30.5"}
    answer = asked(warehouse, "latency", **asking)
    assert "landings(" in answer["sql"]
    bound = {
        "from": "2024-05-01 00:00:00.000",
        "to": "2024-05-09 07:10:30.500",
        "source": "",
        "step_ms": answer["span"]["step"],
    }
    exact = warehouse.query(questions.LATENCY, bound).rows
    assert len(exact) == len(answer["rows"]) == 1
    assert answer["rows"][0][:2] == exact[0][:2]
    assert answer["rows"][0][2] == pytest.approx(exact[0][2], rel=0.01)


class Counting:
    """A database that counts what it is asked."""

    def __init__(self, warehouse: ClickHouseWarehouse) -> None:
        self._warehouse = warehouse
        self.asked: list[str] = []

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Table:
        self.asked.append(sql)
        return self._warehouse.query(sql, parameters)


def test_the_panels_of_a_page_share_the_bounds(warehouse: ClickHouseWarehouse) -> None:
    """Asked for once by all of them, again for another source, and again a while later."""
    database, now = Counting(warehouse), [0.0]
    panels = Panels(database, lambda: NOW, clock=lambda: now[0])

    def bounds() -> int:
        for name in PANELS:
            panels.answer(name, View.parse({"range": "6h"}))
        return sum("event_first" in sql for sql in database.asked)

    assert (bounds(), bounds()) == (1, 1)
    panels.answer("alerts", View.parse({"range": "6h", "source": "news"}))
    assert bounds() == 2
    now[0] = 2.0
    assert bounds() == 3


def test_what_was_found_before_a_change_is_no_answer_after_it(
    warehouse: ClickHouseWarehouse,
) -> None:
    """A page that knows of a new revision is told the bounds anew, however fresh the last are."""
    database = Counting(warehouse)
    panels = Panels(database, lambda: NOW, clock=lambda: 0.0)
    for revision, asked_so_far in (("1", 1), ("1", 1), ("2", 2)):
        panels.answer("documents", View.parse({"range": "6h", "revision": revision}))
        assert sum("event_first" in sql for sql in database.asked) == asked_so_far


def test_terms_of_the_newest_quarter_or_of_the_range(warehouse: ClickHouseWarehouse) -> None:
    """Where nothing was before, the newest quarter is compared with the rest; else the range."""
    whole = asked(warehouse, "terms")
    assert (whole["before"], rows(whole)[0]["term"], rows(whole)[0]["state"]) == (
        False,
        "flood",
        "new",
    )
    late = asked(warehouse, "terms", from_="2024-05-06T07:38Z")
    assert (late["before"], rows(late)[0]["term"]) == (True, "flood")


def test_topics_have_a_line_each(warehouse: ClickHouseWarehouse) -> None:
    """In steps of whole windows, zeros too, the largest first."""
    answer = asked(warehouse, "topics")
    assert answer["span"]["step"] == 60_000
    lines: dict[str, list[int]] = {}
    for row in rows(answer):
        lines.setdefault(row["name"], []).append(row["documents"])
    assert lines == {"tide": [4] * 5, "flood": [0, 6, 0, 6, 0]}
    assert list(lines) == ["tide", "flood"]


def test_an_empty_range_is_no_error(warehouse: ClickHouseWarehouse) -> None:
    """Nobody's documents, or none at that time: no rows, and still the question."""
    for name in set(PANELS) - {"ledger", "sources", "letters"}:
        answer = asked(warehouse, name, source="nobody")
        assert (answer["rows"], bool(answer["sql"])) == ([], True), name


def test_a_term_shows_its_documents(warehouse: ClickHouseWarehouse) -> None:
    """The newest of the window that hold it, of one source where asked; the SQL gives the rows."""
    panels = Panels(warehouse, lambda: NOW)
    answer = panels.term(View.parse({"source": "news"}), "flood")
    assert {row["source"] for row in rows(answer)} == {"news"}
    assert rows(answer)[0]["doc_id"] == "doc-39"
    assert warehouse.query(answer["sql"]).rows == answer["rows"]
    assert panels.term(View.parse({}), "ebb")["rows"] == []
    assert panels.term(View.parse({"source": "nobody"}), "flood")["rows"] == []


def test_an_alert_is_explained(warehouse: ClickHouseWarehouse) -> None:
    """With words, documents, labels and SQL; one that is unknown has no row."""
    panels = Panels(warehouse, lambda: NOW)
    (row,) = rows(panels.alert("a1", "news"))
    assert row["terms_up"][0]["term"] == "lockdown"
    assert row["new_documents"][0]["doc_id"] == "doc-1"
    assert row["sql"] == "SELECT 1"
    assert panels.alert("a1", "others")["rows"] == []
