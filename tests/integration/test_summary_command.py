"""``tidemark summary``: what a source was about, as kept and as it stands now."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from streams.backends.clickhouse import open_warehouse
from streams.backends.clickhouse.summaries import SummaryKeeper
from streams.cli import questions, summary
from streams.runtime.summaries import extractive
from tests.support.landed import HOUR, START, document

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.messages import Enriched

app = typer.Typer()
questions.register(app)
DAY = 24 * HOUR


def told(number: int, story: int, at: int, source: str = "news") -> Enriched:
    vector = np.full(8, 0.05, dtype="<f4")
    vector[story] = 1
    text = f"Story {story} was told in document {number}."
    plain = document(number, published_at=START + at + number, source=source)
    return replace(plain, summary=text, embedding=vector.tobytes())


@pytest.fixture(scope="module", params=["kept", "not kept"])
def landed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a database of two days, with summaries that the land role kept, or without."""
    url = f"chdb://{tmp_path_factory.mktemp('summary') / 'clickhouse'}"
    documents = [told(number, 0, 0) for number in range(20)]
    documents += [told(number, 1, 2 * HOUR) for number in range(20, 30)]
    documents += [told(number, 2, DAY) for number in range(30, 34)]
    documents += [told(number, 3, DAY, "papers") for number in range(40, 42)]
    with closing(open_warehouse(url)) as warehouse:
        warehouse.write_documents(documents)
        if request.param == "kept":
            SummaryKeeper(warehouse, extractive).refresh()
    return url


def run(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["summary", *arguments], env={"TIDEMARK_CLICKHOUSE": url})


def rows(url: str, *arguments: str) -> list[dict[str, Any]]:
    result = run(url, *arguments, "--format", "json")
    assert result.exit_code == 0, result.output
    answer: list[dict[str, Any]] = json.loads(result.stdout)
    return answer


def test_a_time_is_summed_up_by_share(landed: str) -> None:
    """Sentences of all its hours, those that stand for the most documents first."""
    found = rows(landed, "--source", "news", "--from", "2024-05-06", "--to", "2024-05-08")
    assert [row["summary"][:7] for row in found] == ["Story 0", "Story 1", "Story 2"]
    assert {(row["source"], row["documents"]) for row in found} == {("news", 34)}
    assert [row["share"] for row in found] == [0.588, 0.294, 0.118]
    assert [row["doc_id"] for row in found] == ["doc-0", "doc-20", "doc-30"]


def test_without_a_time_it_is_the_newest_day(landed: str) -> None:
    found = rows(landed)
    assert [(row["source"], row["summary"][:7]) for row in found] == [
        ("news", "Story 2"),
        ("papers", "Story 3"),
    ]


def test_each_day_and_each_hour(landed: str) -> None:
    """Whole units, each with its documents and its sentences."""
    asked = ("--source", "news", "--from", "2024-05-06", "--to", "2024-05-08")
    days = rows(landed, *asked, "--by", "day")
    assert [(row["from"], row["documents"]) for row in days] == [
        ("2024-05-06 00:00", 30),
        ("2024-05-07 00:00", 4),
    ]
    assert days[0]["summary"] == (
        "Story 0 was told in document 0. Story 1 was told in document 20."
    )
    hours = rows(landed, *asked, "--by", "hour")
    assert [(row["from"], row["documents"]) for row in hours] == [
        ("2024-05-06 07:00", 20),
        ("2024-05-06 09:00", 10),
        ("2024-05-07 07:00", 4),
    ]


def test_a_table_for_people(landed: str) -> None:
    result = run(landed, "--source", "papers", "--from", "2024")
    assert result.exit_code == 0
    assert "What it was about, 2024-01-01 00:00" in result.stdout
    assert "Story 3 was told in document 40." in result.stdout


def test_nothing_found_says_what_to_do(landed: str) -> None:
    result = run(landed, "--source", "nobody", "--from", "2024")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "widen --from" in result.stderr


def test_documents_that_came_since_are_in_it(tmp_path: Path) -> None:
    """An hour that has changed is summarized while one waits, and the rest is said to lack."""
    url = f"chdb://{tmp_path / 'clickhouse'}"
    with closing(open_warehouse(url)) as warehouse:
        warehouse.write_documents([told(number, 0, 0) for number in range(5)])
        SummaryKeeper(warehouse, extractive).refresh()
        warehouse.write_documents([told(number, 1, 0) for number in range(5, 15)])
    found = rows(url)
    assert [(row["documents"], row["share"], row["summary"][:7]) for row in found] == [
        (15, 0.667, "Story 1"),
        (15, 0.333, "Story 0"),
    ]


def test_hours_beyond_the_bound_are_left_to_the_land_role(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not in the answer is said to lack."""
    monkeypatch.setattr(summary, "_MOST_HOURS", 1)
    url = f"chdb://{tmp_path / 'clickhouse'}"
    with closing(open_warehouse(url)) as warehouse:
        warehouse.write_documents([told(1, 0, 0), told(2, 1, HOUR), told(3, 1, 2 * HOUR)])
    result = run(url, "--by", "hour", "--format", "json")
    assert len(json.loads(result.stdout)) == 1
    assert "2 hours have changed and wait for the land role" in result.stderr
