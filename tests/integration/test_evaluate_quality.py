"""``tidemark eval classify`` and ``summarize`` on files, with the real model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from streams.cli.main import app
from streams.errors import TidemarkError
from tests.support.commands import data_folder

if TYPE_CHECKING:
    from pathlib import Path

LABELS = {"sea": "tides, harbours, ships and the sea", "money": "banks, shares, bonds and markets"}
ROWS = [
    ("Tides", "The tide turned at noon. Ships left the harbour with the flood.", "sea"),
    ("Bonds", "The bank sold its bonds. Shares on the market fell by 3 percent.", "money"),
    ("Port", "The harbour reopened on Monday. Pilots brought 12 ships in.", "Sea"),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "documents.jsonl"
    lines = [
        json.dumps({"title": title, "text": text, "topic": topic, "gist": text.split(".")[0]})
        for title, text, topic in ROWS
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def runner(tmp_path: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("TIDEMARK_DATA", str(data_folder(tmp_path / "data", model_folder)))
    monkeypatch.setenv("TIDEMARK_LABELS", json.dumps(LABELS))
    return CliRunner()


def test_labels_are_compared_with_a_column(runner: CliRunner, file: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    given = ("--label-column", "topic", "--report", str(report))
    result = runner.invoke(app, ["eval", "classify", str(file), *given])
    assert result.exit_code == 0, result.output
    assert "3 documents: accuracy 1.000, macro-F1 1.000" in result.stdout
    assert "expected calibration error" in result.stdout
    told = json.loads(report.read_text(encoding="utf-8"))
    assert told["confusion"] == {"money": {"money": 1, "sea": 0}, "sea": {"money": 0, "sea": 2}}


def test_a_label_column_that_is_not_there_is_named(runner: CliRunner, file: Path) -> None:
    result = runner.invoke(app, ["eval", "classify", str(file), "--label-column", "nope"])
    assert isinstance(result.exception, TidemarkError)
    assert "has no 'nope': --label-column must name a column" in str(result.exception)


def test_summaries_stand_beside_the_leads(runner: CliRunner, file: Path, tmp_path: Path) -> None:
    """Without references there is no ROUGE, and nothing needs its package."""
    report = tmp_path / "report.json"
    result = runner.invoke(app, ["eval", "summarize", str(file), "--report", str(report)])
    assert result.exit_code == 0, result.output
    told = json.loads(report.read_text(encoding="utf-8"))
    methods = {each["method"]: each for each in told["methods"]}
    assert list(methods) == ["summary", "lead-1", "lead-3"]
    assert methods["summary"]["flagged"] == 0.0
    assert methods["summary"]["rouge1"] is None
    assert methods["lead-1"]["compression"] > methods["lead-3"]["compression"]


def test_references_give_rouge(runner: CliRunner, file: Path) -> None:
    """The references here are the first sentences."""
    pytest.importorskip("rouge_score", reason="the extra `eval` is not installed")
    given = ["--reference-column", "gist", "--format", "json"]
    result = runner.invoke(app, ["eval", "summarize", str(file), *given])
    assert result.exit_code == 0, result.output
    methods = {each["method"]: each for each in json.loads(result.stdout)}
    assert methods["lead-1"]["rouge1"] == 1.0
    assert 0 < methods["lead-3"]["rougeL"] < 1
