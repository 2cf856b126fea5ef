"""Training a head: regularisation, temperature and ``unsure`` from documents that it did not see.

Every document is scored by a model that was trained without its fold. From these scores the
strength of the regularisation (least negative log-likelihood), the temperature (Guo et al., 2017)
and the least confidence are chosen; what is reported of a fold was chosen without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from models.classify.calibration import least_confidence, least_temperature
from models.classify.decision import Decision
from models.classify.logistic import fit_path, sigmoid
from models.classify.zeroshot import softmax

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.classify.logistic import Doubles, Linear

STRENGTHS: tuple[float, ...] = tuple(10.0 ** (-power / 2) for power in range(2, 9))
"""Of the regularisation, strong to weak."""

FOLDS = 5
RIGHT_SHARE = 1 / 3
"""Below it a label would be wrong more than twice as often as right, and is ``unsure``."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What cross-validation chose.

    Attributes:
        strength: index into ``STRENGTHS``.
        temperature: divides the logits.
        unsure_below: least confidence that a label is given at.
    """

    strength: int
    temperature: float
    unsure_below: float


@dataclass(frozen=True, slots=True)
class Trained:
    """A head, and the probabilities of documents that it was not trained on.

    Attributes:
        linear: fitted to all documents.
        held_out: probabilities by models that did not see the document, with everything chosen
            without its fold; shape ``(documents, labels)``.
        least: ``unsure_below`` as it was chosen without each document's fold, shape
            ``(documents,)``.
    """

    linear: Linear
    chosen: Chosen
    held_out: Doubles
    least: Doubles

    @property
    def l2(self) -> float:
        """Strength of the regularisation."""
        return float(STRENGTHS[self.chosen.strength])


def folds(truth: Doubles, seed: int) -> npt.NDArray[np.int64]:
    """Return the fold of each document, the labels spread evenly over the folds.

    Args:
        truth: 1 for a document's own labels; shape ``(documents, labels)``.
        seed: of the order.
    """
    order = np.random.default_rng(seed).permutation(len(truth))
    # Documents with the same labels stand together, so that each fold gets its share of them.
    _, kind = np.unique(truth[order], axis=0, return_inverse=True)
    together = order[np.argsort(kind.reshape(-1), kind="stable")]
    found = np.empty(len(truth), dtype=np.int64)
    found[together] = np.arange(len(truth)) % FOLDS
    return found


def train(
    documents: Doubles,
    truth: Doubles,
    *,
    multi_label: bool,
    right_share: float = RIGHT_SHARE,
    seed: int = 0,
    progress: Callable[[int], None] = lambda done: None,  # noqa: ARG005 - tells nobody
) -> Trained:
    """Choose by cross-validation, then fit all documents.

    Args:
        documents: unit vectors, shape ``(documents, dimensions)``.
        truth: 1 for a document's own labels, else 0; shape ``(documents, labels)``.
        multi_label: each label is a question of its own.
        right_share: the least sure documents that still get a label are right so often.
        seed: of the folds.
        progress: told how many of ``FOLDS + 1`` fits are done.
    """
    fold = folds(truth, seed)
    logits = np.empty((len(STRENGTHS), *truth.shape))
    for number in range(FOLDS):
        seen = fold != number
        path = fit_path(documents[seen], truth[seen], STRENGTHS, multi_label=multi_label)
        for strength, linear in enumerate(path):
            logits[strength, ~seen] = linear.logits(documents[~seen])
        progress(number + 1)
    chosen = _choose(logits, truth, multi_label=multi_label, right_share=right_share)
    held_out, least = np.empty_like(truth), np.empty(len(truth))
    for number in range(FOLDS):
        own = fold == number
        without = _choose(
            logits[:, ~own], truth[~own], multi_label=multi_label, right_share=right_share
        )
        scaled = logits[without.strength, own] / without.temperature
        held_out[own] = sigmoid(scaled) if multi_label else softmax(scaled)
        least[own] = without.unsure_below
    *_, linear = fit_path(
        documents, truth, STRENGTHS[: chosen.strength + 1], multi_label=multi_label
    )
    progress(FOLDS + 1)
    return Trained(linear, chosen, held_out, least)


def decision_of(trained: Trained, labels: Sequence[str], *, multi_label: bool) -> Decision:
    """Return how the head's logits are read."""
    chosen = trained.chosen
    return Decision(tuple(labels), chosen.temperature, chosen.unsure_below, multi_label=multi_label)


def _choose(logits: Doubles, truth: Doubles, *, multi_label: bool, right_share: float) -> Chosen:
    # Each strength is judged at its own best temperature: a strong one is right more often and
    # merely too modest, which the temperature mends.
    temperatures = [fitted_temperature(each, truth, multi_label=multi_label) for each in logits]
    scaled = logits / np.array(temperatures)[:, None, None]
    strength = int(np.argmin([_loss(each, truth, multi_label=multi_label) for each in scaled]))
    probabilities = sigmoid(scaled[strength]) if multi_label else softmax(scaled[strength])
    right = truth[np.arange(len(truth)), probabilities.argmax(axis=1)] > 0
    least = least_confidence(probabilities.max(axis=1), right, right_share)
    return Chosen(strength, temperatures[strength], least)


def fitted_temperature(logits: Doubles, truth: Doubles, *, multi_label: bool) -> float:
    """Return the temperature of least loss on documents that the logits' model had not seen.

    The truth is smoothed by one document of each kind, as Platt proposed ("Probabilistic Outputs
    for Support Vector Machines", 1999): a few documents that are all right prove no certainty.

    Args:
        logits: shape ``(documents, labels)``.
        truth: 1 for a document's own labels, else 0; same shape.
        multi_label: sigmoids instead of one softmax.
    """
    kinds = 2 if multi_label else truth.shape[1]
    smooth = (len(truth) * truth + 1) / (len(truth) + kinds)
    return least_temperature(lambda value: _loss(logits / value, smooth, multi_label=multi_label))


def _loss(logits: Doubles, truth: Doubles, *, multi_label: bool) -> float:
    """Return the mean negative log-likelihood, from logits, so that nothing over- or underflows."""
    if multi_label:
        return float((np.logaddexp(0, logits) - truth * logits).mean())
    top = logits.max(axis=1)
    whole = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
    return float((whole - (truth * logits).sum(axis=1)).mean())
