"""Weights to CTranslate2: encoders with NumPy alone, generators through PyTorch where it is there.

Nothing is unpickled, whoever converts.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from models.convert import families, generators, heads
from models.convert.tensors import read_tensors, refuse_pickle
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

QUANTIZATION = "int8"
"""Stored type of the weights; CTranslate2 converts it to the compute type when it loads."""


def convert(
    source: Path, weights: str, target: Path, *, quantization: str | None = QUANTIZATION
) -> None:
    """Write a model that CTranslate2 runs into ``target``, and its head where it has one.

    Args:
        source: folder with config.json, tokenizer.json and the weights.
        weights: file name of the weights, or of their index where there are several.
        target: folder to create.
        quantization: stored type of the weights; None leaves them as they are.

    Raises:
        Misconfigured: the weights are a pickle, the architecture is not known, or it needs PyTorch
            and there is none.
    """
    refuse_pickle(source / weights)
    config = read_config(source)
    kind = str(config.get("model_type", ""))
    family = families.FAMILIES.get(kind)
    if family is None and kind in generators.ARCHITECTURES:
        generators.convert(source, weights, target, kind=kind, quantization=quantization)
        return
    if family is None:
        known = sorted({*families.FAMILIES, *generators.ARCHITECTURES})
        raise Misconfigured(
            f"cannot convert architecture {config.get('model_type')!r}; known: {', '.join(known)}"
        )
    spec, head = families.build(family, config, read_tensors(source / weights))
    spec.register_vocabulary(_vocabulary(source, int(config["vocab_size"])))
    spec.validate()
    spec.optimize(quantization=quantization)
    target.mkdir(parents=True)
    spec.save(str(target))
    if head is not None:
        heads.save(head, target)


def read_config(source: Path) -> dict[str, Any]:
    """Return a model's config.json.

    Raises:
        Misconfigured: there is none, or it is no JSON object.
    """
    try:
        config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Misconfigured(f"no readable config.json in {source}: {error}") from error
    if not isinstance(config, dict):
        raise Misconfigured(f"{source / 'config.json'} must hold a JSON object")
    return config


def _vocabulary(source: Path, size: int) -> list[str]:
    """Return the tokens in the order of their ids, filled up to the size of the embedding."""
    try:
        document = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Misconfigured(
            f"no readable tokenizer.json in {source} ({error}); a model comes with the file of its "
            "fast tokenizer"
        ) from error
    tokens = {number: token for token, number in _ids(document["model"]["vocab"]).items()}
    tokens |= {added["id"]: added["content"] for added in document.get("added_tokens", ())}
    return [tokens.get(number, f"<extra_id_{number}>") for number in range(size)]


def _ids(vocabulary: Mapping[str, int] | list[list[Any]]) -> dict[str, int]:
    """Return token -> id of a tokenizer's vocabulary; Unigram models list tokens with scores."""
    if isinstance(vocabulary, list):
        return {str(entry[0]): number for number, entry in enumerate(vocabulary)}
    return dict(vocabulary)
