"""What a training run reads and leaves in folders: the encoder, the finished model, its card."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from models import convert, sources
from models.convert.tensors import read_tensors
from models.files import sha256_of
from models.manifest import DEFAULT_MODEL, read_manifest
from models.train import warm
from streams.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

    from models.convert.tensors import Tensors

WEIGHTS = "model.safetensors"
CARD = "training.json"
_CONVERTED = "ctranslate2"
_DECODER = "model.decoder."


def encoder_folder(folder: Path, own: Path | None, progress: sources.Progress) -> Path:
    """Return a folder with an encoder: its files, and int8 weights for CTranslate2.

    Args:
        folder: where to; what is whole there is taken as it is.
        own: folder of a BERT with safetensors; None for the default model, which is pulled.
        progress: told about the download.

    Raises:
        Misconfigured: the own folder holds no BERT.
        Unavailable: no source of the default model answers.
    """
    if not (folder / _CONVERTED).is_dir():
        shutil.rmtree(folder, ignore_errors=True)
        if own is None:
            _pull(folder, progress)
        else:
            _take(own, folder)
        convert.convert(folder, WEIGHTS, folder / _CONVERTED)
    return folder


def _pull(folder: Path, progress: sources.Progress) -> None:
    model = read_manifest()[DEFAULT_MODEL]
    errors = []
    for source in model.sources:
        shutil.rmtree(folder, ignore_errors=True)  # what the source before left
        folder.mkdir(parents=True)
        try:
            sources.fetch(source, model, folder, progress)
        except Unavailable as error:
            errors.append(f"{sources.describe(source)}: {error}")
        else:
            return
    raise Unavailable(f"cannot pull {model.name}; {'; '.join(errors)}")


def _take(own: Path, folder: Path) -> None:
    kind = convert.read_config(own).get("model_type")
    if kind != "bert":
        raise Misconfigured(f"{own} holds a {kind}; only a BERT can become the encoder")
    folder.mkdir(parents=True)
    for name in (WEIGHTS, "config.json", "tokenizer.json", "tokenizer_config.json"):
        if not (own / name).is_file():
            raise Misconfigured(f"{own} has no {name}")
        shutil.copyfile(own / name, folder / name)


def converted(folder: Path) -> Path:
    """Return where the encoder's weights for CTranslate2 lie."""
    return folder / _CONVERTED


def read_decoder(folder: Path, encoder: Path) -> tuple[Tensors, npt.NDArray[np.int64]]:
    """Return the decoder of a model that was trained before, and the ids that it may write.

    Raises:
        Misconfigured: the folder holds no such model, or one on another encoder.
    """
    if not (folder / CARD).is_file():
        raise Misconfigured(f"{folder} holds no model that was trained here (no {CARD})")
    if read_card(folder)["encoder"]["sha256"] != sha256_of(encoder / WEIGHTS):
        raise Misconfigured(f"{folder} was trained on another encoder than this run's")
    tensors = read_tensors(folder / WEIGHTS)
    written = np.flatnonzero(tensors["final_logits_bias"][0] == 0).astype(np.int64)
    found = {
        name.removeprefix(_DECODER): values
        for name, values in tensors.items()
        if name.startswith(_DECODER)
    }
    return found, written


def read_card(folder: Path) -> dict[str, Any]:
    """Return the card of a model that was trained before."""
    found: dict[str, Any] = json.loads((folder / CARD).read_text(encoding="utf-8"))
    return found


def write_model(folder: Path, encoder: Path, config: Mapping[str, Any], tensors: Tensors) -> None:
    """Write a model that transformers reads and `tidemark models convert` takes.

    Args:
        folder: where to; what is there is replaced.
        encoder: the folder of the encoder, for its tokenizer.
        config: BART's settings.
        tensors: by transformers' names.
    """
    from safetensors.numpy import save_file  # noqa: PLC0415 - only to train

    folder.mkdir(parents=True, exist_ok=True)
    contiguous = {name: np.ascontiguousarray(values) for name, values in tensors.items()}
    save_file(contiguous, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    shutil.copyfile(encoder / "tokenizer.json", folder / "tokenizer.json")
    marks = {"bos_token": "[CLS]", "eos_token": "[SEP]", "tokenizer_class": "BertTokenizer"}
    settings = json.loads((encoder / "tokenizer_config.json").read_text(encoding="utf-8"))
    text = json.dumps({**settings, **marks, "model_max_length": config["max_position_embeddings"]})
    (folder / "tokenizer_config.json").write_text(text + "\n", encoding="utf-8")


def warmed(bert: Tensors, settings: Mapping[str, Any]) -> Tensors:
    """Return BART's encoder that gives the vectors of the BERT with these settings."""
    return warm.encoder_tensors(bert, layers=int(settings["num_hidden_layers"]))
