"""The page's newest documents are found among the newest rows, and are the same."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import pytest

from streams.backends.clickhouse import open_warehouse
from streams.backends.clickhouse.trends import TrendKeeper
from streams.cli._times import clickhouse_time
from streams.clock import SystemClock
from streams.dashboard import questions
from streams.dashboard.panels import Panels
from streams.dashboard.span import Span, View
from tests.support.landed import HOUR, START, document, topic, window

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("clock", ["event", "arrival"])
def test_the_newest_documents_are_those_of_the_whole_range(
    tmp_path: Path, clock: Literal["event", "arrival"]
) -> None:
    """However often the newest were delivered, and where they moved away."""
    with closing(open_warehouse(f"chdb://{tmp_path / 'clickhouse'}")) as opened:
        made = [document(n, published_at=START + n * 40 * 60_000) for n in range(30)]
        opened.write_documents(made)
        for version in range(1, 8):
            newer = [replace(one, version=one.version + version) for one in made[-7:]]
            opened.write_documents(newer)
        gone = [
            replace(one, version=one.version + 9, published_at=START - HOUR) for one in made[-7:]
        ]
        for moved in ([], gone):
            opened.write_documents(moved)
            answer = Panels(opened, lambda: START).answer("latest", View.parse({"clock": clock}))
            span = answer["span"]
            bound = {
                "from": clickhouse_time(span["from"]),
                "to": clickhouse_time(span["to"]),
                "source": "",
            }
            whole = opened.query(questions.latest(clock, whole=True), bound).rows
            assert answer["rows"] == whole
            assert len(whole) == questions.LATEST


@pytest.mark.parametrize("query", [{}, {"clock": "arrival"}, {"range": "30d"}])
def test_the_bounds_of_a_long_time_are_those_of_its_documents(
    tmp_path: Path, query: dict[str, str]
) -> None:
    """From cells and from documents, where some moved away from both ends and some came twice."""
    with closing(open_warehouse(f"chdb://{tmp_path / 'clickhouse'}")) as opened:
        made = [document(n, published_at=START + n * 7 * HOUR + n) for n in range(40)]
        opened.write_documents(made)
        opened.write_documents(made[5:9])
        gone = [
            replace(one, version=one.version + 9, published_at=START + 50 * HOUR + one.offset)
            for one in (made[0], made[-1])
        ]
        opened.write_documents(gone)
        panels = Panels(opened, lambda: START + 20 * 24 * HOUR)
        for computed in (False, True):
            if computed:
                TrendKeeper(opened, SystemClock()).refresh_all()
            found = panels._bounds(View.parse(query))
            (row,) = opened.query(
                questions.bounds("event"),
                {"from": "1970-01-01", "to": "2100-01-01", "source": ""},
            ).dictionaries()
            assert found.documents == row["documents"] == 40
            assert found.arrival == Span(row["arrival_first"], row["arrival_last"] + 1)
            assert 0 <= row["event_late"] - found.late < 8 * HOUR  # one document, and its hour
            if "range" not in query:
                assert found.event == Span(row["event_first"], row["event_last"] + 1)
                assert found.event.start == made[1].published_at


def test_a_summary_is_cut_between_characters(tmp_path: Path) -> None:
    """Of letters that take three bytes each, no half one is shown."""
    with closing(open_warehouse(f"chdb://{tmp_path / 'clickhouse'}")) as opened:
        made = replace(document(1, text="flood"), summary="潮" * 700)
        opened.write_documents([made])
        central = topic("tide", 4, summary=f"x{'潮' * 700}")
        opened.write_stats([replace(window(1), topics=(central,))])
        panels = Panels(opened, lambda: START + HOUR)
        answers = [panels.answer(name, View.parse({})) for name in ("latest", "topics")]
        answers.append(panels.term(View.parse({}), "flood"))
        for answer in answers:
            (row,) = answer["rows"]
            text = max((cell for cell in row if isinstance(cell, str)), key=len)
            assert len(text) > 200
            assert set(text) <= set("x潮…")
