"""``tidemark models calibrate``: the temperature, where it is kept, and what is refused."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from typer.testing import CliRunner

from models.card import read_card
from models.classify.decision import Decision
from models.registry import Registry
from models.temperature import with_temperature
from streams.cli.calibrating import cross_fitted, figures, truth_of
from streams.cli.main import app
from streams.errors import Misconfigured
from tests.support.tiny_classifiers import LABELS, write_tiny_classifier

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = """# ours
[models.moods]  # the first
title = "t"
temperature = 1.0 # plain

[models.moods.files]
"a" = { sha256 = "x", size = 1 }

[models.others]
title = "o"
"""


def test_overconfidence_is_mended() -> None:
    """Logits ten times too large: after, confidence is as accuracy, and the order is the same."""
    rng = np.random.default_rng(0)
    truth = np.eye(3)[rng.integers(0, 3, 800)]
    logits = 10 * (truth * 1.5 + rng.normal(size=truth.shape))
    decision = Decision(("a", "b", "c"))
    before = figures(decision, logits, truth)
    after, least = cross_fitted(decision, logits, truth)
    assert before["accuracy"] == after["accuracy"]
    assert before["calibration_error"] > 0.15
    assert after["calibration_error"] < 0.05
    assert after["log_loss"] < before["log_loss"]
    assert 0 <= least < 0.5


def test_one_temperature_changes_and_nothing_else() -> None:
    """In its entry, or added to it; comments and other models stay."""
    changed = with_temperature(MANIFEST, "moods", 1.5)
    assert changed == MANIFEST.replace("temperature = 1.0 # plain", "temperature = 1.5")
    added = with_temperature(MANIFEST, "others", 2.0)
    assert added == MANIFEST.replace("[models.others]\n", "[models.others]\ntemperature = 2.0\n")


def test_an_entry_that_cannot_be_edited_is_left_alone() -> None:
    """An inline table is not guessed at; the line to write is told."""
    with pytest.raises(Misconfigured, match=r"write into the manifest's entry .*temperature = 2.0"):
        with_temperature('models = { moods = { title = "t" } }\n', "moods", 2.0)


def test_labels_of_another_classifier_are_refused() -> None:
    """The line names the label, and those that the classifier has."""
    decision = Decision(("calm", "storm"))
    with pytest.raises(Misconfigured, match="no label 'fog'; it has calm, storm"):
        truth_of([["Calm"]] * 20 + [["fog"]], decision)
    with pytest.raises(Misconfigured, match="at least 20 are needed"):
        truth_of([["calm"]], decision)
    assert truth_of([["Calm"]] * 20, decision).sum(axis=0).tolist() == [20, 0]


def test_the_card_keeps_the_temperature(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A converted classifier, calibrated by the command, is read with the fitted temperature."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEMARK_DATA", str(tmp_path / "data"))
    write_tiny_classifier(tmp_path / "made", "bert")
    folder = Registry(tmp_path / "data").adopt(tmp_path / "made", "moods").folder
    path = tmp_path / "labelled.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        rows = [(f"the sea {number}", LABELS[number % len(LABELS)]) for number in range(24)]
        csv.writer(stream).writerows([("text", "label"), *rows])
    report = tmp_path / "report.json"
    given = ["models", "calibrate", "moods", str(path), "--report", str(report)]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 0, result.output
    told = json.loads(report.read_text(encoding="utf-8"))
    card = read_card(folder)
    assert card is not None
    assert card.temperature == pytest.approx(told["temperature"], abs=1e-4)
    assert card.temperature != 1.0
    assert not Registry(tmp_path / "data").pull("moods").fresh
