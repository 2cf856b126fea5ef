"""From a plugged classifier and labelled documents to its temperature."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from models.classify.calibration import expected_calibration_error, least_confidence
from models.classify.training import RIGHT_SHARE, fitted_temperature
from models.plugging import Machine, classifier_in
from models.registry import Registry
from models.temperature import store_temperature
from streams.cli import inputs as options
from streams.cli.labelled import USUAL, named_labels
from streams.cli.progress import counting
from streams.errors import Misconfigured
from streams.ports import Text
from streams.readers import Columns, Found
from streams.runtime.parts import labels_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from models.classify.decision import Decision
    from models.classify.nli import NliClassifier
    from models.classify.sequence import SequenceClassifier
    from schemas.messages import Document
    from streams.config import Settings

    Doubles = npt.NDArray[np.float64]

_LEAST = 20
_BATCH = 32
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user asked for."""

    name: str
    file: str
    text_column: str | None
    title_column: str | None
    label_column: str | None
    separator: str | None
    limit: int | None


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The temperature, the threshold it suggests, and figures before and after."""

    temperature: float
    unsure_below: float
    before: dict[str, float]
    after: dict[str, float]
    written: tuple[Path, ...]

    def report(self) -> dict[str, Any]:
        """Return all figures."""
        return {
            "temperature": self.temperature,
            "unsure_below": self.unsure_below,
            "before": self.before,
            "after": self.after,
        }


def calibrated(settings: Settings, wanted: Wanted) -> Calibrated:
    """Fit the temperature and write it into the model's own entry.

    Raises:
        Misconfigured: the model is no classifier, or the documents' labels are not its own.
    """
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    folder = Registry(settings.data).pull(wanted.name).folder
    machine = Machine(settings.device, settings.compute_type, settings.threads)
    classifier = classifier_in(folder, machine, labels_of(settings), settings.unsure_below)
    documents, named = _labelled(wanted)
    truth = truth_of(named, classifier.decision)
    logits = _logits(classifier, documents)
    multi = classifier.decision.multi_label
    temperature = fitted_temperature(logits, truth, multi_label=multi)
    before = figures(classifier.decision, logits, truth)
    after, unsure_below = cross_fitted(classifier.decision, logits, truth)
    written = store_temperature(folder, folder.parent / "manifest.toml", temperature)
    after = {**after, "temperature": temperature}
    return Calibrated(temperature, unsure_below, before, after, tuple(written))


def cross_fitted(
    decision: Decision, logits: Doubles, truth: Doubles
) -> tuple[dict[str, float], float]:
    """Return figures of each half under the other half's temperature, and where doubt begins."""
    halves = np.arange(len(truth)) % 2
    scaled = np.empty_like(logits)
    for half in (0, 1):
        other = halves != half
        fitted = fitted_temperature(logits[other], truth[other], multi_label=decision.multi_label)
        scaled[~other] = logits[~other] / fitted
    plain = replace(decision, temperature=1.0)
    probabilities = plain.probabilities(scaled)
    least = least_confidence(probabilities.max(axis=1), _right(probabilities, truth), RIGHT_SHARE)
    return figures(plain, scaled, truth), least


def figures(decision: Decision, logits: Doubles, truth: Doubles) -> dict[str, float]:
    """Return accuracy of the best label, mean confidence, calibration error and log-loss."""
    found = decision.probabilities(logits)
    right = _right(found, truth)
    confidence = found.max(axis=1)
    # As one label that is right or wrong, so that several true labels do not matter.
    pairs = np.stack([confidence, np.zeros_like(confidence)], axis=1)
    inside = np.clip(found, _TINY, 1 - _TINY)
    own = truth * np.log(inside)
    other = (1 - truth) * np.log(1 - inside) if decision.multi_label else 0.0
    return {
        "temperature": decision.temperature,
        "documents": len(truth),
        "accuracy": float(right.mean()),
        "confidence": float(confidence.mean()),
        "calibration_error": expected_calibration_error(pairs, np.where(right, 0, 1)),
        "log_loss": float(-(own + other).sum(axis=1).mean()),
    }


def truth_of(named: Sequence[Sequence[str]], decision: Decision) -> Doubles:
    """Return 1 for a document's own labels, shape ``(documents, labels)``; capitals do not count.

    Raises:
        Misconfigured: a label is not one of the classifier's, or there are too few documents.
    """
    if len(named) < _LEAST:
        raise Misconfigured(f"{len(named)} labelled documents: at least {_LEAST} are needed")
    at = {label.casefold(): number for number, label in enumerate(decision.labels)}
    strange = sorted({label for labels in named for label in labels if label.casefold() not in at})
    if strange:
        raise Misconfigured(
            f"the classifier has no label {strange[0]!r}; it has {', '.join(decision.labels)}"
        )
    truth = np.zeros((len(named), len(at)))
    for row, labels in enumerate(named):
        truth[row, [at[label.casefold()] for label in labels]] = 1
    return truth


def _right(probabilities: Doubles, truth: Doubles) -> npt.NDArray[np.bool_]:
    own: npt.NDArray[np.bool_] = truth[np.arange(len(truth)), probabilities.argmax(axis=1)] > 0
    return own


def _labelled(wanted: Wanted) -> tuple[list[Document], list[list[str]]]:
    lists = (wanted.label_column,) if wanted.label_column else USUAL
    columns = Columns(wanted.text_column, wanted.title_column, None, None, None, "labelled", lists)
    with options.documents([wanted.file], columns, wanted.limit, "reading") as rows:
        found = list(rows)
    documents = [row.document for row in found if isinstance(row, Found)]
    if not documents:
        reason = f": {found[0]}" if found else ""
        raise Misconfigured(f"{wanted.file} has no document{reason}")
    named = named_labels(wanted.file, documents, wanted.label_column, wanted.separator)
    kept = [number for number, labels in enumerate(named) if labels]
    return [documents[number] for number in kept], [named[number] for number in kept]


def _logits(
    classifier: SequenceClassifier | NliClassifier, documents: Sequence[Document]
) -> Doubles:
    texts = [Text(document.title or "", document.text) for document in documents]
    parts = []
    with counting("classifying", len(texts)) as progress:
        for start in range(0, len(texts), _BATCH):
            parts.append(classifier.logits(classifier.tokenize(texts[start : start + _BATCH])))
            progress(start + _BATCH)
    return np.concatenate(parts)
