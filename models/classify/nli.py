"""Zero-shot labels by natural-language inference: does the document entail "this is about X"?

Source: Yin et al., "Benchmarking Zero-shot Text Classification", 2019. One forward pass per label
and document: as many times dearer than the one-pass labels as there are labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.classify.decision import Decision, index_of
from models.classify.sequence import beginning
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from models.classify.decision import Doubles
    from models.classify.sequence import Rows, SequenceModel
    from streams.ports import Text

HYPOTHESIS = "This text is about {}."


class NliClassifier:
    """Labels documents by a model of natural-language inference.

    With one choice among labels, their entailment logits compete in a softmax; where several may
    hold, each is decided against its contradiction.

    Args:
        model: encoder and head, one of whose labels is called entailment.
        labels: label -> one-line description; the label stands in the hypothesis.
        temperature: of the softmax.
        unsure_below: documents whose best probability is lower are labelled ``unsure``.
        multi_label: whether several labels may hold.

    Raises:
        Misconfigured: the model is none of inference, or the labels cannot be used.
    """

    method = "zero-shot inference"

    def __init__(
        self,
        model: SequenceModel,
        labels: Mapping[str, str],
        *,
        temperature: float,
        unsure_below: float,
        multi_label: bool = False,
    ) -> None:
        self._model = model
        self.decision = Decision(tuple(labels), temperature, unsure_below, multi_label=multi_label)
        entails = index_of(model.labels, "entail")
        if entails is None:
            raise Misconfigured(
                "a model of inference has one label that begins with 'entail'; this one has: "
                f"{', '.join(model.labels)}"
            )
        against = index_of(model.labels, "contradict")
        self._entails = entails
        self._against = index_of(model.labels, "not") if against is None else against
        if multi_label and self._against is None:
            raise Misconfigured("several labels at a time need a model with a label contradiction")

    def tokenize(self, texts: Sequence[Text]) -> Rows:
        """Tokenize each document with each hypothesis, documents one after another."""
        hypotheses = [HYPOTHESIS.format(label) for label in self.decision.labels]
        premises = [beginning(item, self._model.max_tokens) for item in texts]
        return self._model.rows([(one, other) for one in premises for other in hypotheses])

    def logits(self, rows: Rows) -> Doubles:
        """Return the logit of each label, shape ``(documents, labels)``."""
        found = self._model.logits(rows)
        entailed = found[:, self._entails]
        if self.decision.multi_label and self._against is not None:
            entailed = entailed - found[:, self._against]
        shaped: Doubles = np.ascontiguousarray(entailed.reshape(-1, len(self.decision.labels)))
        return shaped
