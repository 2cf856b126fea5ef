"""A query's answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

FORMAT = "JSONCompact"


@dataclass(frozen=True, slots=True)
class Table:
    """Columns and rows of an answer.

    Times are text as ClickHouse writes them (``2024-05-06 07:08:09.000``, in UTC), maps and named
    tuples are dictionaries, NaN and infinities are None, strings that are not UTF-8 have their
    wrong bytes replaced (ask for ``hex(column)`` where bytes matter).
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[list[Any]]

    @classmethod
    def parse(cls, answer: bytes) -> Table:
        """Read an answer in ClickHouse's format JSONCompact."""
        if not answer.strip():
            return cls((), (), [])
        try:
            content = orjson.loads(answer)
        except orjson.JSONDecodeError:  # strings that are not UTF-8 pass through ClickHouse's JSON
            content = orjson.loads(answer.decode("utf-8", "replace"))
        meta = content["meta"]
        columns = tuple(column["name"] for column in meta)
        return cls(columns, tuple(column["type"] for column in meta), content["data"])

    def dictionaries(self) -> list[dict[str, Any]]:
        """Return the rows as dictionaries."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def column(self, name: str) -> list[Any]:
        """Return one column's values."""
        index = self.columns.index(name)
        return [row[index] for row in self.rows]
