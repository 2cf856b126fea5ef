"""``tidemark models`` with the pinned weights, and without."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner, Result

from models.manifest import DEFAULT_MODEL, pinned
from streams.cli.models import app
from streams.errors import Misconfigured, TidemarkError, Unavailable

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEMARK_DATA", str(tmp_path / "data"))


def _invoke(*arguments: str) -> Result:
    result = CliRunner().invoke(app, arguments)
    if isinstance(result.exception, TidemarkError):
        raise result.exception
    return result


def _install(model_folder: Path, tmp_path: Path) -> Path:
    target = tmp_path / "data/models" / model_folder.name
    shutil.copytree(model_folder, target)
    return target


def test_list_knows_what_is_not_installed() -> None:
    """Pinned models are listed before they are pulled; nothing is created."""
    listed = json.loads(_invoke("list", "--format", "json").stdout)
    assert [(row["name"], row["installed"]) for row in listed] == [(DEFAULT_MODEL, "no")]
    assert DEFAULT_MODEL in _invoke("list").stdout


@pytest.mark.model
def test_an_installed_model_is_listed_and_sound(model_folder: Path, tmp_path: Path) -> None:
    """List, pull and verify agree on a model that is there."""
    _install(model_folder, tmp_path)
    listed = json.loads(_invoke("list", "--format", "json").stdout)
    assert listed[0]["compute_type"] == "int8"
    assert "sound, 6 files" in _invoke("verify").stdout
    assert "is there and sound" in _invoke("pull", DEFAULT_MODEL).stdout


@pytest.mark.model
def test_verify_names_a_damaged_file(model_folder: Path, tmp_path: Path) -> None:
    """A file that changed, and kept its size, is an error that names it."""
    path = _install(model_folder, tmp_path) / "tokenizer.json"
    path.write_bytes(b" " + path.read_bytes()[1:])
    with pytest.raises(Misconfigured, match=r"tokenizer\.json has sha256"):
        _invoke("verify")


def test_verify_says_how_to_install() -> None:
    """A model that is not there comes with the command that gets it."""
    with pytest.raises(Misconfigured, match=f"tidemark models pull {DEFAULT_MODEL}"):
        _invoke("verify")


def test_an_unknown_model_is_refused() -> None:
    """A wrong name is answered with the right ones."""
    with pytest.raises(Misconfigured, match="known models"):
        _invoke("pull", "nobody")


def test_no_network_says_which_files_to_fetch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Hub and index, pull names the folder to fill, each file and its sha256."""
    import huggingface_hub  # noqa: PLC0415 - heavy

    def fail(*_: object, **__: object) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", fail)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(Unavailable) as caught:
        _invoke("pull")
    line = str(caught.value)
    assert str(tmp_path / f"data/models/{DEFAULT_MODEL}.files") in line
    assert all(file.sha256 in line for file in pinned(DEFAULT_MODEL).files)
