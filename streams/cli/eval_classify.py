"""``tidemark eval classify``: how well the labels fit those that a person gave."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from models.classify import UNSURE
from streams.cli import inputs as options
from streams.cli import labelled_options as given
from streams.cli._output import Format, write
from streams.cli.eval_report import REPORT, write_report
from streams.config import load_settings
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from schemas.messages import Enriched

_BINS = 10
_COLUMNS = (
    ("label", "String"),
    ("documents", "UInt64"),
    ("precision", "Float64"),
    ("recall", "Float64"),
    ("f1", "Float64"),
    ("taken_for", "Array(String)"),
)
_BIN_COLUMNS = (
    ("from", "Float64"),
    ("to", "Float64"),
    ("documents", "UInt64"),
    ("confidence", "Float64"),
    ("accuracy", "Float64"),
)


@dataclass(frozen=True, slots=True)
class Judged:
    """One document: the true label, the one it was given, and the best with its probability."""

    truth: str
    given: str
    best: str
    confidence: float


def classify(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="Documents, in any form that `tidemark enrich` reads."),
    ],
    *,
    label_column: given.LABEL = None,
    label_separator: given.SEPARATOR = None,
    text_column: options.TEXT = None,
    title_column: options.TITLE = None,
    limit: options.LIMIT = None,
    report: REPORT = None,
    how: Annotated[Format, typer.Option("--format", "-f", help="How to write it.")] = Format.TABLE,
) -> None:
    """Show how often the labels are right, and whether their confidence can be believed.

    The documents run through the configured classifier (TIDEMARK_LABELS). `unsure` counts as wrong
    in the accuracy, and is told apart. Where a row has several labels, those with a probability of
    a half and more count as given.

    Example: `tidemark eval classify news.csv --label-column topic`
    """
    from streams.cli.evaluation_pool import PoolEnricher  # noqa: PLC0415 - keeps --help fast
    from streams.cli.labelled import USUAL, column_of_labels  # noqa: PLC0415
    from streams.cli.multi_label import several_labels, show_multi  # noqa: PLC0415
    from streams.readers import Columns  # noqa: PLC0415

    options.check_usage([file])
    lists = (label_column,) if label_column else USUAL
    columns = Columns(text_column, title_column, None, None, None, "evaluation", lists)
    documents = PoolEnricher(load_settings(), columns).read(file, "classifying", limit)
    column = label_column or column_of_labels(file, documents, None)
    several = several_labels(file, documents, column, label_separator)
    if several is not None:
        write_report(report, several)
        show_multi(several, how)
        return
    cases = judged(documents, column)
    found = figures(cases)
    write_report(report, found)
    show_figures(found, how)
    if note := strange(cases, documents[0].scores):
        typer.echo(note, err=True)


def strange(cases: Sequence[Judged], classes: Any) -> str:
    """Return what is to be said of true labels that the classifier cannot give."""
    others = [each.truth for each in cases if each.truth not in classes]
    if not others:
        return ""
    return (
        f"{len(others):,} documents have a label that is no class of the classifier "
        f"({some_of(others)}) and count as wrong: set TIDEMARK_LABELS to the file's labels"
    )


def show_figures(found: dict[str, Any], how: Format) -> None:
    """Write what ``figures`` found: a row for each label, and in a table one for each tenth too."""
    names, types = zip(*_COLUMNS, strict=True)
    rows = [[label[name] for name in names] for label in found["labels"]]
    write(names, rows, how, title=_title(found), types=types)
    if how is Format.TABLE:
        typer.echo("")
        names, types = zip(*_BIN_COLUMNS, strict=True)
        rows = [[each[name] for name in names] for each in found["reliability"]]
        write(names, rows, how, title=_calibration(found), types=types)


def _title(found: dict[str, Any]) -> str:
    return (
        f"{found['documents']:,} documents: accuracy {found['accuracy']:.3f}, macro-F1 "
        f"{found['macro_f1']:.3f}; {found['unsure']:.1%} unsure, accuracy of the others "
        f"{found['accuracy_when_sure']:.3f}"
    )


def _calibration(found: dict[str, Any]) -> str:
    return (
        f"reliability: expected calibration error {found['calibration_error']:.3f}, "
        f"mean confidence {found['confidence_mean']:.3f}"
    )


def judged(documents: Sequence[Enriched], column: str) -> list[Judged]:
    """Compare given labels with the column's; capitals and spaces around do not count.

    Raises:
        Misconfigured: there are no documents, one has no label, or no label is one of the classes.
    """
    if not documents:
        raise Misconfigured("the file has no documents")
    classes = {name.strip().casefold(): name for name in documents[0].scores}
    found: list[Judged] = []
    for document in documents:
        truth = document.metadata.get(column, "").strip()
        if not truth:
            raise Misconfigured(
                f"document {document.doc_id} has no {column!r}: --label-column must name a column "
                "that every row fills"
            )
        best = max(document.scores, key=lambda label: document.scores[label])
        truth = classes.get(truth.casefold(), truth)
        found.append(Judged(truth, document.label, best, document.confidence))
    if not {each.truth for each in found} & set(classes.values()):
        raise Misconfigured(
            f"no label of {column!r} is a class: it has "
            f"{some_of(each.truth for each in found)}, the classifier {some_of(classes.values())}; "
            "set TIDEMARK_LABELS to the file's labels"
        )
    return found


def some_of(labels: Any) -> str:
    """Return the first of some labels, in quotes."""
    names = sorted(set(labels))
    return ", ".join(map(repr, names[:5])) + (", ..." if len(names) > 5 else "")  # noqa: PLR2004


def figures(documents: Sequence[Judged]) -> dict[str, Any]:
    """Return accuracy, macro-F1 over the true labels, confusion, calibration and share unsure."""
    import numpy as np  # noqa: PLC0415 - keeps --help fast

    right = [each.truth == each.given for each in documents]
    sure = [each.truth == each.given for each in documents if each.given != UNSURE]
    labels = [_label(name, documents) for name in sorted({each.truth for each in documents})]
    confidence = np.array([each.confidence for each in documents])
    best = np.array([each.truth == each.best for each in documents])
    bins = reliability(confidence, best)
    return {
        "documents": len(documents),
        "accuracy": float(np.mean(right)),
        "macro_f1": float(np.mean([label["f1"] for label in labels])),
        "unsure": 1 - len(sure) / len(documents),
        "accuracy_when_sure": float(np.mean(sure)) if sure else 0.0,
        "accuracy_without_unsure": float(best.mean()),
        "confidence_mean": float(confidence.mean()),
        "calibration_error": sum(
            each["documents"] * abs(each["confidence"] - each["accuracy"]) for each in bins
        )
        / len(documents),
        "labels": labels,
        "confusion": _confusion(documents),
        "reliability": bins,
    }


def _label(name: str, documents: Sequence[Judged]) -> dict[str, Any]:
    own = [each for each in documents if each.truth == name]
    given = sum(each.given == name for each in documents)
    hits = sum(each.given == name for each in own)
    precision, recall = hits / max(1, given), hits / max(1, len(own))
    wrong = Counter(each.given for each in own if each.given != name)
    return {
        "label": name,
        "documents": len(own),
        "precision": round(precision, 4),
        "recall": round(recall, 4),
        "f1": round(2 * hits / max(1, given + len(own)), 4),
        "taken_for": [f"{other} {times}" for other, times in wrong.most_common()],
    }


def _confusion(documents: Sequence[Judged]) -> dict[str, dict[str, int]]:
    counts = Counter((each.truth, each.given) for each in documents)
    names = sorted({each.truth for each in documents})
    given = sorted({each.given for each in documents} | set(names))
    return {truth: {name: counts[truth, name] for name in given} for truth in names}


def reliability(
    confidence: np.ndarray[Any, Any], right: np.ndarray[Any, Any]
) -> list[dict[str, Any]]:
    """Return a row for each tenth of confidence that occurs: how sure it is, how often right.

    Args:
        confidence: probability of the best label, shape ``(documents,)``.
        right: whether it is the true one, same shape.
    """
    import numpy as np  # noqa: PLC0415 - keeps --help fast

    where = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    return [
        {
            "from": at / _BINS,
            "to": (at + 1) / _BINS,
            "documents": int((where == at).sum()),
            "confidence": round(float(confidence[where == at].mean()), 4),
            "accuracy": round(float(right[where == at].mean()), 4),
        }
        for at in range(_BINS)
        if (where == at).any()
    ]
