"""Safetensors to CTranslate2 with NumPy alone: PyTorch is not needed, and nothing is unpickled."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

from models.convert import bert
from models.convert.tensors import read_tensors
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from models.convert.tensors import Tensors

Build: TypeAlias = "Callable[[Mapping[str, Any], Tensors], Any]"

ARCHITECTURES: Mapping[str, Build] = {"bert": bert.build}
"""How to lay out a model, by the ``model_type`` of its config.json; add an encoder here."""

QUANTIZATION = "int8"
"""Stored type of the weights; CTranslate2 converts it to the compute type when it loads."""


def convert(source: Path, weights: str, target: Path) -> None:
    """Write ``model.bin``, ``config.json`` and ``vocabulary.json`` into ``target``.

    Args:
        source: folder with config.json, tokenizer.json and the weights.
        weights: file name of the weights.
        target: folder to create.

    Raises:
        Misconfigured: the weights are a pickle, or the architecture is not known.
    """
    tensors = read_tensors(source / weights)
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    build = ARCHITECTURES.get(config.get("model_type", ""))
    if build is None:
        raise Misconfigured(
            f"cannot convert architecture {config.get('model_type')!r}; "
            f"known: {', '.join(sorted(ARCHITECTURES))}"
        )
    spec = build(config, tensors)
    spec.register_vocabulary(_vocabulary(source, int(config["vocab_size"])))
    spec.validate()
    spec.optimize(quantization=QUANTIZATION)
    target.mkdir(parents=True)
    spec.save(str(target))


def _vocabulary(source: Path, size: int) -> list[str]:
    """Return the tokens in the order of their ids, filled up to the size of the embedding."""
    document = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
    ids: dict[str, int] = document["model"]["vocab"]
    tokens = {number: token for token, number in ids.items()}
    return [tokens.get(number, f"<extra_id_{number}>") for number in range(size)]
