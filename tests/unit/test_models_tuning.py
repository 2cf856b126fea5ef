"""Tuning: agreement with float32, the gate, and the fastest that passes it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest

from models.tuning import Gate, Measured, Setting, best, drift_shift, measure, one_pass
from streams.cli.tuning import texts_of
from streams.errors import Misconfigured
from streams.ports import Enricher, Inference, Text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from models.tuning import Run

EXACT = Setting("cpu", "float32", 2, 1, 512)
ROUGH = replace(EXACT, compute_type="int8")
WRONG = replace(EXACT, compute_type="int16")
ERRORS = {"float32": 0.0, "int8": 0.02, "int16": 2.0}


class Model:
    """Stands in for an enricher: vectors by the text, off by an error of its own."""

    def __init__(self, error: float) -> None:
        self.error = error
        self.batches: list[int] = []

    def pre(self, texts: Sequence[Text]) -> object:
        self.batches.append(len(texts))
        return texts

    def core(self, prepared: object) -> object:
        return prepared

    def post(self, encoded: object) -> list[Inference]:
        return [self._one(text) for text in cast("list[Text]", encoded)]

    def _one(self, text: Text) -> Inference:
        rng = np.random.default_rng(int(text.text))
        exact = rng.normal(size=8)
        vector = exact + self.error * rng.normal(size=8)
        unit = (vector / np.linalg.norm(vector)).astype(np.float32)
        label = "a" if vector[0] > 0 else "b"
        summary = f"{vector[0]:.1f}"
        return Inference(unit, label, 1.0, {}, summary, "", 1, 1, 0, False, 1, 0, 0.0, 0.0)


def measured() -> tuple[list[Measured], dict[str, Model]]:
    models = {name: Model(error) for name, error in ERRORS.items()}
    found = measure(
        [Text("", str(number)) for number in range(60)],
        [EXACT, ROUGH, WRONG],
        lambda setting: one_pass(cast("Enricher", models[setting.compute_type])),
        list,
        gate=Gate(),
        rounds=2,
        batch=25,
    )
    return found, models


def test_agreement_is_with_float32_and_the_gate_holds() -> None:
    """Small errors pass; large ones do not, however fast; float32 agrees with itself."""
    (exact, rough, wrong), models = measured()
    assert exact.cosine_least == pytest.approx(1, abs=1e-6)
    assert (exact.labels, exact.drift, exact.ratio, exact.passes) == (1, 0, 1, True)
    assert 0.99 < rough.cosine_mean < 1
    assert rough.passes
    assert (exact.summaries, rough.summaries > wrong.summaries) == (1, True)
    assert wrong.cosine_mean < 0.9
    assert wrong.labels < 0.95
    assert not wrong.passes
    assert models["int8"].batches == [25, 25, 10] * 2


def test_what_does_not_fit_into_memory_is_left_out() -> None:
    """The rest is measured; without float32 there is nothing to compare with."""

    def load(setting: Setting) -> Run[Inference]:
        if setting.compute_type == full:
            raise RuntimeError("CUDA failed with error out of memory")
        return one_pass(cast("Enricher", Model(0.0)))

    texts, left = [Text("", str(number)) for number in range(4)], list[Setting]()
    full = "int16"
    found = measure(
        texts,
        [EXACT, WRONG, ROUGH],
        load,
        list,
        gate=Gate(),
        rounds=1,
        batch=4,
        left_out=left.append,
    )
    assert ([one.setting for one in found], left) == ([EXACT, ROUGH], [WRONG])
    full = "float32"
    with pytest.raises(
        Misconfigured, match="float32, which all else is compared with, does not fit"
    ):
        measure(texts, [EXACT], load, list, gate=Gate(), rounds=1, batch=4)


def test_the_fastest_that_passes_is_best() -> None:
    """A failing setting is not taken, whatever its speed."""
    (exact, rough, wrong), _ = measured()
    speeds = (replace(exact, documents_per_second=1), replace(rough, documents_per_second=2))
    fast = replace(wrong, documents_per_second=9)
    assert best([*speeds, fast]).setting == ROUGH


def test_drift_is_in_units_of_chance() -> None:
    """A mean that moves by twice what halves differ scores 2; unbiased errors hardly score."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(400, 16))
    moved = np.zeros(16)
    moved[0] = 1.0
    one = drift_shift(vectors + moved, vectors)
    assert drift_shift(vectors + 2 * moved, vectors) == pytest.approx(2 * one)
    # Halves of 200 differ by sqrt(16 * 2 / 200) = 0.4 on average.
    assert one == pytest.approx(1 / 0.4, rel=0.1)
    assert drift_shift(vectors + 0.05 * rng.normal(size=vectors.shape), vectors) < 0.05


def test_why_there_are_too_few_documents_is_said(tmp_path: Path) -> None:
    """A misspelt column would otherwise look like an empty file; refused rows do not count."""
    file = tmp_path / "news.csv"
    file.write_text("body\n" + "a text\n" * 30, encoding="utf-8")
    with pytest.raises(Misconfigured, match=r"0 documents: at least 20 .*--text-column"):
        texts_of(str(file), "nosuch", None, 25)
    assert len(texts_of(str(file), "body", None, 25)) == 25
