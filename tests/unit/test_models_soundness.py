"""Files that broke off are told at once, and what an earlier version converted wrongly is named."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from models import convert, sources
from models.card import read_card, write_card
from models.convert import mends
from models.manifest import FolderSource, PinnedModel
from models.registry import Registry
from models.soundness import CAME_CONVERTED
from streams.clock import FixedClock
from streams.errors import Misconfigured, Unavailable
from tests.support.tiny_model import NAME, WEIGHTS, pinned_tiny, write_tiny_model
from tests.support.tiny_writers import write_tiny_sequence_to_sequence

if TYPE_CHECKING:
    from pathlib import Path

FLAN = {"model_type": "t5", "tie_word_embeddings": False}
LLAMA_31 = {"model_type": "llama", "rope_scaling": {"rope_type": "llama3", "factor": 8.0}}


@pytest.fixture
def tiny(tmp_path: Path) -> PinnedModel:
    write_tiny_model(tmp_path / "made")
    return replace(pinned_tiny(tmp_path / "made"), sources=(FolderSource(str(tmp_path / "made")),))


def _registry(tmp_path: Path, model: PinnedModel) -> Registry:
    return Registry(tmp_path / "data", FixedClock(1), {model.name: model})


def _not_hashed(path: Path) -> str:
    raise AssertionError(f"{path} was hashed")


def test_a_file_that_broke_off_is_told_before_anything_is_hashed(
    tmp_path: Path, tiny: PinnedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a folder as of a package: file, bytes found and bytes expected."""
    path = tmp_path / "made" / WEIGHTS
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    monkeypatch.setattr(sources, "sha256_of", _not_hashed)
    line = f"{WEIGHTS} has {len(whole) - 1} bytes, expected {len(whole)}"
    with pytest.raises(Unavailable, match=line):
        _registry(tmp_path, tiny).pull(NAME)


def test_a_size_that_nobody_named_is_not_compared(tmp_path: Path, tiny: PinnedModel) -> None:
    """The hash judges alone then."""
    unsized = replace(tiny, files=tuple(replace(file, size=0) for file in tiny.files))
    assert _registry(tmp_path, unsized).pull(NAME).fresh
    path = tmp_path / "made" / WEIGHTS
    path.write_bytes(path.read_bytes()[:-1])
    shutil.rmtree(tmp_path / "data")
    with pytest.raises(Unavailable, match=f"{WEIGHTS} has sha256"):
        _registry(tmp_path, unsized).pull(NAME)


def test_installed_files_are_measured_before_they_are_hashed(
    tmp_path: Path, tiny: PinnedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verify names a converted file that broke off, too; cards of before have no sizes."""
    registry = _registry(tmp_path, tiny)
    folder, card = registry.pull(NAME).folder, registry.verify(NAME)
    path = folder / "ctranslate2/model.bin"
    path.write_bytes(path.read_bytes()[:-1])
    write_card(folder, replace(card, sizes={}))
    with pytest.raises(Misconfigured, match=r"ctranslate2/model\.bin has sha256"):
        registry.verify(NAME)
    write_card(folder, card)
    monkeypatch.setattr("models.card.sha256_of", _not_hashed)
    with pytest.raises(Misconfigured, match=r"run: tidemark models pull tiny; .*bin has \d+ bytes"):
        registry.verify(NAME)
    path.unlink()
    with pytest.raises(Misconfigured, match=r"model\.bin has no bytes, expected"):
        registry.verify(NAME)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (FLAN, "outputs were scaled"),
        ({"model_type": "t5", "scale_decoder_outputs": False}, "outputs were scaled"),
        ({"model_type": "t5"}, None),
        ({"model_type": "mt5"}, "outputs were scaled"),
        (LLAMA_31, "stretching of its rotation"),
        ({"model_type": "llama", "rope_parameters": {"rope_type": "llama3"}}, "stretching"),
        ({"model_type": "llama", "rope_scaling": None}, None),
        ({"model_type": "gemma2", "final_logit_softcapping": 30.0}, "bound of its logits"),
        ({"model_type": "gemma2", "rope_theta": 10000.0}, None),
        ({"model_type": "gemma", "rope_theta": 1e6}, "rotary base"),
        ({"model_type": "gemma", "rope_parameters": {"rope_theta": 1e6}}, "rotary base"),
        ({"model_type": "bart"}, None),
        ({}, None),
    ],
)
def test_only_models_that_a_mend_concerns_are_named(
    config: dict[str, Any], says: str | None
) -> None:
    """By family and settings; what today's converter made is never named."""
    found = mends.wrong(config, 0)
    assert (found is None) if says is None else (found is not None and says in found)
    assert mends.wrong(config, mends.revision(config)) is None
    assert (mends.revision(config) > 0) == (config.get("model_type") not in (None, "bart"))


@pytest.fixture
def flan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of safetensors; what stands in for PyTorch writes a tiny model."""

    def converted(source: Path, weights: str, target: Path, **_: object) -> None:
        assert (source / weights).is_file()
        write_tiny_sequence_to_sequence(tmp_path / "written")
        (tmp_path / "written/ctranslate2").rename(target)
        shutil.rmtree(tmp_path / "written")

    monkeypatch.setattr(convert, "convert", converted)
    write_tiny_model(tmp_path / "made")
    path = tmp_path / "made/config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | FLAN
    path.write_text(json.dumps(config), encoding="utf-8")
    return tmp_path / "made"


def test_a_model_of_an_earlier_converter_says_what_to_run(tmp_path: Path, flan: Path) -> None:
    """At verify and at load; the command mends it, although the bytes are the same."""
    registry = Registry(tmp_path / "data", FixedClock(1))
    pulled = registry.adopt(flan, "short")
    assert pulled.card.conversion == 1
    write_card(pulled.folder, replace(pulled.card, conversion=0))
    line = (
        rf"short was converted by an earlier version.*tidemark models convert {flan} --name short"
    )
    later = Registry(tmp_path / "data", FixedClock(2))
    for asked in (later.verify, later.pull):
        with pytest.raises(Misconfigured, match=line) as caught:
            asked("short")
        assert "\n" not in str(caught.value)
    assert later.adopt(flan, "short").fresh
    assert later.verify("short").conversion == 1


def test_a_pinned_model_of_an_earlier_converter_is_pulled_anew(
    tmp_path: Path, flan: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its source is known: a line says why, and it is converted as today."""
    model = replace(pinned_tiny(flan), sources=(FolderSource(str(flan)),), task="summarization")
    registry = _registry(tmp_path, model)
    pulled = registry.pull(NAME)
    write_card(pulled.folder, replace(pulled.card, conversion=0))
    with pytest.raises(Misconfigured, match="run: tidemark models pull tiny"):
        registry.verify(NAME)
    assert registry.pull(NAME).fresh
    assert ["installed anew" in record.message for record in caplog.records] == [True]
    assert not registry.pull(NAME).fresh


def test_what_came_converted_is_only_warned_of(
    tmp_path: Path, flan: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody knows what converted it."""
    registry = Registry(tmp_path / "data", FixedClock(1))
    folder = registry.adopt(flan, "short").folder
    card = read_card(folder)
    assert card is not None
    write_card(folder, replace(card, converter=CAME_CONVERTED, conversion=0))
    with caplog.at_level(logging.WARNING):
        assert registry.verify("short").converter == CAME_CONVERTED
    assert "if it writes nonsense, convert it from safetensors" in caplog.text
