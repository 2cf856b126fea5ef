"""Figures of labels of which a document may have several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import typer

from streams.cli._output import Format, write
from streams.cli.eval_classify import reliability

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def show_multi(found: dict[str, Any]) -> None:
    """Write the figures as tables."""
    title = (
        f"{found['documents']:,} documents: all labels right {found['accuracy']:.3f}, macro-F1 "
        f"{found['macro_f1']:.3f}, micro-F1 {found['micro_f1']:.3f}"
    )
    names, types = zip(*_COLUMNS, strict=True)
    rows = [[label[name] for name in names] for label in found["labels"]]
    write(names, rows, Format.TABLE, title=title, types=types)
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
