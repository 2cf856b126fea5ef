"""Classification heads: what stands on an encoder's first token.

All of them are two layers, ``out(activation(dense(first token)))``: BERT's pooler with tanh and its
classifier, DistilBERT's ``pre_classifier`` with ReLU and its classifier, RoBERTa's ``dense`` with
tanh and ``out_proj``. They stay in float32: they are thousandths of the work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.convert.tensors import read_tensors, tensor_notes
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from pathlib import Path

    from models.convert.tensors import Floats, Tensors

HEAD_FILE = "head.safetensors"

_LAYOUTS = (
    ("classifier.dense", "tanh", "classifier.out_proj"),
    ("pre_classifier", "relu", "classifier"),
    ("pooler.dense", "tanh", "classifier"),
)


@dataclass(frozen=True, slots=True)
class Head:
    """A head's weights.

    Attributes:
        dense: weight ``(dimensions, dimensions)`` and bias ``(dimensions,)``.
        activation: ``tanh`` or ``relu``.
        out: weight ``(labels, dimensions)`` and bias ``(labels,)``.
    """

    dense: tuple[Floats, Floats]
    activation: str
    out: tuple[Floats, Floats]

    @property
    def labels(self) -> int:
        """How many labels it tells apart."""
        return len(self.out[0])

    def logits(self, first: Floats) -> Floats:
        """Return the logits, shape ``(documents, labels)``.

        Args:
            first: hidden state of each document's first token, ``(documents, dimensions)``.
        """
        inner = _affine(first, self.dense)
        inner = np.tanh(inner) if self.activation == "tanh" else np.maximum(inner, 0)
        return _affine(inner, self.out)


def find(tensors: Tensors) -> Head | None:
    """Return the head among an encoder's tensors, or None where there is none.

    Args:
        tensors: without the encoder's prefix.
    """
    for dense, activation, out in _LAYOUTS:
        names = [f"{layer}.{part}" for layer in (dense, out) for part in ("weight", "bias")]
        if all(name in tensors for name in names):
            # Copies: CTranslate2 quantizes in place, and BERT's pooler is its encoder's too.
            values = [tensors[name].copy() for name in names]
            return Head((values[0], values[1]), activation, (values[2], values[3]))
    return None


def save(head: Head, folder: Path) -> None:
    """Write a head beside the encoder that it belongs to."""
    from safetensors.numpy import save_file  # noqa: PLC0415 - only where a model is converted

    parts = {"dense": head.dense, "out": head.out}
    tensors = {
        f"{name}.{kind}": np.ascontiguousarray(values)
        for name, pair in parts.items()
        for kind, values in zip(("weight", "bias"), pair, strict=True)
    }
    save_file(tensors, folder / HEAD_FILE, metadata={"activation": head.activation})


def load(folder: Path) -> Head:
    """Read the head of a converted classifier.

    Raises:
        Misconfigured: there is none, or it is not one that ``save`` wrote.
    """
    path = folder / HEAD_FILE
    if not path.is_file():
        raise Misconfigured(
            f"{folder} has no classification head ({HEAD_FILE}); convert a sequence classifier: "
            "tidemark models convert FOLDER"
        )
    tensors, activation = read_tensors(path), tensor_notes(path).get("activation", "")
    try:
        dense, out = (
            (tensors[f"{name}.weight"], tensors[f"{name}.bias"]) for name in ("dense", "out")
        )
    except KeyError as error:
        raise Misconfigured(f"{path} lacks the tensor {error}") from error
    if activation not in ("tanh", "relu"):
        raise Misconfigured(f"{path} has the unknown activation {activation!r}")
    return Head(dense, activation, out)


def _affine(values: Floats, layer: tuple[Floats, Floats]) -> Floats:
    weight, bias = layer
    # einsum gives each row the same bits whatever rows stand beside it; BLAS does not promise that.
    product: Floats = np.einsum("ij,kj->ik", values, weight, optimize=False) + bias
    return product
