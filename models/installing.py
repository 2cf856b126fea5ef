"""From a model's downloaded files to the folder that Tidemark runs it from."""

from __future__ import annotations

import json
import shutil
from hashlib import sha256
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from models import convert
from models.card import Card, hashes, sizes, write_card
from models.convert import generators, heads, mends
from models.convert.spec import DECODER, ENCODER, WEIGHTS, spec_name
from models.convert.tensors import refuse_pickle, tensor_names
from models.files import sha256_of
from models.manifest import (
    CONVERTED,
    DEFAULT_MODEL,
    FolderSource,
    PinnedFile,
    PinnedModel,
    pinned,
)
from models.soundness import CAME_CONVERTED
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from pathlib import Path

    from models.manifest import Task

WEIGHTS_FOLDER = "ctranslate2"

# What a model's folder keeps of its repository, where it is there.
_KEPT = ("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
_SAFETENSORS = ("model.safetensors", "model.safetensors.index.json")
_LONGEST_WINDOW = 10_000_000
# What belongs to weights that CTranslate2 holds already.
_CONVERTED_PARTS = (
    *(WEIGHTS, "config.json", heads.HEAD_FILE),
    *("vocabulary.json", "shared_vocabulary.json"),
    *("source_vocabulary.json", "target_vocabulary.json"),
    *("vocabulary.txt", "shared_vocabulary.txt"),
)
# What a model's authors say of beams and lengths, by the names of ``Generation``.
_GENERATION = {
    "num_beams": "beam_size",
    "length_penalty": "length_penalty",
    "repetition_penalty": "repetition_penalty",
    "no_repeat_ngram_size": "no_repeat_ngram",
    "max_new_tokens": "max_tokens",
}
_GENERATION_OF_ANSWERS = {"min_length": "min_tokens", "max_length": "max_tokens"}
_LONGEST_ANSWER = 512
_PROMPTS = {"t5": "t5-1", "mt5": "t5-1"}


def build(model: PinnedModel, download: Path, new: Path, source: str, now_ms: int) -> Card:
    """Convert a model's files into a folder and write its card.

    Args:
        model: what it is.
        download: folder with its files, verified.
        new: folder to create.
        source: where the files came from, in words.
        now_ms: date of the card.

    Raises:
        Misconfigured: the weights cannot be converted.
    """
    new.mkdir()
    converter = f"models.convert, ctranslate2 {version('ctranslate2')}"
    compute_type = convert.QUANTIZATION
    if model.weights == CONVERTED:
        _take_converted(model, download, new / WEIGHTS_FOLDER)
        converter, compute_type = CAME_CONVERTED, "as it came"
    else:
        convert.convert(download, model.weights, new / WEIGHTS_FOLDER)
    for name in _KEPT:
        if (download / name).is_file():
            shutil.copyfile(download / name, new / name)
    if model.weights == CONVERTED:
        _note_window(model, new)
    lengths = sizes(new)
    card = Card(
        name=model.name,
        title=model.title,
        source=source,
        revision=model.revision,
        licence=model.licence,
        compute_type=compute_type,
        converter=converter,
        downloaded={file.name: file.sha256 for file in model.files},
        installed=hashes(new),
        installed_at=now_ms,
        size=sum(lengths.values()),
        task=model.task,
        temperature=model.temperature,
        prompt=model.prompt,
        generation=model.generation,
        sizes=lengths,
        conversion=mends.revision(_json(new / "config.json")),
    )
    write_card(new, card)
    return card


def _take_converted(model: PinnedModel, download: Path, weights: Path) -> None:
    spec_name(download)  # a pickle can be called model.bin too
    weights.mkdir()
    for file in model.files:
        if file.name in _CONVERTED_PARTS:
            shutil.copyfile(download / file.name, weights / file.name)


def _note_window(model: PinnedModel, folder: Path) -> None:
    """CTranslate2's own config.json does not say how long an input may be; the tokenizer's may."""
    path = folder / "config.json"
    config = _json(path)
    said = _json(folder / "tokenizer_config.json").get("model_max_length")
    # Transformers write 1e30 where they do not know.
    known = isinstance(said, int) and 0 < said <= _LONGEST_WINDOW
    config.setdefault("max_position_embeddings", said if known else model.max_tokens)
    path.write_text(json.dumps(config), encoding="utf-8")


def _json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def describe_folder(
    folder: Path, name: str, *, task: Task | None, prompt: str | None, licence: str
) -> PinnedModel:
    """Return a model for the files that lie in a folder, pinned as they are now.

    Args:
        folder: a model of transformers with safetensors, or of CTranslate2.
        name: what it will be called.
        task: what it is for; None to see it from its files.
        prompt: what a summarizer is asked; None for the usual one of its architecture.
        licence: of the weights, as far as it is known.

    Raises:
        Misconfigured: the folder holds no model that can be run; a pickle is refused with reason.
    """
    if not folder.is_dir():
        raise Misconfigured(f"there is no folder {folder}")
    weights = _weights(folder)
    if not (folder / "tokenizer.json").is_file():
        raise Misconfigured(
            f"{folder} has no tokenizer.json, the file of its fast tokenizer; write it: "
            "AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)"
        )
    found = task or _task(folder, weights)
    if not (folder / "tokenizer.json").is_file():
        raise Misconfigured(
            f"{folder} has no tokenizer.json: a model comes with the file of its fast tokenizer"
        )
    wanted = {*_KEPT, weights, *(_CONVERTED_PARTS if weights == CONVERTED else ())}
    wanted |= set(_shards(folder / weights)) if weights.endswith(".index.json") else set()
    wanted |= {"special_tokens_map.json", "generation_config.json"}
    paths = [path for path in sorted(folder.iterdir()) if path.name in wanted]
    files = tuple(PinnedFile(path.name, sha256_of(path), path.stat().st_size) for path in paths)
    # No commit names these bytes: their own hash does, as long as a commit's.
    revision = sha256("".join(file.sha256 for file in files).encode()).hexdigest()[:40]
    return PinnedModel(
        name=name,
        title=folder.name,
        licence=licence,
        revision=revision,
        weights=weights,
        files=files,
        sources=(FolderSource(str(folder)),),
        task=found,
        # Nobody fitted one of its cosines: that of the usual embedding's is nearer than none.
        temperature=pinned(DEFAULT_MODEL).temperature if found == "embedding" else 1.0,
        prompt=(prompt or _prompt(folder, weights)) if found == "summarization" else "",
        generation=_generation(folder, weights) if found == "summarization" else {},
    )


def from_card(card: Card) -> PinnedModel:
    """Return the model that a card describes, where no manifest does."""
    return PinnedModel(
        name=card.name,
        title=card.title,
        licence=card.licence,
        revision=card.revision,
        weights="",
        files=tuple(PinnedFile(name, sha256, 0) for name, sha256 in card.downloaded.items()),
        sources=(),
        temperature=card.temperature,
        prompt=card.prompt,
        generation=card.generation,
        task=card.task,
    )


def _weights(folder: Path) -> str:
    for name in _SAFETENSORS:
        if (folder / name).is_file():
            return name
    if (folder / CONVERTED).is_file():
        spec_name(folder)
        return CONVERTED
    if (folder / "adapter_config.json").is_file():
        raise Misconfigured(
            f"{folder} holds an adapter; merge it into its model first: "
            "model.merge_and_unload().save_pretrained(FOLDER)"
        )
    for path in sorted(folder.iterdir()):
        refuse_pickle(path)
    raise Misconfigured(f"{folder} has neither {' nor '.join((*_SAFETENSORS, CONVERTED))}")


def _shards(index: Path) -> list[str]:
    table = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
    return sorted(set(table.values()))


def _task(folder: Path, weights: str) -> Task:
    """Return what a model is for, from its files."""
    if weights == CONVERTED:
        if spec_name(folder) != ENCODER:
            return "summarization"
        return "classification" if (folder / heads.HEAD_FILE).is_file() else "embedding"
    config = convert.read_config(folder)
    if config.get("model_type") in generators.ARCHITECTURES:
        return "summarization"
    # A config may name labels where the weights have no head for them.
    if not any(name.startswith("classifier.") for name in tensor_names(folder / weights)):
        return "embedding"
    labels = [str(label).lower() for label in (config.get("id2label") or {}).values()]
    inference = any(label.startswith("entail") for label in labels)
    return "inference" if inference else "classification"


def _prompt(folder: Path, weights: str) -> str:
    kind = "" if weights == CONVERTED else str(convert.read_config(folder).get("model_type"))
    return _PROMPTS.get(kind, "brief-1" if _decodes(folder, weights) else "plain-1")


def _decodes(folder: Path, weights: str) -> bool:
    """Tell whether a model goes on from its prompt."""
    if weights == CONVERTED:
        return spec_name(folder) == DECODER
    return convert.read_config(folder).get("model_type") in generators.DECODERS


def _generation(folder: Path, weights: str) -> dict[str, Any]:
    """Return how a model's authors let it write; sampling is left out, rows must come again alike.

    Where the answer goes on from the prompt, ``max_length`` is that of both and says nothing here.
    """
    said = _json(folder / "generation_config.json")
    names = _GENERATION if _decodes(folder, weights) else _GENERATION_OF_ANSWERS | _GENERATION
    found = {own: said[theirs] for theirs, own in names.items() if said.get(theirs)}
    if "max_tokens" in found:
        found["max_tokens"] = min(found["max_tokens"], _LONGEST_ANSWER)
    return found
