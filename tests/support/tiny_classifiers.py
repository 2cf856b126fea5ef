"""Sequence classifiers of random numbers, in the names and files that each family comes in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.support.tiny_model import LONGEST, WEIGHTS, WIDTH, Floats, bert_forward, write_tiny_model

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

KINDS = ("bert", "distilbert", "roberta", "xlm-roberta", "camembert")
LABELS = ("calm", "rising", "storm")
_PADDING = 1  # of the RoBERTa family: its positions begin at 2
_DISTIL = (
    ("encoder.layer.", "transformer.layer."),
    (".attention.self.query.", ".attention.q_lin."),
    (".attention.self.key.", ".attention.k_lin."),
    (".attention.self.value.", ".attention.v_lin."),
    (".attention.output.dense.", ".attention.out_lin."),
    (".attention.output.LayerNorm.", ".sa_layer_norm."),
    (".intermediate.dense.", ".ffn.lin1."),
    (".output.dense.", ".ffn.lin2."),
    (".output.LayerNorm.", ".output_layer_norm."),
)
_DISTIL_CONFIG = {
    "dim": WIDTH,
    "n_layers": 2,
    "n_heads": 2,
    "activation": "gelu",
}


def write_tiny_classifier(
    folder: Path,
    kind: str = "bert",
    *,
    seed: int = 0,
    labels: Sequence[str] = LABELS,
    **config: object,
) -> dict[str, Floats]:
    """Write a classifier of one family; return its tensors under BERT's names, head and all."""
    from safetensors.numpy import save_file  # noqa: PLC0415 - only where a model is made

    tensors = write_tiny_model(folder, seed=seed)
    rng = np.random.default_rng(seed + 1)
    tensors["classifier.weight"] = rng.normal(0, 0.5, (len(labels), WIDTH)).astype(np.float32)
    tensors["classifier.bias"] = rng.normal(0, 0.5, len(labels)).astype(np.float32)
    if kind == "distilbert":  # has no token types
        tensors["embeddings.token_type_embeddings.weight"][:] = 0
    save_file(_named(kind, tensors), folder / WEIGHTS)
    _change_config(folder, kind, labels, config)
    return tensors


def classifier_logits(
    kind: str, tensors: dict[str, Floats], ids: Sequence[int], types: Sequence[int] | None = None
) -> Floats:
    """Return the logits of one sequence by the textbook, shape ``(labels,)``."""
    first = bert_forward(tensors, ids, types)[0]
    inner = first @ tensors["pooler.dense.weight"].T + tensors["pooler.dense.bias"]
    inner = np.maximum(inner, 0) if kind == "distilbert" else np.tanh(inner)
    logits: Floats = inner @ tensors["classifier.weight"].T + tensors["classifier.bias"]
    return logits


def _named(kind: str, tensors: dict[str, Floats]) -> dict[str, Floats]:
    """Return the tensors under the family's own names."""
    if kind == "bert":
        return {_prefixed(name, "bert."): values for name, values in tensors.items()}
    if kind == "distilbert":
        named = {_distil(name): v for name, v in tensors.items() if "token_type" not in name}
        return {_prefixed(name, "distilbert."): values for name, values in named.items()}
    heads = {"pooler.dense": "classifier.dense", "classifier": "classifier.out_proj"}
    named = {}
    for name, values in tensors.items():
        layer, _, part = name.rpartition(".")
        named[f"{heads.get(layer, layer)}.{part}"] = values
    positions = named["embeddings.position_embeddings.weight"]
    unused = np.full((_PADDING + 1, WIDTH), 99, dtype=np.float32)
    named["embeddings.position_embeddings.weight"] = np.concatenate([unused, positions])
    return {_prefixed(name, "roberta."): values for name, values in named.items()}


def _distil(name: str) -> str:
    for theirs, own in _DISTIL:
        name = name.replace(theirs, own)
    return name.replace("pooler.dense", "pre_classifier")


def _prefixed(name: str, prefix: str) -> str:
    return name if name.startswith(("classifier", "pre_classifier")) else f"{prefix}{name}"


def _change_config(
    folder: Path, kind: str, labels: Sequence[str], changes: dict[str, object]
) -> None:
    path = folder / "config.json"
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    config["model_type"] = kind
    config["id2label"] = {str(number): label for number, label in enumerate(labels)}
    config["pad_token_id"] = _PADDING
    if kind == "distilbert":
        gone = ("hidden_size", "num_hidden_layers", "num_attention_heads", "hidden_act")
        config = {name: value for name, value in config.items() if name not in gone}
        config |= _DISTIL_CONFIG
    elif kind != "bert":
        config["max_position_embeddings"] = LONGEST + _PADDING + 1
    path.write_text(json.dumps(config | changes), encoding="utf-8")
