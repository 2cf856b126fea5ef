"""How long rows are kept: the TTL of the tables, by configuration; without one, for ever.

A row goes when the day that it belongs to (of publication, of the window, of arrival) is as long
ago as was asked for. Whole days go at a time, and with the documents of a day go its cells, so that
a view answers the same from both. ClickHouse deletes when it merges, which it looks into every few
hours. Columns and tables without a rule here keep what they hold; the deliveries do, because the
ledger adds them up from the beginning.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.migrate import load, render
from streams.durations import is_off, parse_duration

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from schemas.migrate import Database, Target

_DOCUMENTS = {
    "documents_raw": "published_hour",
    "document_hours_raw": "published_hour",
    "shadow_results_raw": "published_at",
    "running_summaries_raw": "window_start",
    "latency_cells_raw": "day",
}
_NOTES = {"trend_touched_raw", "trend_versions_raw"}
_DEAD_LETTERS = {"dead_letters_raw": "received_at", "replays_raw": "received_at"}
_STATISTICS = {
    **dict.fromkeys(
        ("drift_windows_raw", "drift_sketches_raw", "topic_windows_raw"), "window_start"
    ),
    "emerging_terms_raw": "start",
}
_ONLY = {"latency_cells_raw": " WHERE clock = 'publication'"}
_OURS = "toDateTime(least(greatest(((intDiv("
_CREATED = re.compile(
    r"^(CREATE TABLE IF NOT EXISTS|DROP TABLE IF EXISTS) \{\{db\}\}\.(\w+)", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Retention:
    """Seconds that each kind is kept; None for ever."""

    documents: int | None = None
    embeddings: int | None = None
    dead_letters: int | None = None
    statistics: int | None = None

    @classmethod
    def of(cls, **durations: str) -> Retention:
        """Read durations such as ``90d``; ``off`` is for ever.

        Raises:
            ValueError: one of them is no duration.
        """
        seconds = {
            kind: None if is_off(text) else max(parse_duration(text) // 1000, 1)
            for kind, text in durations.items()
        }
        return cls(**seconds)


def retain(database: Database, target: Target, retention: Retention) -> list[str]:
    """Give the tables their TTL, or take it from them; returns the tables that were changed.

    Nothing is done where a table is as it should be. A TTL of another's making is left alone where
    none is configured.
    """
    rows = database.rows(
        f"SELECT name, create_table_query FROM system.tables WHERE database = '{target.database}'"
    )
    definitions = {str(name): str(definition) for name, definition in rows}
    changed = []
    for table, statement in _statements(definitions, retention, target):
        database.execute(statement)
        changed.append(table)
    return changed


def script(target: Target, retention: Retention) -> str:
    """Return the SQL that ``retain`` would run on tables that were just made."""
    names: dict[str, str] = {}
    for migration in load():
        for what, name in _CREATED.findall(migration.sql):
            names.pop(name, None) if what.startswith("DROP") else names.update({name: ""})
    parts = [f"{statement};" for _, statement in _statements(names, retention, target)]
    return "\n\n".join(["-- retention", *parts]) + "\n" if parts else ""


def _statements(
    definitions: Mapping[str, str], retention: Retention, target: Target
) -> list[tuple[str, str]]:
    """Return the changes that tables with these definitions need, by table."""
    found = []
    for table, column, seconds in _rules(definitions, retention):
        own = _expression(column, seconds)
        named = re.search(r"\bTTL (.*?)(?: SETTINGS |$)", _outside(definitions[table]))
        change = _change(own, named.group(1) if named else "", _ONLY.get(table, ""))
        if change:
            found.append((table, _alter(table, change, target)))
    if "documents_raw" in definitions:
        own = _expression("published_hour", retention.embeddings)
        named = re.search(r"`embedding` [^`]*? TTL ([^`]*?), `", definitions["documents_raw"])
        change = _change(own, named.group(1) if named else "", "")
        if change:
            part = f"MODIFY COLUMN embedding {change.removeprefix('MODIFY ')}"
            found.append(("documents_raw", _alter("documents_raw", part, target)))
    return found


def _rules(tables: Collection[str], retention: Retention) -> list[tuple[str, str, int | None]]:
    """Return table, column of time and seconds of all that have a rule."""
    cells = [name for name in sorted(tables) if re.fullmatch(r"trend_\w+_raw", name)]
    kinds = (
        (_DOCUMENTS | dict.fromkeys(set(cells) - _NOTES, "day"), retention.documents),
        (_DEAD_LETTERS, retention.dead_letters),
        (_STATISTICS, retention.statistics),
    )
    return [
        (table, column, seconds)
        for columns, seconds in kinds
        for table, column in sorted(columns.items())
        if table in tables
    ]


def _expression(column: str, seconds: int | None) -> str:
    """Return the moment at which a row goes, as ClickHouse itself writes it; whole days go."""
    if seconds is None:
        return ""
    day = f"((intDiv(toUnixTimestamp64Second({column}), 86400) + 1) * 86400)"
    return f"toDateTime(least(greatest({day} + {seconds}, 0), 4294967295), 'UTC')"


def _change(wanted: str, there: str, only: str) -> str:
    if wanted:
        return "" if there == wanted + only else f"MODIFY TTL {wanted}{only}"
    return "REMOVE TTL" if there.startswith(_OURS) else ""


def _outside(definition: str) -> str:
    """Return what follows the columns of a table."""
    return definition[definition.rfind(" ENGINE = ") :]


def _alter(table: str, change: str, target: Target) -> str:
    return render(f"ALTER TABLE {{{{db}}}}.{table} {{{{on_cluster}}}} {change}", target)
