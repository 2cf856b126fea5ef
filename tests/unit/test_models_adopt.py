"""Models of one's own: from a folder or an own manifest, named and verified."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from models.card import read_card
from models.enricher import build_enricher
from models.files import sha256_of
from models.installed import installed
from models.manifest import (
    DEFAULT_MODEL,
    FolderSource,
    HubSource,
    PinnedModel,
    pinned,
    read_manifest,
)
from models.registry import Registry
from streams.clock import FixedClock
from streams.errors import Misconfigured, Unavailable
from streams.ports import Text
from tests.support.tiny_classifiers import write_tiny_classifier
from tests.support.tiny_model import LONGEST, WEIGHTS, WIDTH, pinned_tiny, write_tiny_model
from tests.support.tiny_writers import (
    lay_out_converted,
    write_converted_decoder,
    write_tiny_sequence_to_sequence,
)

if TYPE_CHECKING:
    from pathlib import Path

    from streams.ports import Enricher

TEXTS = [Text("tides", "the sea rises twice a day"), Text("", "calm")]


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "data", FixedClock(1))


def test_a_folder_becomes_a_named_model(registry: Registry, tmp_path: Path) -> None:
    """Converted, described, listed, verified; a later process knows it by its card."""
    write_tiny_classifier(tmp_path / "made", "roberta")
    pulled = registry.adopt(tmp_path / "made", "moods", licence="MIT")
    assert (pulled.card.task, pulled.card.compute_type) == ("classification", "int8")
    assert "ctranslate2/head.safetensors" in pulled.card.installed
    later = Registry(tmp_path / "data", FixedClock(2))
    assert [item.model.name for item in later.list() if item.card] == ["moods"]
    shutil.rmtree(tmp_path / "made")
    assert later.verify("moods") == pulled.card
    assert not later.pull("moods").fresh
    (pulled.folder / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(Misconfigured, match=r"tokenizer\.json has 2 bytes, expected"):
        later.verify("moods")


def test_an_encoder_without_a_head_is_for_embeddings(registry: Registry, tmp_path: Path) -> None:
    """What a model is for is seen from its weights, whatever its config.json names."""
    write_tiny_model(tmp_path / "made")
    path = tmp_path / "made/config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | {"id2label": {"0": "LABEL_0"}}
    path.write_text(json.dumps(config), encoding="utf-8")
    assert registry.adopt(tmp_path / "made", "vectors").card.task == "embedding"
    (tmp_path / "made" / WEIGHTS).write_bytes(b"\xff" * 64)
    with pytest.raises(Misconfigured, match="no readable safetensors file"):
        registry.adopt(tmp_path / "made", "broken")


def test_a_folder_without_a_tokenizer_is_refused_at_once(
    registry: Registry, tmp_path: Path
) -> None:
    """Weights of CTranslate2's could be taken without it, and never run."""
    write_tiny_sequence_to_sequence(tmp_path / "made")
    with pytest.raises(Misconfigured, match=r"ctranslate2 has no tokenizer\.json"):
        registry.adopt(tmp_path / "made/ctranslate2", "writes")
    assert not [one for one in registry.list() if one.model.name == "writes"]


def test_an_embedding_model_of_ones_own_runs_the_one_pass(
    registry: Registry, tmp_path: Path
) -> None:
    """Its size is seen from its files; rows name it; an own manifest's words win."""
    write_tiny_model(tmp_path / "made")
    pulled = registry.adopt(tmp_path / "made", "vectors")
    enricher = _one_pass(pulled.folder)
    (found, _) = enricher.post(enricher.core(enricher.pre(TEXTS)))
    assert found.embedding.shape == (WIDTH,)
    assert enricher.card.embedding_model == "vectors"
    assert (enricher.card.dimensions, installed(pulled.folder).max_tokens) == (WIDTH, LONGEST)
    assert installed(pulled.folder).temperature == pinned(DEFAULT_MODEL).temperature
    _write_manifest(tmp_path, "tides", pinned_tiny(tmp_path / "made"), tmp_path / "made")
    tides = Registry(tmp_path / "data", FixedClock(1)).pull("tides").folder
    assert _one_pass(tides).card.embedding_revision == installed(tides).revision == "a" * 40
    with pytest.raises(Misconfigured, match="no model 'nothing'"):
        _one_pass(tmp_path / "data/models/nothing")


def _one_pass(folder: Path) -> Enricher:
    return build_enricher(
        folder,
        device="cpu",
        compute_type="int8",
        threads=1,
        labels={"sea": "water", "land": "earth"},
        unsure_below=0.0,
        summary_sentences=1,
    )


