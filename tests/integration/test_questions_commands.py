"""The commands that ask ClickHouse: answers, formats, empty databases, mistakes."""

from __future__ import annotations

import csv
import io
import json
import re
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner, Result

from schemas.migrate import load
from streams.backends.clickhouse import open_warehouse
from streams.cli import questions
from streams.clock import FixedClock
from streams.errors import TidemarkError
from tests.support.landed import HOUR, START, TOPIC, alert, document, letter, window

if TYPE_CHECKING:
    from pathlib import Path

app = typer.Typer()
questions.register(app)


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of a database with a little of everything."""
    url = f"chdb://{tmp_path_factory.mktemp('questions') / 'clickhouse'}"
    warehouse = open_warehouse(url, clock=FixedClock(START + HOUR))
    text = "the tide is high"
    warehouse.write_documents(
        [
            document(
                number,
                text=f"{text} {number} storm" if number >= 75 else f"{text} {number}",
                label="sea" if number % 3 else "land",
            )
            for number in range(100)
        ]
    )
    warehouse.write_documents([document(200, source="blogs", text="\x1b[31mred\nline")])
    warehouse.write_dead_letters([letter(1), letter(2, value=None)])
    warehouse.write_stats([window(0), window(1)])
    warehouse.write_alerts([alert()])
    warehouse.close()
    return url


@pytest.fixture
def empty(tmp_path: Path) -> str:
    """Return the address of a database with tables and no rows."""
    url = f"chdb://{tmp_path / 'clickhouse'}"
    open_warehouse(url).close()
    return url


def run(url: str, *arguments: str, stdin: str | None = None) -> Result:
    """Run a command against a database."""
    return CliRunner().invoke(app, arguments, input=stdin, env={"TIDEMARK_CLICKHOUSE": url})


def rows(url: str, *arguments: str) -> list[dict[str, object]]:
    """Run a command and read its JSON."""
    result = run(url, *arguments, "--format", "json")
    assert result.exit_code == 0, result.output
    answer: list[dict[str, object]] = json.loads(result.stdout)
    return answer


def test_trends_count_labels_over_time(landed: str) -> None:
    """Shares of a period add up to one; the unit is chosen to fit or given."""
    by_day = rows(landed, "trends", "--by", "day", "--source", "news")
    assert [(row["period"], row["label"], row["documents"]) for row in by_day] == [
        ("2024-05-06", "sea", 66),
        ("2024-05-06", "land", 34),
    ]
    assert {row["period"] for row in rows(landed, "trends")} >= {"2024-05-06 07:00"}


@pytest.mark.parametrize(
    ("unit", "period"),
    [("minute", "2024-05-06 10:28"), ("week", "2024-05-06"), ("month", "2024-05"),
     ("quarter", "2024-Q2"), ("year", "2024")],
)  # fmt: skip
def test_trends_in_every_unit(landed: str, unit: str, period: str) -> None:
    """Periods are written as people write them."""
    found = rows(landed, "trends", "--by", unit, "--source", "blogs")
    assert [row["period"] for row in found] == [period]


def test_times_restrict_the_answer(landed: str) -> None:
    """From is included, to is not."""
    arguments = (
        "trends",
        "--by",
        "hour",
        "--from",
        "2024-05-06T08:00Z",
        "--to",
        "2024-05-06T09:00",
    )
    assert {row["period"] for row in rows(landed, *arguments)} == {"2024-05-06 08:00"}


def test_the_word_of_the_last_quarter_comes_first(landed: str) -> None:
    """Without times, the newest quarter of the documents against the rest."""
    first = rows(landed, "terms", "--source", "news")[0]
    assert (first["term"], first["documents"], first["baseline_documents"]) == ("storm", 25, 0)


def test_any_window_against_any_baseline(landed: str) -> None:
    """Asked backwards, the word is gone."""
    arguments = ["terms", "--source", "news", "--from", "2024-05-06", "--to", "2024-05-06T08:00"]
    arguments += ["--against-from", "2024-05-06T08:00", "--against-to", "2024-05-07"]
    assert "storm" not in {row["term"] for row in rows(landed, *arguments)}
    window = rows(landed, "terms", "--source", "news", "--window", "10m")
    assert window[0]["documents"] == 10


def test_drift_windows_and_alerts(landed: str) -> None:
    """Windows newest first; alerts with their words."""
    assert [row["score"] for row in rows(landed, "drift")] == [1.25, None]
    assert rows(landed, "drift", "--alerts")[0]["terms_up"] == ["lockdown"]


def test_scores_are_drawn_oldest_first(landed: str) -> None:
    """A dot where there was none, then its bar up to the threshold; not in JSON or a pipe."""
    line = run(landed, "drift", "--plot").stdout.splitlines()[0]
    assert line == "news  ·▁  highest 1.25, alarm above 11: 0 of 2 windows"
    assert run(landed, "drift").stdout.startswith("Windows, newest first")
    assert rows(landed, "drift", "--plot") == rows(landed, "drift")


def test_the_ledger(landed: str) -> None:
    """Per partition, and per minute."""
    ledger = rows(landed, "ledger")
    counts = [(row["partition"], row["received"], row["landed"], row["missing"]) for row in ledger]
    assert counts == [(0, 101, 101, 100), (1, 2, 0, 0)]
    minutes = rows(landed, "ledger", "--minutes")
    assert sum(int(str(row["received"])) for row in minutes) == 103


def test_dead_letters_show_reason_and_origin(landed: str) -> None:
    """Size and a printable preview; null is said."""
    found = rows(landed, "dead-letters")
    assert [(row["offset"], row["code"], row["bytes"], row["preview"]) for row in found] == [
        (1, "not-avro-nor-json", 10, "\x00\ufffdnot avro"),
        (2, "not-avro-nor-json", None, "(null)"),
    ]


def test_a_dead_letters_bytes_are_written(landed: str, tmp_path: Path) -> None:
    """Exactly as they arrived."""
    file = tmp_path / "raw.bin"
    result = run(landed, "dead-letters", f"{TOPIC}/1/1", "--raw", str(file))
    assert (result.exit_code, file.read_bytes()) == (0, b"\x00\xffnot avro")


@pytest.mark.parametrize(
    ("message", "said"), [(f"{TOPIC}/1/2", "null"), (f"{TOPIC}/1/9", "no dead letter")]
)
def test_bytes_that_are_not_there(landed: str, tmp_path: Path, message: str, said: str) -> None:
    """No file is made."""
    result = run(landed, "dead-letters", message, "--raw", str(tmp_path / "raw.bin"))
    assert isinstance(result.exception, TidemarkError)
    assert said in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_sql_in_every_format(landed: str) -> None:
    """A plain table in a pipe, JSON, CSV, from standard input too."""
    statement = "SELECT source, count() AS n FROM documents GROUP BY source ORDER BY source"
    assert run(landed, "sql", statement).stdout == "source    n\nblogs     1\nnews    100\n"
    assert rows(landed, "sql", statement) == [
        {"source": "blogs", "n": 1},
        {"source": "news", "n": 100},
    ]
    text = run(landed, "sql", "-", "-f", "csv", stdin=statement).stdout
    assert list(csv.reader(io.StringIO(text))) == [["source", "n"], ["blogs", "1"], ["news", "100"]]


def test_a_documents_text_cannot_steer_the_terminal(landed: str) -> None:
    """Control characters are shown, not sent; programs get them as they are."""
    statement = "SELECT text FROM documents WHERE source = 'blogs'"
    assert run(landed, "sql", statement).stdout == "text\n\\u001b[31mred⏎line\n"
    assert rows(landed, "sql", statement) == [{"text": "\x1b[31mred\nline"}]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("SELECT nope FROM documents", "Unknown expression identifier `nope`"),
        ("SELECT * FROM nope", "Unknown table expression identifier 'nope'"),
        ("SELECT FROM WHERE", "Syntax error"),
        ("INSERT INTO documents_raw (doc_id) VALUES ('x')", "readonly"),
        ("SELECT file('/etc/passwd')", "not allowed"),
        ("", "the statement is empty"),
        ("SELEC 1\nFROM x", "failed at position 7 (1) (line 1, col 7)"),
    ],
)
def test_wrong_statements_are_one_clear_line(landed: str, statement: str, said: str) -> None:
    """The main entry shows the line and exits with 1."""
    error = run(landed, "sql", statement).exception
    assert isinstance(error, TidemarkError)
    assert said in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    "arguments",
    [
        ("trends", "--from", "yesterdayish"),
        ("trends", "--from", "1601-01-01"),
        ("trends", "--from", "2024-05-07", "--to", "2024-05-06"),
        ("trends", "--by", "fortnight"),
        ("trends", "--format", "xml"),
        ("terms", "--window", "soon"),
        ("terms", "--from", "2024", "--window", "1d"),
        ("dead-letters", "--raw", "file"),
        ("dead-letters", "topic/zero/1", "--raw", "file"),
        ("ledger", "--limit", "0"),
        ("sql",),
    ],
)
def test_wrong_usage_is_exit_code_2(landed: str, arguments: tuple[str, ...]) -> None:
    """Before anything is asked."""
    assert run(landed, *arguments).exit_code == 2


@pytest.mark.parametrize(
    "arguments", [("trends",), ("terms",), ("drift",), ("ledger",), ("dead-letters",)]
)
def test_an_empty_database_says_what_to_do(empty: str, arguments: tuple[str, ...]) -> None:
    """A hint on standard error, exit code 0, and valid JSON for programs."""
    result = run(empty, *arguments)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "nothing landed yet: try `tidemark demo`" in result.stderr
    assert rows(empty, *arguments) == []


def test_no_database_says_what_to_do(tmp_path: Path) -> None:
    """The line names the folder."""
    error = run(f"chdb://{tmp_path / 'none'}", "ledger").exception
    assert isinstance(error, TidemarkError)
    assert re.match(r"there is no database in .*; nothing landed yet: try", str(error))


def test_migrate(tmp_path: Path) -> None:
    """A dry run touches nothing; then everything is applied once."""
    url = f"chdb://{tmp_path / 'clickhouse'}"
    dry = run(url, "migrate", "--dry-run")
    assert (dry.exit_code, list(tmp_path.iterdir())) == (0, [])
    assert "CREATE TABLE IF NOT EXISTS `tidemark`.documents_raw" in dry.stdout
    assert "0001_documents, 0002_deliveries" in run(url, "migrate").stdout
    assert run(url, "migrate").stdout == "the tables are up to date\n"


def test_tables_of_an_older_version_are_told(tmp_path: Path) -> None:
    """Its own questions fail there by names that nobody typed: the line says what to do."""
    url = f"chdb://{tmp_path / 'clickhouse'}"
    with closing(open_warehouse(url)) as warehouse:
        warehouse.execute("DROP VIEW trending_terms")
        newest = load()[-1]
        warehouse.execute(
            "INSERT INTO schema_migrations (number, name, checksum, state) "
            f"VALUES ({newest.number}, '{newest.name}', '', 'in progress')"
        )
    error = run(url, "sql", "SELECT * FROM trending_terms").exception
    assert isinstance(error, TidemarkError)
    assert str(error).startswith("the tables are of an older Tidemark: `tidemark migrate`")
    run(url, "migrate")
    error = run(url, "sql", "SELECT nix FROM documents").exception
    assert "older" not in str(error)


def test_help_has_an_example() -> None:
    """Each command shows how it is called."""
    for name in ("trends", "terms", "drift", "sql", "ledger", "dead-letters", "migrate"):
        assert f"Example: tidemark {name}" in run("", name, "--help").stdout.replace("`", "")
