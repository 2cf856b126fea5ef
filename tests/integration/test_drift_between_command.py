"""``tidemark drift between``: any two sides of what landed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import typer
from typer.testing import CliRunner, Result

from streams.backends.clickhouse import open_warehouse
from streams.cli import questions
from streams.cli._sides import parse_side
from streams.cli._times import FIRST_MS, LAST_MS
from streams.clock import FixedClock
from streams.errors import TidemarkError
from tests.support.landed import HOUR, START, document
from tests.support.sketched import MODEL, sketched, sums_of, vectors

app = typer.Typer()
questions.register(app)
MINUTE = 60_000
CUT = "2024-05-06T07:28Z"  # twenty minutes after the first window


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Twenty quiet minutes, twenty moved ones with a storm, and minutes of another model."""
    url = f"chdb://{tmp_path_factory.mktemp('between') / 'clickhouse'}"
    warehouse = open_warehouse(url, clock=FixedClock(START + HOUR))
    windows, documents = [], []
    for number in range(40):
        storm = number >= 20
        sums = sums_of(vectors(10, seed=number, shift=0.5 if storm else 0.0))
        labels = {"sea": 9, "land": 1} if storm else {"sea": 5, "land": 5}
        windows.append(replace(sketched(number, sums), labels=labels))
        text = f"the tide is {'stormy' if storm else 'calm'}"
        documents.append(document(number, text=text))
    foreign = sums_of(vectors(10, seed=1), MODEL._replace(name="other"))
    windows.append(sketched(50, foreign, source="blogs"))
    warehouse.write_documents(documents)
    warehouse.write_stats(windows)
    warehouse.close()
    return url


def run(url: str, *arguments: str) -> Result:
    env = {"TIDEMARK_CLICKHOUSE": url}
    return CliRunner().invoke(app, ["drift", "between", *arguments], env=env)


def test_two_halves_of_a_stream_are_told_apart(landed: str) -> None:
    """Score, significance, counts, labels and words, and the SQL that says it again."""
    result = run(landed, "--a", f"news,,{CUT}", "--b", f"news,{CUT}", "--format", "json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert (found["documents_a"], found["documents_b"], found["windows_b"]) == (200, 200, 20)
    assert found["p_value_bursts"] < 1e-6
    assert found["mmd2"] > 0.01
    assert [(r["label"], r["share_a"], r["share_b"]) for r in found["labels"]] == [
        ("land", 0.5, 0.1),
        ("sea", 0.5, 0.9),
    ]
    assert [word["term"] for word in found["words_up"]] == ["stormy"]
    assert [word["term"] for word in found["words_down"]] == ["calm"]
    again = CliRunner().invoke(
        app, ["sql", found["sql"], "--format", "json"], env={"TIDEMARK_CLICKHOUSE": landed}
    )
    assert json.loads(again.output)[0]["mmd2"] == found["mmd2"]


def test_people_read_a_verdict(landed: str) -> None:
    """The table says in words whether the sides differ."""
    moved = run(landed, "--a", f"news,,{CUT}", "--b", f"news,{CUT}")
    assert "they differ" in moved.output
    assert "stormy" in moved.output
    assert "FROM drift_between(" in moved.output
    same = run(landed, "--a", "news", "--b", "news")
    assert "no difference that chance would not make" in same.output
    result = run(landed, "--a", "news", "--b", "news", "--format", "csv")
    assert result.exit_code == 0, result.exception
    csv = result.stdout.splitlines()
    assert csv[0].startswith("embedding_model,versions_a")
    assert len(csv) == 2


def test_other_models_and_empty_sides_are_refused(landed: str) -> None:
    """One clear line each."""
    other = run(landed, "--a", "news", "--b", "blogs")
    assert isinstance(other.exception, TidemarkError)
    assert "different models cannot be compared: a has mini" in str(other.exception)
    none = run(landed, "--a", "news", "--b", "gazette")
    assert isinstance(none.exception, TidemarkError)
    assert "side b (gazette) has no window" in str(none.exception)
    version = run(landed, "--a", "news", "--b", "news", "--b-version", "float32")
    assert "side b (news, version float32) has no window" in str(version.exception)


def test_sides_are_read_as_written() -> None:
    """Source, from and to; absent times are the first and the last; a star is all sources."""
    assert parse_side("*", None, START).source == ""
    assert parse_side("a b", None, START).source == "a b"
    whole = parse_side("news", None, START)
    assert (whole.start, whole.end) == (FIRST_MS, LAST_MS)
    day = parse_side("news,1d,now", "int8", START)
    assert (day.end - day.start, day.version) == (24 * HOUR, "int8")
    for wrong in ("", ",2024", "news,2024,2023", "news,1d,now,x", "news,soon"):
        with pytest.raises(typer.BadParameter):
            parse_side(wrong, None, START)
