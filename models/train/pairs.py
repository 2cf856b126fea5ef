"""Pairs of a document and what is to be written of it, read from JSON Lines or CSV."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from typing import TYPE_CHECKING, Any

from models.files import sha256_of
from streams.errors import Misconfigured
from streams.readers.opening import damaged_errors, decompressed, inner_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_SAME_CHARACTERS = 160  # letters and digits by which two documents are held to be one


@dataclass(frozen=True, slots=True)
class Pair:
    """A document, and one text that a person wrote of it."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Table:
    """A file of pairs.

    Attributes:
        source: column of the document; a list of sentences is joined.
        target: column of what is to be written; each text of a list makes a pair.
    """

    path: Path
    source: str
    target: str

    @property
    def sha256(self) -> str:
        """Hash of the file, for the model's card."""
        return sha256_of(self.path)


@dataclass(frozen=True, slots=True)
class Split:
    """Pairs to train on, and others that are only measured on."""

    train: list[Pair]
    held_out: list[Pair]


def read_pairs(table: Table) -> list[Pair]:
    """Return the pairs of a table in its order; rows without a document or a text are left out.

    Raises:
        Misconfigured: the file cannot be read, or has no pair in these columns.
    """
    broken: tuple[type[Exception], ...] = (*damaged_errors(), ValueError)
    try:
        found = list(chain.from_iterable(_pairs(row, table) for row in _rows(table.path)))
    except broken as error:
        raise Misconfigured(f"cannot read {table.path}: {error}") from error
    if not found:
        raise Misconfigured(
            f"{table.path} has no row with both {table.source!r} and {table.target!r}; "
            "name its columns with --source and --target"
        )
    return found


def without(pairs: Iterable[Pair], others: Iterable[Pair]) -> list[Pair]:
    """Return the pairs that share neither their document nor their text with any of the others.

    Documents are compared by their first letters and digits, so that other spacing, case or
    punctuation does not hide a test document among those trained on.
    """
    known = set(chain.from_iterable(_keys(pair) for pair in others))
    return [pair for pair in pairs if known.isdisjoint(_keys(pair))]


def split(pairs: Iterable[Pair], share: float) -> Split:
    """Hold out about ``share`` of the documents, chosen by their hash.

    The choice depends on a document alone: all its pairs fall on one side, in any order of rows.
    """
    parts: tuple[list[Pair], list[Pair]] = ([], [])
    for pair in pairs:
        number = int.from_bytes(sha256(_same(pair.source).encode()).digest()[:4], "big")
        parts[number < share * 2**32].append(pair)
    return Split(*parts)


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open("rb") as stream, decompressed(stream, lambda _: None) as plain:
        lines = io.TextIOWrapper(plain, encoding="utf-8-sig", newline="")
        if inner_name(str(path)).suffix.lower() == ".csv":
            yield from csv.DictReader(lines)
        else:
            yield from (json.loads(line) for line in lines if line.strip())


def _pairs(row: Mapping[str, Any], table: Table) -> Iterator[Pair]:
    source = row.get(table.source)
    document = " ".join(map(str, source)) if isinstance(source, list) else str(source or "")
    target = row.get(table.target)
    for text in target if isinstance(target, list) else [target]:
        if document.strip() and text and str(text).strip():
            yield Pair(document.strip(), str(text).strip())


def _same(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())[:_SAME_CHARACTERS]


def _keys(pair: Pair) -> tuple[str, str]:
    return _same(pair.source), _same(pair.target)
