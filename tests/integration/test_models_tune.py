"""``tidemark models tune`` and ``tidemark eval vibe`` with the real model."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from models.manifest import DEFAULT_MODEL
from models.plugged import PluggedEnricher
from models.registry import Registry
from models.summarize.generative import GenerativeSummarizer
from models.tuned import TUNED_FILE
from streams.cli.main import app
from streams.config import load_settings
from streams.runtime.parts import open_enricher
from tests.support.tiny_classifiers import write_tiny_classifier
from tests.support.tiny_writers import (
    lay_out_converted,
    write_tiny_decoder,
    write_tiny_sequence_to_sequence,
)

if TYPE_CHECKING:
    from pathlib import Path

THINGS = ("ship", "bank", "river", "court", "school", "market", "storm")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "documents.jsonl"
    lines = [
        json.dumps({"text": f"The {name} opened again on day {day}.", "topic": name})
        for day in range(3)
        for name in THINGS
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def data(tmp_path: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    # A copy: what is written beside the weights must not reach the other tests.
    untuned = shutil.ignore_patterns(TUNED_FILE)  # what somebody has tuned in the repository
    shutil.copytree(model_folder, folder / "models" / model_folder.name, ignore=untuned)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEMARK_DATA", str(folder))
    return folder


def test_what_was_tuned_is_what_auto_uses(data: Path, file: Path, tmp_path: Path) -> None:
    """All settings are shown against float32; the chosen one is read at the next start."""
    report = tmp_path / "report.json"
    given = ("--documents", "21", "--rounds", "1", "--format", "json", "--report", str(report))
    result = CliRunner().invoke(app, ["models", "tune", str(file), *given])
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    exact = [row for row in rows if row["compute_type"] == "float32"]
    assert [row["passes"] for row in exact] == ["yes"] * len(exact)
    assert {"float32", "int8"} <= {row["compute_type"] for row in rows}
    assert min(row["cosine_mean"] for row in rows if row["compute_type"] == "int8") > 0.98
    chosen = json.loads(report.read_text(encoding="utf-8"))["chosen"]
    path = data / "models" / DEFAULT_MODEL / TUNED_FILE
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert {name: kept[name] for name in ("compute_type", "threads", "tokens_per_call")} == {
        name: chosen[name] for name in ("compute_type", "threads", "tokens_per_call")
    }
    # Whatever was fastest today, what auto does is seen by a setting that it never is by itself.
    path.write_text(json.dumps({**kept, "compute_type": "float32"}), encoding="utf-8")
    assert open_enricher(load_settings()).card.compute_type == "float32"


WRITERS = {"decoder": write_tiny_decoder, "sequence to sequence": write_tiny_sequence_to_sequence}


@pytest.mark.parametrize("kind", sorted(WRITERS))
def test_a_model_that_writes_is_tuned_and_starts_so(
    data: Path, file: Path, tmp_path: Path, kind: str
) -> None:
    """Its own file is written and read at the next start; the encoder stays as it is."""
    WRITERS[kind](tmp_path / "made")
    lay_out_converted(tmp_path / "made")
    Registry(data).adopt(tmp_path / "made", "stories", prompt="plain-1")
    given = ("--model", "stories", "--documents", "20", "--rounds", "1", "--format", "json")
    result = CliRunner().invoke(app, ["models", "tune", str(file), *given])
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    assert {"float32", "int8"} <= {row["compute_type"] for row in rows}
    exact = [row for row in rows if row["compute_type"] == "float32"]
    assert [(row["summaries"], row["cosine_mean"]) for row in exact] == [(1, 1)] * len(exact)
    assert {row["tokens_per_call"] for row in rows} >= {2048, 4096, 8192, 16384}
    assert not (data / "models" / DEFAULT_MODEL / TUNED_FILE).exists()
    # Whatever was fastest today, what auto does is seen by a setting that it never is by itself.
    path = data / "models/stories" / TUNED_FILE
    kept = json.loads(path.read_text(encoding="utf-8"))
    other = {**kept, "compute_type": "float32", "tokens_per_call": 77}
    path.write_text(json.dumps(other), encoding="utf-8")
    assert _started() == ("int8", "float32", 77)
    assert _started(compute_type="int8") == ("int8", "int8", 77)
    assert _started(device="cpu", compute_type="int8") == ("int8", "int8", 4096)
    path.write_text(json.dumps({**other, "revision": "another"}), encoding="utf-8")
    assert _started() == ("int8", "int8", 4096)


def _started(**given: str) -> tuple[str, str, int]:
    """Return the compute types of encoder and summarizer, and the size of the latter's calls."""
    enricher = open_enricher(load_settings(summarizer="stories", **given))
    assert isinstance(enricher, PluggedEnricher)
    writer = enricher._summarizer
    assert isinstance(writer, GenerativeSummarizer)
    own = "" if writer.compute_type == enricher.card.compute_type else f" {writer.compute_type}"
    assert enricher.card.summarizer.partition("@")[2][8:] == own  # rows name what is not theirs
    return enricher.card.compute_type, writer.compute_type, writer._writer._tokens_per_call


def test_a_classifier_is_not_tuned_by_itself(data: Path, file: Path, tmp_path: Path) -> None:
    """One line says how it runs."""
    write_tiny_classifier(tmp_path / "made")
    Registry(data).adopt(tmp_path / "made", "moods")
    result = CliRunner().invoke(app, ["models", "tune", str(file), "--model", "moods"])
    assert result.exit_code != 0
    assert "moods is a model for classification: it runs as the encoder was tuned" in str(
        result.exception
    )


def test_a_persons_topics_stand_beside_the_models(file: Path, tmp_path: Path) -> None:
    """As many rows as asked for, with cosines; the page is written."""
    page = tmp_path / "vibe.html"
    given = ("--topics-column", "topic", "--documents", "4", "--html", str(page))
    result = CliRunner().invoke(app, ["eval", "vibe", str(file), *given, "--format", "json"])
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    assert len(rows) == 4
    assert all(-1 <= row["cosine"] <= 1 and row["model"] for row in rows)
    assert page.read_text(encoding="utf-8").count("<tr>") == 5
