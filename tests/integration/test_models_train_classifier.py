"""``tidemark models train-classifier`` and its head in the one pass, with the real model."""

from __future__ import annotations

import csv
import json
import shutil
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from streams.cli.main import app
from streams.config import load_settings
from streams.errors import Misconfigured, TidemarkError
from streams.ports import Text
from streams.runtime.parts import open_enricher

if TYPE_CHECKING:
    from pathlib import Path

SEA = ("The {} left the harbour with the tide.", "Waves broke over the {} in the storm.")
MONEY = ("The bank sold its {} at a loss.", "Investors bought {} when the market opened.")
SHIPS = ("ship", "ferry", "trawler", "lifeboat", "tanker", "yacht", "barge", "pilot boat")
PAPERS = ("bonds", "shares", "futures", "loans", "options", "funds", "mortgages", "currencies")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "labelled.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["body", "kind"])
        for labels, words, texts in (("sea", SHIPS, SEA), ("money", PAPERS, MONEY)):
            writer.writerows([text.format(word), labels] for word in words for text in texts)
    return path


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # A copy of the weights: heads that are trained here must not reach the other tests.
    shutil.copytree(model_folder, tmp_path / "data/models" / model_folder.name)
    monkeypatch.setenv("TIDEMARK_DATA", str(tmp_path / "data"))


def trained(*arguments: str) -> dict[str, object]:
    given = ["models", "train-classifier", *arguments, "--format", "json"]
    result = CliRunner().invoke(app, given)
    if isinstance(result.exception, TidemarkError):
        raise result.exception
    assert result.exit_code == 0, result.output
    report: dict[str, object] = json.loads(result.stdout)
    return report


def test_a_trained_head_labels_in_the_one_pass(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was trained is told, named in every row, and labels by the embedding alone."""
    report = trained(str(file), "--text", "body", "--label", "kind", "--name", "ports")
    assert (report["labels"], report["documents"]) == (["money", "sea"], 32)
    assert report["held_out"]["accuracy_without_unsure"] > 0.9  # type: ignore[index]
    monkeypatch.setenv("TIDEMARK_CLASSIFIER", "ports")
    enricher = open_enricher(load_settings())
    texts = [Text("", "The schooner sailed at dawn."), Text("", "Bond yields rose on Friday.")]
    found = enricher.post(enricher.core(enricher.pre(texts)))
    assert [one.label for one in found] == ["sea", "money"]
    assert enricher.card.classifier == f"head ports@{str(report['revision'])[:8]}"
    alone = [enricher.post(enricher.core(enricher.pre([text])))[0].scores for text in texts]
    assert [one.scores for one in found] == alone


def test_what_a_person_set_wins_over_the_heads_threshold(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TIDEMARK_UNSURE_BELOW=1 leaves every document unsure."""
    trained(str(file), "--text", "body", "--label", "kind", "--name", "ports")
    monkeypatch.setenv("TIDEMARK_CLASSIFIER", "ports")
    monkeypatch.setenv("TIDEMARK_UNSURE_BELOW", "1")
    enricher = open_enricher(load_settings())
    found = enricher.post(enricher.core(enricher.pre([Text("", "The schooner sailed.")])))
    assert found[0].label == "unsure"


def test_the_report_may_be_of_another_file(file: Path, tmp_path: Path) -> None:
    """With --test, the figures are of that file's documents."""
    test = tmp_path / "test.jsonl"
    test.write_text('{"body": "A sloop ran aground off the pier.", "kind": "sea"}\n')
    report = trained(str(file), "--text", "body", "--label", "kind", "--test", str(test))
    assert report["name"] == "labelled"
    assert report["held_out"]["documents"] == 1  # type: ignore[index]


def test_a_file_of_another_encoding_is_said_in_a_line(tmp_path: Path) -> None:
    """UTF-16 is named as the reason, once."""
    path = tmp_path / "labelled.csv"
    path.write_bytes("text,label\nsea,a\n".encode("utf-16"))
    with pytest.raises(Misconfigured, match=r"has no document: .*is not UTF-8; convert the file"):
        trained(str(path))
