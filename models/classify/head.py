"""A trained head: labels from the document's embedding, in the same pass."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from models.card import read_card
from models.classify.decision import Decision
from models.classify.logistic import Linear
from models.convert.tensors import read_tensors
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

    from models.classify.logistic import Doubles
    from models.manifest import PinnedModel

TASK = "head"
WEIGHTS_FILE, NOTES_FILE = "head.safetensors", "head.json"
_REVISION = 8  # characters of a revision that people are shown


@dataclass(frozen=True, slots=True)
class Notes:
    """What a head is, beside its weights.

    Attributes:
        labels: in the order of the weights' columns.
        multi_label: each label is a question of its own.
        temperature: divides the logits.
        unsure_below: least confidence that a label is given at.
        l2: strength of the regularisation.
        embedding_model: whose embeddings it reads; at this revision and of these dimensions.
        compute_type: of that model, when the head was trained.
        documents: that it was trained on.
        trained_on: sha256 of their file.
        held_out: figures on documents that the models they speak of had not seen.
    """

    labels: tuple[str, ...]
    multi_label: bool
    temperature: float
    unsure_below: float
    l2: float
    embedding_model: str
    embedding_revision: str
    dimensions: int
    compute_type: str
    documents: int
    trained_on: str = ""
    held_out: Mapping[str, Any] = field(default_factory=dict)


class EmbeddingHead:
    """Labels documents by their embeddings; immutable, safe to use from several threads.

    Args:
        linear: embeddings to logits.
        decision: labels, and how logits are read.
        method: what rows say of it.
    """

    def __init__(self, linear: Linear, decision: Decision, method: str = TASK) -> None:
        self._linear = linear
        self.decision = decision
        self.method = method

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the labels, in the order of the columns of ``probabilities``."""
        return self.decision.labels

    def probabilities(self, documents: npt.NDArray[np.float32]) -> Doubles:
        """Return the probability of each label, shape ``(documents, labels)``.

        Args:
            documents: unit vectors, shape ``(documents, dimensions)``.
        """
        return self.decision.probabilities(self._linear.logits(documents))

    def choose(self, probabilities: Doubles) -> list[tuple[str, float]]:
        """Return each document's label, or ``unsure``, and the best label's probability."""
        return self.decision.choose(probabilities)


def write_head(folder: Path, linear: Linear, notes: Notes) -> None:
    """Write weights and notes into a folder."""
    from safetensors.numpy import save_file  # noqa: PLC0415 - only where a head is trained

    tensors = {
        "weight": np.ascontiguousarray(linear.weights.astype(np.float32)),
        "bias": linear.bias.astype(np.float32),
    }
    save_file(tensors, folder / WEIGHTS_FILE)
    text = json.dumps(asdict(notes), indent=2, ensure_ascii=False)
    (folder / NOTES_FILE).write_text(text + "\n", encoding="utf-8")


def read_notes(folder: Path) -> Notes:
    """Return what a head's folder says of it.

    Raises:
        Misconfigured: it cannot be read.
    """
    path = folder / NOTES_FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Notes(**{**found, "labels": tuple(map(str, found["labels"]))})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Misconfigured(f"cannot read {path} ({error}); {_again(folder.name)}") from error


def load_head(
    folder: Path, embedding: PinnedModel, *, unsure_below: float | None = None
) -> EmbeddingHead:
    """Read a head that ``tidemark models train-classifier`` wrote.

    Args:
        folder: the head's, as the registry verified it.
        embedding: the model whose embeddings it will be given.
        unsure_below: instead of the head's own, if not None.

    Raises:
        Misconfigured: it reads another model's embeddings, or cannot be read.
    """
    notes, name = read_notes(folder), folder.name
    wanted = (notes.embedding_model, notes.embedding_revision)
    if wanted != (embedding.name, embedding.revision):
        raise Misconfigured(
            f"TIDEMARK_CLASSIFIER={name} was trained on the embeddings of {_named(*wanted)}, but "
            f"TIDEMARK_MODEL is {_named(embedding.name, embedding.revision)}; {_again(name)}"
        )
    tensors = read_tensors(folder / WEIGHTS_FILE)
    shapes = {key: tensors[key].shape for key in tensors}
    expected = {"weight": (notes.dimensions, len(notes.labels)), "bias": (len(notes.labels),)}
    if shapes != expected:
        raise Misconfigured(f"the tensors of {folder / WEIGHTS_FILE} do not fit; {_again(name)}")
    card = read_card(folder)
    decision = Decision(
        notes.labels,
        notes.temperature,
        notes.unsure_below if unsure_below is None else unsure_below,
        multi_label=notes.multi_label,
    )
    linear = Linear(tensors["weight"].astype(np.float64), tensors["bias"].astype(np.float64))
    return EmbeddingHead(linear, decision, f"{TASK} {_named(name, card.revision if card else '')}")


def _named(name: str, revision: str) -> str:
    return f"{name}@{revision[:_REVISION]}"


def _again(name: str) -> str:
    return f"train it again: tidemark models train-classifier labelled.csv --name {name}"
