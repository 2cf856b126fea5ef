"""``tidemark trends | terms | changed``: plots, phrases, chance, documents, mistakes."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner, Result

from streams.backends.clickhouse import open_warehouse
from streams.cli import questions
from streams.cli.main import main
from streams.cli.trends import sparkline
from tests.support.landed import document

app = typer.Typer()
questions.register(app)

PHRASE = "quantum ferry"


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of 200 documents; the last fifty speak of a quantum ferry."""
    url = f"chdb://{tmp_path_factory.mktemp('trends') / 'clickhouse'}"
    warehouse = open_warehouse(url)
    texts = [
        f"report {number} of the old harbour"
        + (f", on a {PHRASE} today" if number >= 150 else "")
        # Words of its own, so that no two of them are near-copies.
        + "".join(f". own{number}{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")
        for number in range(200)
    ]
    warehouse.write_documents(
        [
            document(number, text=text, label="sea" if number % 3 else "land")
            for number, text in enumerate(texts)
        ]
    )
    warehouse.close()
    return url


def run(url: str, *arguments: str, **environment: str) -> Result:
    """Run a command against a database."""
    return CliRunner().invoke(app, arguments, env={"TIDEMARK_CLICKHOUSE": url, **environment})


def rows(url: str, *arguments: str, **environment: str) -> list[dict[str, object]]:
    """Run a command and read its JSON."""
    result = run(url, *arguments, "--format", "json", **environment)
    assert result.exit_code == 0, result.output
    answer: list[dict[str, object]] = json.loads(result.stdout)
    return answer


def test_a_new_phrase_is_found_with_its_documents(landed: str) -> None:
    """Words and the phrase, new, each with the earliest documents that show it."""
    found = {row["term"]: row for row in rows(landed, "terms", "--documents", "2")}
    assert set(found) >= {"quantum", "ferry", PHRASE}
    phrase = found[PHRASE]
    assert (phrase["kind"], phrase["state"], phrase["documents"]) == ("phrase", "new", 50)
    assert phrase["baseline_documents"] == 0
    shown = phrase["shown"]
    assert isinstance(shown, list)
    assert [one["doc_id"] for one in shown] == ["doc-150", "doc-151"]


def test_chance_is_shown_only_when_asked_for(landed: str) -> None:
    """Words that are as frequent as before have a q above 0.05."""
    assert "report" not in {row["term"] for row in rows(landed, "terms")}
    everything = {row["term"]: row for row in rows(landed, "terms", "--all")}
    assert everything["report"]["q"] == 1


def test_the_window_of_the_settings(landed: str) -> None:
    """`--window window` is TIDEMARK_WINDOW long: ten minutes hold ten documents."""
    arguments = ("terms", "--all", "--window", "window")
    found = {row["term"]: row for row in rows(landed, *arguments, TIDEMARK_WINDOW="10m")}
    assert found["report"]["documents"] == 10


def test_people_read_the_documents_of_a_term_line_by_line(landed: str) -> None:
    """In a table of their own, not as JSON in a cell."""
    first, second = run(landed, "terms", "--documents", "2").stdout.split("\n\n")
    assert PHRASE in first
    assert "{" not in first + second
    head, *lines = second.splitlines()[1:]
    assert head.split() == ["term", "published_at", "doc_id", "source", "summary"]
    assert [line.split()[4] for line in lines if line.startswith(PHRASE)] == ["doc-150", "doc-151"]


def test_one_page_says_what_changed(landed: str) -> None:
    """Volume, labels with intervals, new terms; asked backwards in time they are gone."""
    times = ("--from", "2024-05-06T07:00Z", "--at", "2024-05-06T09:38:09Z", "--to", "2024-05-07")
    page = rows(landed, "changed", *times)
    said = {(row["aspect"], row["name"]): row for row in page}
    volume = said["volume", "documents"]
    assert (volume["before"], volume["after"]) == (150, 50)
    assert ("term new", PHRASE) in said
    assert ("label", "sea") in said
    label = said["label", "sea"]
    assert float(str(label["low"])) < 0 < float(str(label["high"]))
    assert label["says"] == ""


def test_a_plot_of_labels_and_of_a_term(landed: str) -> None:
    """A line for each label; the term is in none of the first periods, then in all documents."""
    plain = run(landed, "trends", "--by", "hour", "--plot").stdout.splitlines()
    assert plain[0].startswith("sea ")
    assert "highest" in plain[2]
    line = run(landed, "trends", "--by", "hour", "--term", PHRASE, "--plot").stdout.splitlines()[0]
    assert line.split()[2].startswith("··")
    assert line.split()[-1] == "50"


def test_bars_keep_to_their_heights() -> None:
    """Nothing is a dot, the highest the full bar, one is seen."""
    assert sparkline([0, 1, 50, 100], 100) == "·▁▅█"


@pytest.mark.parametrize(
    "arguments",
    [
        ("changed", "--from", "2024", "--to", "2023"),
        ("changed", "--from", "yesterdayish", "--to", "2023"),
        ("terms", "--window", "soon"),
        ("terms", "--from", "2024-05-07", "--to", "2024-05-06"),
        ("terms", "--from", "2027"),
        ("terms", "--from", "2024", "--against-from", "2025"),
        ("sql", "SELECT * FROM no_such_view"),
        ("sql", "SELEC 1"),
        ("sql", ""),
        ("trends", "--by", "fortnight"),
        ("nope",),
    ],
)
def test_mistakes_are_one_line(
    landed: str,
    arguments: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of the whole command: 2 for wrong usage, 1 for the database's refusal, no box, no trace."""
    monkeypatch.setenv("TIDEMARK_CLICKHOUSE", landed)
    monkeypatch.setattr("sys.argv", ["tidemark", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    written = capsys.readouterr()
    assert (ended.value.code, written.out) == (1 if arguments[0] == "sql" else 2, "")
    assert written.err.startswith("error: ")
    assert len(written.err.splitlines()) == 1
