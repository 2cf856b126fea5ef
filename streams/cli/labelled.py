"""Labelled documents of a file: embedded as the stream would be, with their labels."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from models.classify import UNSURE
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.messages import Document, Enriched
    from streams.config import Settings

USUAL = ("label", "class", "category", "topic")
"""Columns of labels, where nobody says which."""

_SHOWN = 12
LEAST_ROWS = 5
"""Of each label, so that every fold has one."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Documents and the labels that a person gave them.

    Attributes:
        labels: names, sorted.
        truth: 1 for a document's own labels, else 0; shape ``(documents, labels)``.
        embeddings: unit vectors, shape ``(documents, dimensions)``.
        multi_label: a document may have several.
        left_out: rows without a label.
    """

    labels: tuple[str, ...]
    truth: npt.NDArray[np.float64]
    embeddings: npt.NDArray[np.float64]
    multi_label: bool
    left_out: int


def read_labelled(
    file: str,
    settings: Settings,
    *,
    text_column: str | None,
    title_column: str | None,
    label_column: str | None,
    separator: str | None,
    limit: int | None = None,
) -> Labelled:
    """Embed a file's documents under a progress bar, by the one pass alone.

    Raises:
        Misconfigured: the file has no such columns, no documents, or no labels.
    """
    from streams.cli.evaluation_pool import PoolEnricher  # noqa: PLC0415 - keeps --help fast
    from streams.readers import Columns  # noqa: PLC0415

    if separator is not None and not separator.strip():
        raise Misconfigured("--label-separator must be a visible sign, for instance ';'")
    alone = settings.model_copy(update={"classifier": "zero-shot", "summarizer": "extractive"})
    lists = (label_column,) if label_column else USUAL
    columns = Columns(text_column, title_column, None, None, None, "labelled", lists)
    documents = PoolEnricher(alone, columns).read(file, "embedding", limit)
    if not documents:
        raise Misconfigured(f"{file} has no documents")
    return labelled(file, documents, label_column, separator)


def labelled(
    file: str, documents: Sequence[Enriched], label_column: str | None, separator: str | None
) -> Labelled:
    """Take the labels from the documents' columns; documents without one are left out.

    Raises:
        Misconfigured: there is no such column, or it is empty in every row.
    """
    named = named_labels(file, documents, label_column, separator)
    rows = [number for number, names in enumerate(named) if names]
    labels = tuple(sorted({name for names in named for name in names}))
    at = {name: number for number, name in enumerate(labels)}
    truth = np.zeros((len(rows), len(labels)))
    for row, number in enumerate(rows):
        truth[row, [at[name] for name in named[number]]] = 1
    vectors = [np.frombuffer(documents[number].embedding, "<f4") for number in rows]
    return Labelled(
        labels,
        truth,
        np.stack(vectors).astype(np.float64),
        separator is not None or any(len(names) > 1 for names in named),
        len(documents) - len(rows),
    )


def named_labels(
    file: str,
    documents: Sequence[Enriched] | Sequence[Document],
    label_column: str | None,
    separator: str | None,
) -> list[list[str]]:
    """Return the labels of each document; none where its row has none.

    Raises:
        Misconfigured: there is no such column, or it is empty in every row.
    """
    column = column_of_labels(file, documents, label_column)
    named = [_labels(document.metadata.get(column, ""), separator) for document in documents]
    if not any(named):
        raise Misconfigured(f"the column {column!r} of {file} is empty in every row")
    return named


def check_labels(found: Labelled) -> None:
    """Refuse labels that no head can be trained on.

    Raises:
        Misconfigured: there is one label only, one has too few rows, or one is called ``unsure``.
    """
    if UNSURE in found.labels:
        raise Misconfigured(f"no label may be called {UNSURE!r}: that is what doubt is called")
    if len(found.labels) == 1 and not found.multi_label:
        raise Misconfigured(
            f"every row has the label {found.labels[0]!r}: at least two labels are needed"
        )
    counts = dict(zip(found.labels, found.truth.sum(axis=0).astype(int).tolist(), strict=True))
    few = [f"{name!r} has {count}" for name, count in counts.items() if count < LEAST_ROWS]
    if few:
        more = f" and {len(few) - 3} more labels" if len(few) > 3 else ""  # noqa: PLR2004
        raise Misconfigured(
            f"each label needs at least {LEAST_ROWS} rows: {', '.join(few[:3])}{more}; add rows, "
            "or leave these labels out"
        )
    everywhere = [name for name, count in counts.items() if len(found.truth) - count < LEAST_ROWS]
    if everywhere:
        raise Misconfigured(
            f"the label {everywhere[0]!r} needs at least {LEAST_ROWS} rows that do not have it"
        )


def column_of_labels(
    file: str, documents: Sequence[Enriched] | Sequence[Document], given: str | None
) -> str:
    """Return the column that is meant, capitals aside; the first usual one where none is given.

    Raises:
        Misconfigured: there is none; names those that are there.
    """
    names = Counter(name for document in documents for name in document.metadata)
    folded = {name.casefold(): name for name in names}
    for wanted in (given,) if given else USUAL:
        if wanted in names or wanted.casefold() in folded:
            return wanted if wanted in names else folded[wanted.casefold()]
    shown = ", ".join(list(names)[:_SHOWN]) or "none"
    what = f"no column {given!r}" if given else "no column of labels"
    raise Misconfigured(f"{file} has {what} (other columns: {shown}); name it with --label-column")


def _labels(cell: str, separator: str | None) -> list[str]:
    from streams.readers import values_of  # noqa: PLC0415 - keeps --help fast

    items = values_of(cell)  # a list in JSON or Parquet says by itself that there are several
    parts = items if len(items) > 1 or not separator else cell.split(separator)
    return [part.strip() for part in parts if part.strip()]
