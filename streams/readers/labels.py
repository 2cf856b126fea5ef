"""Labels of people from a CSV file: a document and what it is about in each row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.messages import HumanLabel
from streams.readers.columns import Refused
from streams.readers.csv_rows import csv_rows
from streams.readers.opening import damaged_errors, decompressed
from streams.readers.times import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

SEPARATOR = "|"
"""Between the labels of a document that has several."""

_NEEDED = ("doc_id", "label")


@dataclass(frozen=True, slots=True)
class Said:
    """A label and where it stands."""

    location: str
    label: HumanLabel


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who says it, of which source, and when, where a row does not tell."""

    source: str
    by: str
    at: int


def labels_in(text: str) -> tuple[str, ...]:
    """Return the labels of a cell; none where it is empty."""
    return tuple(part.strip() for part in text.split(SEPARATOR) if part.strip())


def read_labels(path: Path, speaker: Speaker) -> Iterator[Said | Refused]:
    """Yield the rows of a CSV file, which may be compressed.

    Args:
        path: has the columns ``doc_id`` and ``label``; ``source``, ``labelled_by``,
            ``labelled_at`` and ``note`` where the rows differ in them.
        speaker: what holds where a row says nothing.
    """
    with path.open("rb") as file:
        rows = csv_rows(decompressed(file, lambda _: None), str(path), _missing)
        try:
            for row in rows:
                if isinstance(row, Refused):
                    yield row
                else:
                    yield _said(row.location, row.values, speaker)
        except damaged_errors() as error:
            yield Refused(str(path), f"cannot be read further: {error}")


def _missing(header: Sequence[str]) -> str | None:
    absent = [name for name in _NEEDED if name not in header]
    return f"has no column {' and no column '.join(absent)}" if absent else None


def _said(location: str, values: Mapping[str, object], speaker: Speaker) -> Said | Refused:
    def cell(name: str) -> str:
        return str(values.get(name) or "").strip()

    try:
        at = parse_time(cell("labelled_at")) if cell("labelled_at") else speaker.at
    except ValueError as error:
        return Refused(location, f"labelled_at: {error}")
    label = HumanLabel(
        doc_id=str(values["doc_id"]),
        source=cell("source") or speaker.source,
        labels=labels_in(cell("label")),
        labelled_by=cell("labelled_by") or speaker.by,
        labelled_at=at,
        note=cell("note"),
    )
    return Said(location, label)
