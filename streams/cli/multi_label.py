"""Figures of labels of which a document may have several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import typer

from streams.cli._output import Format, write
from streams.cli.eval_classify import reliability, some_of
from streams.cli.labelled import named_labels
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.messages import Enriched

    Doubles = npt.NDArray[np.float64]

_HALF = 0.5
_COLUMNS = (
    ("label", "String"),
    ("documents", "UInt64"),
    ("precision", "Float64"),
    ("recall", "Float64"),
    ("f1", "Float64"),
    ("missed", "UInt64"),
    ("false", "UInt64"),
)


def multi_figures(labels: Sequence[str], probabilities: Doubles, truth: Doubles) -> dict[str, Any]:
    """Return F1 of each label, over all, exact matches and calibration.

    A label is given at a probability of a half and more; calibration is over all pairs of a
    document and a label.

    Args:
        labels: names.
        probabilities: shape ``(documents, labels)``.
        truth: 1 for a document's own labels, else 0; same shape.
    """
    given, own = probabilities >= _HALF, truth > 0
    rows = [_label(name, given[:, at], own[:, at]) for at, name in enumerate(labels)]
    hits = int((given & own).sum())
    bins = reliability(probabilities.ravel(), own.ravel())
    pairs = probabilities.size
    return {
        "documents": len(truth),
        "accuracy": float((given == own).all(axis=1).mean()),
        "macro_f1": float(np.mean([row["f1"] for row in rows])),
        "micro_f1": 2 * hits / max(1, int(given.sum() + own.sum())),
        "calibration_error": sum(
            each["documents"] * abs(each["confidence"] - each["accuracy"]) for each in bins
        )
        / pairs,
        "labels": rows,
        "confusion": {row["label"]: row["confusion"] for row in rows},
        "reliability": bins,
    }


def several_labels(
    file: str, documents: Sequence[Enriched], column: str, separator: str | None
) -> dict[str, Any] | None:
    """Return the figures of documents that may have several labels; None where each has one.

    Raises:
        Misconfigured: a label is no class of the classifier.
    """
    if not any(column in document.metadata for document in documents):
        return None  # what is the matter is told where one label is looked for
    named = named_labels(file, documents, column, separator)
    if separator is None and all(len(names) < 2 for names in named):  # noqa: PLR2004 - no two
        return None
    kept = [(one, names) for one, names in zip(documents, named, strict=True) if names]
    labels = sorted(documents[0].scores)
    if others := {name for names in named for name in names} - set(labels):
        raise Misconfigured(
            f"{some_of(others)} in {column!r} is no class of the classifier: it has "
            f"{some_of(labels)}"
        )
    probabilities = np.array([[one.scores[label] for label in labels] for one, _ in kept])
    truth = np.array([[float(label in names) for label in labels] for _, names in kept])
    return {**multi_figures(labels, probabilities, truth), "left_out": len(named) - len(kept)}


def show_multi(found: dict[str, Any], how: Format) -> None:
    """Write the figures: a row for each label, and in a table one for each tenth too."""
    title = (
        f"{found['documents']:,} documents: all labels right {found['accuracy']:.3f}, macro-F1 "
        f"{found['macro_f1']:.3f}, micro-F1 {found['micro_f1']:.3f}"
    )
    names, types = zip(*_COLUMNS, strict=True)
    rows = [[label[name] for name in names] for label in found["labels"]]
    write(names, rows, how, title=title, types=types)
    if how is not Format.TABLE:
        return
    typer.echo("")
    names = ("from", "to", "documents", "confidence", "accuracy")
    rows = [[each[name] for name in names] for each in found["reliability"]]
    title = f"reliability of pairs of document and label: error {found['calibration_error']:.3f}"
    write(names, rows, Format.TABLE, title=title, types=["Float64"] * len(names))


def _label(name: str, given: npt.NDArray[np.bool_], own: npt.NDArray[np.bool_]) -> dict[str, Any]:
    hits, false, missed = (int(each.sum()) for each in (given & own, given & ~own, ~given & own))
    return {
        "label": name,
        "documents": hits + missed,
        "precision": round(hits / max(1, hits + false), 4),
        "recall": round(hits / max(1, hits + missed), 4),
        "f1": round(2 * hits / max(1, 2 * hits + false + missed), 4),
        "missed": missed,
        "false": false,
        "confusion": {
            "given": hits,
            "missed": missed,
            "false": false,
            "rightly_not_given": len(own) - hits - false - missed,
        },
    }
