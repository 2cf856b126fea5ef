"""``tidemark eval drift`` on a file, with the real model: table, report, picture, mistakes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner, Result

from streams.cli.main import app
from streams.errors import TidemarkError
from tests.support.commands import data_folder

if TYPE_CHECKING:
    from pathlib import Path

_NOUNS = ("tide", "harbour", "goal", "keeper", "share", "market", "bond", "league")
_VERBS = ("rises", "falls", "waits", "opens", "closes", "wins", "loses")


@pytest.fixture
def news(tmp_path: Path) -> Path:
    """420 short documents in two classes."""
    path = tmp_path / "news.jsonl"
    lines = []
    for number in range(420):
        kind = number % 2
        noun = _NOUNS[number % 4 + 4 * kind]
        text = f"The {noun} {_VERBS[number % 7]} on day {number}."
        lines.append(json.dumps({"text": text, "topic": ("sea", "money")[kind]}))
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def evaluate(tmp_path: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("TIDEMARK_DATA", str(data_folder(tmp_path / "data", model_folder)))
    return CliRunner()


def _run(runner: CliRunner, *arguments: str) -> Result:
    return runner.invoke(app, ["eval", "drift", *arguments])


def test_changes_are_planted_replayed_and_told(
    news: Path, evaluate: CliRunner, tmp_path: Path
) -> None:
    report, plot = tmp_path / "report.json", tmp_path / "plot.svg"
    given = ("--label-column", "topic", "--streams", "1", "--reference", "100")
    result = _run(evaluate, str(news), *given, "--report", str(report), "--plot", str(plot))
    assert result.exit_code == 0, result.output
    assert "10% gibberish" in result.stdout
    assert "false alarms: " in result.stdout
    told = json.loads(report.read_text(encoding="utf-8"))
    assert told["documents"] == 420
    assert told["reference_documents"] == 100
    assert told["false_alarms"]["promised_per_10000"] == 1.0
    changes = {each["change"]: each for each in told["changes"]}
    assert changes["10% gibberish"]["detected"] == 1.0
    assert 0 < changes["10% gibberish"]["median_delay"] < 500
    assert plot.read_text(encoding="utf-8").startswith("<svg")


def test_a_column_that_is_not_there_is_named(news: Path, evaluate: CliRunner) -> None:
    result = _run(evaluate, str(news), "--label-column", "nope")
    assert isinstance(result.exception, TidemarkError)
    assert str(result.exception) == 'no column "nope" with labels (other columns: topic)'


def test_too_few_documents_are_refused(news: Path, evaluate: CliRunner) -> None:
    result = _run(evaluate, str(news), "--limit", "50")
    assert isinstance(result.exception, TidemarkError)
    assert str(result.exception).endswith("has 50 documents: at least 400 are needed")


def test_wrong_usage_is_told_before_any_work(news: Path, evaluate: CliRunner) -> None:
    assert _run(evaluate, str(news), "--plot", "plot.png").exit_code == 2
    assert _run(evaluate, "missing.csv").exit_code == 2
