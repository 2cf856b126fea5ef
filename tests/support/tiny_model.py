"""A BERT model of random numbers, small enough to build, pull and run in milliseconds."""

from __future__ import annotations

import json
from math import erf
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from models.files import sha256_of
from models.manifest import PackageSource, PinnedFile, PinnedModel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Floats: TypeAlias = npt.NDArray[np.float32]

WIDTH, INNER, LAYERS, HEADS, LONGEST = 16, 32, 2, 2, 64
WEIGHTS = "model.safetensors"
NAME = "tiny"
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
VOCABULARY = (*_SPECIAL, *_LETTERS, *(f"##{letter}" for letter in _LETTERS), *".,!?[]")


def write_tiny_model(folder: Path, *, seed: int = 0) -> dict[str, Floats]:
    """Write config, tokenizer and weights into a new folder; return the weights."""
    from safetensors.numpy import save_file  # noqa: PLC0415 - only where a model is made

    folder.mkdir(parents=True)
    tensors = tiny_tensors(seed)
    save_file(tensors, folder / WEIGHTS)
    _write(folder, "config.json", _CONFIG)
    _write(folder, "tokenizer_config.json", {"tokenizer_class": "BertTokenizer"})
    (folder / "tokenizer.json").write_text(tiny_tokenizer(), encoding="utf-8")
    return tensors


def tiny_tensors(seed: int = 0) -> dict[str, Floats]:
    """Return random weights under the names that BERT models use."""
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> Floats:
        return rng.normal(0, 0.5, shape).astype(np.float32)

    tensors = {
        "embeddings.word_embeddings.weight": draw(len(VOCABULARY), WIDTH),
        "embeddings.token_type_embeddings.weight": draw(2, WIDTH),
        "embeddings.position_embeddings.weight": draw(LONGEST, WIDTH),
    }
    linear = {"pooler.dense": (WIDTH, WIDTH)}
    norms = ["embeddings.LayerNorm"]
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"
        linear |= {f"{at}.attention.self.{x}": (WIDTH, WIDTH) for x in ("query", "key", "value")}
        linear[f"{at}.attention.output.dense"] = (WIDTH, WIDTH)
        linear[f"{at}.intermediate.dense"] = (INNER, WIDTH)
        linear[f"{at}.output.dense"] = (WIDTH, INNER)
        norms += [f"{at}.attention.output.LayerNorm", f"{at}.output.LayerNorm"]
    for name, shape in linear.items():
        tensors |= {f"{name}.weight": draw(*shape), f"{name}.bias": draw(shape[0])}
    for name in norms:
        tensors |= {f"{name}.weight": draw(WIDTH) + 1, f"{name}.bias": draw(WIDTH)}
    return tensors


def tiny_tokenizer() -> str:
    """Return the tokenizer.json of a letter-by-letter WordPiece tokenizer."""
    from tokenizers import Tokenizer  # noqa: PLC0415 - only where a model is made
    from tokenizers.models import WordPiece  # noqa: PLC0415
    from tokenizers.normalizers import BertNormalizer  # noqa: PLC0415
    from tokenizers.pre_tokenizers import BertPreTokenizer  # noqa: PLC0415
    from tokenizers.processors import TemplateProcessing  # noqa: PLC0415

    ids = {token: number for number, token in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer()
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.add_special_tokens(list(_SPECIAL))
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, ids[name]) for name in ("[CLS]", "[SEP]")],
    )
    # As the real one comes: whoever loads it must switch these off.
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=8)
    text: str = tokenizer.to_str()
    return text


def pinned_tiny(folder: Path) -> PinnedModel:
    """Pin the files of a folder as a model of one package source."""
    files = tuple(
        PinnedFile(path.name, sha256_of(path), path.stat().st_size)
        for path in sorted(folder.iterdir())
    )
    return PinnedModel(
        name=NAME,
        title="test/tiny",
        licence="Apache-2.0",
        revision="0" * 40,
        weights=WEIGHTS,
        dimensions=WIDTH,
        max_tokens=LONGEST,
        temperature=0.05,
        files=files,
        sources=(PackageSource("tidemark-tiny-model", "1.0", "tiny/model"),),
    )


def bert_forward(
    tensors: dict[str, Floats], ids: Sequence[int], types: Sequence[int] | None = None
) -> Floats:
    """Return the hidden states of one sequence, shape ``(tokens, WIDTH)``, by the textbook."""

    def linear(values: Floats, name: str) -> Floats:
        product: Floats = values @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]
        return product

    def norm(values: Floats, name: str) -> Floats:
        centred = values - values.mean(axis=-1, keepdims=True)
        scale = np.sqrt(centred.var(axis=-1, keepdims=True) + _CONFIG["layer_norm_eps"])
        scaled: Floats = centred / scale * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]
        return scaled

    words = tensors["embeddings.word_embeddings.weight"][list(ids)]
    places = tensors["embeddings.position_embeddings.weight"][: len(ids)]
    kinds = tensors["embeddings.token_type_embeddings.weight"][list(types or [0] * len(ids))]
    hidden = words + places + kinds
    hidden = norm(hidden, "embeddings.LayerNorm")
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"
        query, key, value = (
            linear(hidden, f"{at}.attention.self.{part}") for part in ("query", "key", "value")
        )
        mixed = np.concatenate(
            [_attend(query[:, s], key[:, s], value[:, s]) for s in _head_slices()], axis=1
        )
        output = linear(mixed, f"{at}.attention.output.dense")
        hidden = norm(hidden + output, f"{at}.attention.output.LayerNorm")
        inner = _gelu(linear(hidden, f"{at}.intermediate.dense"))
        hidden = norm(hidden + linear(inner, f"{at}.output.dense"), f"{at}.output.LayerNorm")
    return hidden


def _head_slices() -> list[slice]:
    size = WIDTH // HEADS
    return [slice(head * size, (head + 1) * size) for head in range(HEADS)]


def _attend(query: Floats, key: Floats, value: Floats) -> Floats:
    logits = query @ key.T / np.sqrt(query.shape[1])
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    mixed: Floats = powers / powers.sum(axis=1, keepdims=True) @ value
    return mixed


def _gelu(values: Floats) -> Floats:
    activated: Floats = values * 0.5 * (1 + np.vectorize(erf)(values / np.sqrt(2)))
    return activated


def _write(folder: Path, name: str, content: object) -> None:
    (folder / name).write_text(json.dumps(content), encoding="utf-8")


_CONFIG: dict[str, Any] = {
    "model_type": "bert",
    "hidden_size": WIDTH,
    "intermediate_size": INNER,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": LONGEST,
    "position_embedding_type": "absolute",
    "type_vocab_size": 2,
    "vocab_size": len(VOCABULARY),
}