def test_a_changed_folder_is_converted_anew(registry: Registry, tmp_path: Path) -> None:
    """The same bytes are there already; other bytes are another revision."""
    write_tiny_classifier(tmp_path / "made")
    first = registry.adopt(tmp_path / "made", "moods")
    assert not registry.adopt(tmp_path / "made", "moods").fresh
    shutil.rmtree(tmp_path / "made")
    write_tiny_classifier(tmp_path / "made", seed=5)
    second = registry.adopt(tmp_path / "made", "moods")
    assert second.fresh
    assert second.card.revision != first.card.revision


def test_weights_that_are_converted_already_are_copied(registry: Registry, tmp_path: Path) -> None:
    """A repository of CTranslate2 weights needs no conversion and no PyTorch."""
    flat = write_converted_decoder(tmp_path / "made")
    pulled = registry.adopt(flat, "stories")
    assert (pulled.card.task, pulled.card.prompt) == ("summarization", "brief-1")
    copied = pulled.folder / "ctranslate2/model.bin"
    assert sha256_of(copied) == sha256_of(flat / "model.bin")


@pytest.mark.parametrize(("said", "window"), [(1024, 1024), (10**30, 512), (None, 512)])
def test_the_window_of_converted_weights_is_the_tokenizers_where_that_says_it(
    registry: Registry, tmp_path: Path, said: int | None, window: int
) -> None:
    """Transformers write 1e30 where they do not know."""
    flat = write_converted_decoder(tmp_path / "made")
    (flat / "tokenizer_config.json").write_text(json.dumps({"model_max_length": said}))
    folder = registry.adopt(flat, "stories").folder
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["max_position_embeddings"] == window


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.ckpt", "weights.pt"])
def test_a_folder_with_a_pickle_is_refused(registry: Registry, tmp_path: Path, name: str) -> None:
    """The reason is given, and nothing is unpickled."""
    write_tiny_classifier(tmp_path / "made")
    (tmp_path / "made" / WEIGHTS).rename(tmp_path / "made" / name)
    with pytest.raises(Misconfigured, match="is a pickle, and reading a pickle runs"):
        registry.adopt(tmp_path / "made", "moods")


def test_a_pickle_by_the_name_of_converted_weights_is_refused(
    registry: Registry, tmp_path: Path
) -> None:
    """``model.bin`` must begin as CTranslate2's files do."""
    write_tiny_classifier(tmp_path / "made")
    (tmp_path / "made" / WEIGHTS).unlink()
    (tmp_path / "made/model.bin").write_bytes(b"\x80\x04\x95 a pickle")
    with pytest.raises(Misconfigured, match="no model of CTranslate2"):
        registry.adopt(tmp_path / "made", "moods")


@pytest.mark.parametrize("name", ["all-minilm-l6-v2", "a/b", ".hidden"])
def test_a_name_that_cannot_be_taken_is_refused(
    registry: Registry, tmp_path: Path, name: str
) -> None:
    """Neither a pinned model's name nor one that is no folder's."""
    with pytest.raises(Misconfigured, match="give another --name"):
        registry.adopt(tmp_path, name)


def test_an_own_manifest_adds_models(tmp_path: Path) -> None:
    """A manifest beside the models pins more of them, here from a folder."""
    write_tiny_model(tmp_path / "made")
    _write_manifest(tmp_path, "tides", pinned_tiny(tmp_path / "made"), tmp_path / "made")
    registry = Registry(tmp_path / "data", FixedClock(1))
    pulled = registry.pull("tides")
    assert pulled.card.source == f"folder {tmp_path / 'made'}"
    assert pulled.card.task == "embedding"
    (tmp_path / "made" / WEIGHTS).write_bytes(b"other")
    shutil.rmtree(pulled.folder)
    with pytest.raises(Unavailable, match=rf"{WEIGHTS} has 5 bytes, .*Without a network, put"):
        registry.pull("tides")


def _write_manifest(tmp_path: Path, name: str, model: PinnedModel, folder: Path) -> None:
    lines = [f"[models.{name}]", 'title = "t"', 'licence = "MIT"', f'revision = "{"a" * 40}"']
    lines += [f'weights = "{WEIGHTS}"', "dimensions = 16", "max_tokens = 64"]
    for file in model.files:
        lines += [f'[models.{name}.files."{file.name}"]', f'sha256 = "{file.sha256}"']
        lines += [f"size = {file.size}"]
    lines += [f"[[models.{name}.sources]]", 'kind = "folder"', f'path = "{folder}"']
    path = tmp_path / "data/models/manifest.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines), encoding="utf-8")


