"""Conversion lays the weights out as the architecture says, and never unpickles."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.convert import convert
from models.encoder import SentenceEncoder
from models.registry import WEIGHTS_FOLDER
from streams.errors import Misconfigured
from tests.support.tiny_model import (
    VOCABULARY,
    WEIGHTS,
    Floats,
    bert_forward,
    tiny_tensors,
    write_tiny_model,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("compute_type", "least"), [("float32", 0.9999), ("int8", 0.98)])
def test_converted_weights_compute_bert(tmp_path: Path, compute_type: str, least: float) -> None:
    """Vectors equal those of BERT by the textbook, within the error of int8 weights."""
    tensors = write_tiny_model(tmp_path / "made")
    convert(tmp_path / "made", WEIGHTS, tmp_path / WEIGHTS_FOLDER)
    encoder = SentenceEncoder(tmp_path, device="cpu", compute_type=compute_type, threads=1)
    ids = [[2, 5, 40, 3], [2, *range(5, 30), 3], [2, 3]]
    rounded = {name: _as_int8(name, values) for name, values in tensors.items()}
    for row, vector in zip(ids, encoder.encode(ids), strict=True):
        expected = bert_forward(rounded, row).mean(axis=0)
        assert _cosine(vector, expected) >= least


def _as_int8(name: str, values: Floats) -> Floats:
    """Return what is left of a matrix after int8 by rows; vectors and positions stay."""
    if values.ndim == 1 or "position" in name:
        return values
    scale = 127 / np.abs(values).max(axis=1, keepdims=True)
    rounded: Floats = (np.rint(values * scale) / scale).astype(np.float32)
    return rounded


def _cosine(left: Floats, right: Floats) -> float:
    return float(left @ right / np.linalg.norm(left) / np.linalg.norm(right))


def test_names_with_a_prefix_are_the_same_model(tmp_path: Path) -> None:
    """Checkpoints that say ``bert.`` before every name convert to the same bytes."""
    from safetensors.numpy import save_file  # noqa: PLC0415

    write_tiny_model(tmp_path / "made")
    convert(tmp_path / "made", WEIGHTS, tmp_path / "plain")
    prefixed = {f"bert.{name}": values for name, values in tiny_tensors().items()}
    save_file(prefixed, tmp_path / "made" / WEIGHTS)
    convert(tmp_path / "made", WEIGHTS, tmp_path / "prefixed")
    plain, other = (tmp_path / name / "model.bin" for name in ("plain", "prefixed"))
    assert plain.read_bytes() == other.read_bytes()


def test_the_vocabulary_is_in_the_order_of_ids(tmp_path: Path) -> None:
    """CTranslate2 and the tokenizer mean the same token by the same id."""
    write_tiny_model(tmp_path / "made")
    convert(tmp_path / "made", WEIGHTS, tmp_path / "out")
    vocabulary = json.loads((tmp_path / "out/vocabulary.json").read_text(encoding="utf-8"))
    assert tuple(vocabulary) == VOCABULARY


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.pkl"])
def test_a_pickle_is_refused(tmp_path: Path, name: str) -> None:
    """The reason is given, and the file is not even opened."""
    with pytest.raises(Misconfigured, match="is a pickle, and reading a pickle runs"):
        convert(tmp_path, name, tmp_path / "out")


def test_broken_weights_are_refused(tmp_path: Path) -> None:
    """A file that is no safetensors file is named."""
    write_tiny_model(tmp_path / "made")
    (tmp_path / "made" / WEIGHTS).write_bytes(b"not tensors")
    with pytest.raises(Misconfigured, match="no readable safetensors file"):
        convert(tmp_path / "made", WEIGHTS, tmp_path / "out")


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    """Weights of another model do not convert to nonsense."""
    from safetensors.numpy import save_file  # noqa: PLC0415

    tensors = write_tiny_model(tmp_path / "made")
    del tensors["encoder.layer.1.output.dense.bias"]
    save_file(tensors, tmp_path / "made" / WEIGHTS)
    with pytest.raises(Misconfigured, match=r"encoder\.layer\.1\.output\.dense\.bias"):
        convert(tmp_path / "made", WEIGHTS, tmp_path / "out")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model_type": "gpt5"}, "cannot convert architecture 'gpt5'; known: bart, bert, "),
        ({"position_embedding_type": "relative_key"}, "absolute positions"),
        ({"hidden_act": "mish"}, "activation 'mish'"),
    ],
)
def test_what_cannot_be_converted_is_named(
    tmp_path: Path, change: dict[str, str], reason: str
) -> None:
    """An architecture outside the table is refused, not guessed at."""
    write_tiny_model(tmp_path / "made")
    path = tmp_path / "made/config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | change
    path.write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(Misconfigured, match=reason):
        convert(tmp_path / "made", WEIGHTS, tmp_path / "out")
