"""From a row of named values to a document: which column is what."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from schemas.messages import Document
from streams.readers.times import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TEXT = ("text", "body", "content", "abstract", "description", "article")
TITLE = ("title", "headline")
TIME = ("published_at", "date", "time", "timestamp", "created_at", "year")
# Only what says so: a column `id` is often unique within a part of a file, and documents that
# share an identity replace each other.
DOC_ID = ("doc_id",)
LANGUAGE = ("language",)
_SHOWN_COLUMNS = 12


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column holds what; None for the first present of the usual names.

    Attributes:
        source: column of the segment; wins over ``source_name``.
        source_name: segment of all documents; None for the name of the file.
        lists: columns of which a list is kept too, as JSON: labels or references that people gave.
    """

    text: str | None = None
    title: str | None = None
    time: str | None = None
    doc_id: str | None = None
    source: str | None = None
    source_name: str | None = None
    lists: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """Something that is no document: where it stands, and why."""

    location: str
    reason: str

    def __str__(self) -> str:
        return f"{self.location}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Found:
    """A document and where it stands."""

    location: str
    document: Document


@dataclass(frozen=True, slots=True)
class Row:
    """Named values of one record, with its place for messages."""

    location: str
    values: Mapping[str, object]


class Mapper:
    """Makes documents of rows; finds the columns again only when the names change.

    Args:
        columns: what the user said about the columns.
        default_source: segment when the user said nothing.
    """

    def __init__(self, columns: Columns, default_source: str) -> None:
        self._given = columns
        self._lists = frozenset(name.casefold() for name in columns.lists)
        self._source = columns.source_name or default_source
        self._names: tuple[str, ...] | None = None
        self._found = columns

    def document(self, row: Row) -> Found | Refused:
        """Return the document of a row, or why it is none."""
        try:
            return Found(row.location, self._document(row.values))
        except ValueError as error:
            return Refused(row.location, str(error))

    def check(self, names: Iterable[str]) -> str | None:
        """Return why rows with these columns cannot become documents, or None when they can."""
        try:
            self._resolve(tuple(names))
        except ValueError as error:
            return str(error)
        return None

    def _document(self, values: Mapping[str, object]) -> Document:
        names = tuple(values)
        if names != self._names:
            self._resolve(names)
        found = self._found
        return Document(
            text=_text(values, found.text or ""),
            doc_id=_string(values, found.doc_id),
            source=_string(values, found.source) or self._source,
            published_at=_time(values, found.time),
            title=_string(values, found.title),
            language=_string(values, _first(names, LANGUAGE)),
            metadata=self._metadata(values),
        )

    def _resolve(self, names: tuple[str, ...]) -> None:
        given = self._given
        text = _named(names, given.text, "--text-column") or _first(names, TEXT)
        if text is None:
            shown = ", ".join(names[:_SHOWN_COLUMNS]) or "none"
            raise ValueError(f'no column "text" (columns: {shown}); name it with --text-column')
        self._found = Columns(
            text=text,
            title=_named(names, given.title, "--title-column") or _first(names, TITLE),
            time=_named(names, given.time, "--time-column") or _first(names, TIME),
            doc_id=_named(names, given.doc_id, "--id-column") or _first(names, DOC_ID),
            source=_named(names, given.source, "--source-column"),
        )
        self._names = names

    def _metadata(self, values: Mapping[str, object]) -> dict[str, str]:
        found = self._found
        used = {found.text, found.title, found.time, found.doc_id, found.source, *LANGUAGE}
        metadata: dict[str, str] = {}
        for name, value in values.items():
            if name == "metadata" and isinstance(value, dict):  # our own format, read back
                metadata |= {key: _scalar(part) for key, part in value.items() if _is_scalar(part)}
            elif name not in used and _is_scalar(value):
                metadata[name] = _scalar(value)
            elif isinstance(value, list) and name.casefold() in self._lists:
                metadata[name] = json.dumps([_scalar(one) for one in value if _is_scalar(one)])
        return metadata


def values_of(cell: str) -> list[str]:
    """Return what a cell of metadata says: the items of a list, or the one value; none if empty."""
    if cell.startswith("["):
        try:
            found = json.loads(cell)
        except ValueError:
            found = None
        if isinstance(found, list) and all(isinstance(one, str) for one in found):
            return [one.strip() for one in found if one.strip()]
    return [cell.strip()] if cell.strip() else []


def _named(names: tuple[str, ...], given: str | None, option: str) -> str | None:
    if given is None:
        return None
    name = _first(names, (given,))
    if name is None:
        shown = ", ".join(names[:_SHOWN_COLUMNS])
        raise ValueError(f'no column "{given}" (columns: {shown}); correct {option}')
    return name


def _first(names: tuple[str, ...], wanted: tuple[str, ...]) -> str | None:
    """Return the first of the wanted columns that is there; exact case wins."""
    folded = {name.casefold(): name for name in reversed(names)}
    for name in wanted:
        if name in names:
            return name
        if name.casefold() in folded:
            return folded[name.casefold()]
    return None


def _text(values: Mapping[str, object], name: str) -> str:
    value = values[name]
    if value is None:
        raise ValueError(f'column "{name}" is empty')
    if not isinstance(value, str):
        raise ValueError(f'column "{name}" holds {type(value).__name__}, not text')  # noqa: TRY004
    return value


def _string(values: Mapping[str, object], name: str | None) -> str | None:
    value = values[name] if name is not None else None
    return _scalar(value) or None if _is_scalar(value) else None


def _time(values: Mapping[str, object], name: str | None) -> int | None:
    """Return the event time; an empty one is refused, since "now" would be a guess."""
    if name is None:
        return None
    value = values[name]
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        raise ValueError(f'column "{name}" is empty; fill it or name another with --time-column')
    try:
        return parse_time(value)
    except (ValueError, OverflowError) as error:
        raise ValueError(f'column "{name}": {error}') from None


def _is_scalar(value: object) -> bool:
    return isinstance(value, (str, bool, int, float, date, datetime))


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