WHOLE = """
[models.a]
title = "a"
licence = "MIT"
revision = "r1"
weights = "model.safetensors"
files."model.safetensors" = {sha256 = "00", size = 1}
sources = [{kind = "folder", path = "/models/a"}]
"""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("models = 3", "cannot read the manifest"),
        ("[models.a]\ntask = 'x'", "no known task"),
        ("[models.a]\ntitle = 'x'", "a has no licence, revision, weights, files, sources"),
        (WHOLE.replace("licence", "license"), "a has no licence"),
        (WHOLE + "colour = 'red'", "a has 'colour', which is no key of a model"),
        (WHOLE.replace('"folder"', '"ftp"'), "kind is one of hub, package, folder, not 'ftp'"),
        (WHOLE.replace('weights = "', 'weights = "other-'), "'other-model.safetensors', are none"),
        (WHOLE.replace("model.safetensors", "pytorch_model.bin"), "reading a pickle runs whatever"),
    ],
)
def test_a_broken_manifest_is_named(tmp_path: Path, text: str, reason: str) -> None:
    """One line with the file and what is wrong."""
    (tmp_path / "manifest.toml").write_text(text, encoding="utf-8")
    with pytest.raises(Misconfigured, match=reason):
        read_manifest(tmp_path / "manifest.toml")


def test_a_whole_manifest_is_read(tmp_path: Path) -> None:
    """The one that the broken ones above differ from."""
    (tmp_path / "manifest.toml").write_text(WHOLE, encoding="utf-8")
    assert read_manifest(tmp_path / "manifest.toml")["a"].sources == (FolderSource("/models/a"),)


def test_a_broken_off_download_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the Hub has sent stays, and the next pull goes on from there."""
    import huggingface_hub  # noqa: PLC0415 - heavy

    write_tiny_model(tmp_path / "made")
    tiny = pinned_tiny(tmp_path / "made")
    model = PinnedModel(
        tiny.name, "t", "MIT", "b" * 40, WEIGHTS, tiny.files, (HubSource("someone/tiny"),)
    )
    asked: list[str] = []

    def download(_: str, name: str, *, revision: str, local_dir: Path) -> None:
        asked.append(f"{name}@{revision[:1]}")
        if (local_dir / name).is_file():
            return
        if name == WEIGHTS and asked.count(f"{name}@b") == 1:
            raise ConnectionError("the line broke")
        shutil.copyfile(tmp_path / "made" / name, local_dir / name)

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", lambda *_, **__: None)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    registry = Registry(tmp_path / "data", FixedClock(1), {tiny.name: model})
    with pytest.raises(Unavailable, match="the line broke"):
        registry.pull(tiny.name)
    kept = sorted(path.name for path in (tmp_path / "data/models/.tiny.partial").iterdir())
    assert kept == ["config.json"]
    seen: list[int] = []
    pulled = registry.pull(tiny.name, lambda _, done, __: seen.append(done))
    assert pulled.fresh
    assert seen[1] > 0  # the bytes of the first attempt count
    assert not (tmp_path / "data/models/.tiny.partial").exists()


def test_sequence_to_sequence_weights_are_told_from_decoders(
    registry: Registry, tmp_path: Path
) -> None:
    """By the first bytes of the weights, not by their name."""
    write_tiny_sequence_to_sequence(tmp_path / "made")
    lay_out_converted(tmp_path / "made")
    card = registry.adopt(tmp_path / "made", "short").card
    assert (card.task, card.prompt) == ("summarization", "plain-1")


def test_cards_from_before_tasks_are_read(registry: Registry, tmp_path: Path) -> None:
    """A model that an earlier version installed stays installed."""
    write_tiny_classifier(tmp_path / "made")
    folder = registry.adopt(tmp_path / "made", "moods").folder
    card: dict[str, Any] = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    for name in ("task", "temperature", "prompt", "generation"):
        del card[name]
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    read = read_card(folder)
    assert read is not None
    assert (read.task, read.temperature) == ("embedding", 1.0)


def test_a_source_of_a_manifest_can_be_a_folder() -> None:
    """It is described by its path."""
    from models.sources import describe  # noqa: PLC0415

    assert describe(FolderSource("/mnt/models/x")) == "folder /mnt/models/x"
