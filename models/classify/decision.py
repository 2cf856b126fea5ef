"""From logits to a label: temperature, softmax or sigmoid, and ``unsure`` instead of a guess."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from models.classify.zeroshot import UNSURE, softmax
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Sequence

Doubles: TypeAlias = npt.NDArray[np.float64]

_NOT_ABOVE = 60.0  # exp of more is of no use to a probability


@dataclass(frozen=True, slots=True)
class Decision:
    """How a classifier's logits are read.

    Attributes:
        labels: in the order of the columns of the logits.
        temperature: divides the logits; fitted on labelled documents (Guo et al., 2017).
        unsure_below: documents whose best probability is lower are labelled ``unsure``.
        multi_label: each label is a question of its own (sigmoid) instead of one choice (softmax).

    Raises:
        Misconfigured: there are no labels, two have one name, or one is called ``unsure``.
    """

    labels: tuple[str, ...]
    temperature: float = 1.0
    unsure_below: float = 0.0
    multi_label: bool = False

    def __post_init__(self) -> None:
        if not self.labels or UNSURE in self.labels or len(set(self.labels)) < len(self.labels):
            raise Misconfigured(
                f"a classifier's labels must differ, and none may be called {UNSURE!r}: "
                f"{', '.join(self.labels) or 'it has none'}"
            )

    def probabilities(self, logits: Doubles) -> Doubles:
        """Return the probability of each label, shape ``(documents, labels)``."""
        scaled = logits / self.temperature
        if not self.multi_label:
            return softmax(scaled)
        probabilities: Doubles = 1 / (1 + np.exp(np.minimum(-scaled, _NOT_ABOVE)))
        return probabilities

    def choose(self, probabilities: Doubles) -> list[tuple[str, float]]:
        """Return each document's label, or ``unsure``, and the best label's probability."""
        best = probabilities.argmax(axis=1)
        confidence = probabilities[np.arange(len(best)), best].tolist()
        return [
            (self.labels[index] if value >= self.unsure_below else UNSURE, value)
            for index, value in zip(best.tolist(), confidence, strict=True)
        ]


def labels_of(config: dict[str, object], count: int) -> tuple[str, ...]:
    """Return the labels that a config.json names, in the order of its head's outputs.

    Args:
        config: the model's config.json.
        count: how many outputs the head has.

    Raises:
        Misconfigured: it names another number of labels.
    """
    named = config.get("id2label")
    if not isinstance(named, dict):
        return tuple(f"LABEL_{number}" for number in range(count))
    labels = tuple(str(named[key]) for key in sorted(named, key=int))
    if len(labels) != count:
        raise Misconfigured(f"config.json names {len(labels)} labels, but the head has {count}")
    return labels


def index_of(labels: Sequence[str], begins: str) -> int | None:
    """Return where the label that begins so stands, in any case; None where there is none."""
    found = [at for at, label in enumerate(labels) if label.lower().startswith(begins)]
    return found[0] if len(found) == 1 else None
