"""Numbered SQL migrations: rendered for one server or a cluster, recorded, repeatable.

ClickHouse's DDL is not transactional, so every statement is written to be repeated (``IF NOT
EXISTS``) and a migration stays ``in progress`` until all of its statements ran: after a crash the
next run repeats it. The same files serve the embedded engine, one server, and a replicated cluster;
these marks in them differ::

    {{db}}                               the quoted database name
    {{on_cluster}}                       nothing, or ON CLUSTER `name`
    {{engine ReplacingMergeTree(v)}}     the engine, or its Replicated form
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = Path(__file__).parent / "migrations"

_FILE_NAME = re.compile(r"(\d{4})_\w+\.sql")
_ENGINE = re.compile(r"\{\{engine (\w*MergeTree)\(([^{}]*)\)\}\}")
_MARK = re.compile(r"\{\{.*?\}\}")
_QUOTED_OR_COMMENT = r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`|--[^\n]*|/\*.*?\*/"
_SEPARATOR = re.compile(rf"({_QUOTED_OR_COMMENT})|;", re.DOTALL)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)

_RECORD_TABLE = """\
CREATE TABLE IF NOT EXISTS {{db}}.schema_migrations {{on_cluster}}
(
    number UInt32,
    name String,
    checksum String,
    state LowCardinality(String),
    recorded_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = {{engine ReplacingMergeTree(recorded_at)}}
ORDER BY number
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"""


class Database(Protocol):
    """What a migration needs of a connection."""

    def execute(self, sql: str) -> None:
        """Run a statement that returns nothing; not bound to any current database."""
        ...

    def rows(self, sql: str) -> Sequence[Sequence[object]]:
        """Return the rows of a query."""
        ...


@dataclass(frozen=True, slots=True)
class Target:
    """Where the tables live: a database, and a cluster's name for replicated tables."""

    database: str = "tidemark"
    cluster: str | None = None


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Fingerprint of the file, independent of the target."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    def statements(self, target: Target) -> list[str]:
        """Return the statements, rendered for a target."""
        return [render(statement, target) for statement in split(self.sql)]


def load(folder: Path = FOLDER) -> list[Migration]:
    """Read the migrations in order.

    Raises:
        ValueError: a file is misnamed, or two share a number.
    """
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            raise ValueError(f"{path.name}: migrations are named 0001_what.sql")
        found.append(Migration(int(match.group(1)), path.stem, path.read_text(encoding="utf-8")))
    if len({migration.number for migration in found}) != len(found):
        raise ValueError(f"two migrations in {folder} share a number")
    return found


def migrate(
    database: Database, target: Target, migrations: Sequence[Migration] | None = None
) -> list[str]:
    """Bring the tables up to date; returns the names of the migrations that were applied.

    Raises:
        Misconfigured: a migration was changed after it had been applied.
    """
    for statement in preamble(target):
        database.execute(statement)
    recorded = _recorded(database, target)
    applied = []
    for migration in load() if migrations is None else migrations:
        checksum, state = recorded.get(migration.number, ("", ""))
        if state == "done" and checksum != migration.checksum:
            raise Misconfigured(
                f"migration {migration.name} was changed after it had been applied to "
                f"{target.database}: put the file back and write a new migration"
            )
        if state != "done":
            _apply(database, target, migration)
            applied.append(migration.name)
    return applied


def script(target: Target, migrations: Sequence[Migration] | None = None) -> str:
    """Return the SQL that ``migrate`` would run on an empty server."""
    parts = [f"{statement};" for statement in preamble(target)]
    for migration in load() if migrations is None else migrations:
        parts.append(f"-- {migration.name}")
        parts.extend(f"{statement};" for statement in migration.statements(target))
    return "\n\n".join(parts) + "\n"


def preamble(target: Target) -> list[str]:
    """Return the statements that make the database and the record of migrations."""
    create = "CREATE DATABASE IF NOT EXISTS {{db}} {{on_cluster}} ENGINE = Atomic"
    return [render(create, target), render(_RECORD_TABLE, target)]


def split(text: str) -> list[str]:
    """Cut a script at the semicolons outside strings, quoted names and comments."""
    cuts = [match.start() for match in _SEPARATOR.finditer(text) if match.group(1) is None]
    bounds = zip([-1, *cuts], [*cuts, len(text)], strict=True)
    pieces = (text[start + 1 : end].strip() for start, end in bounds)
    return [piece for piece in pieces if _COMMENT.sub("", piece).strip()]


def render(statement: str, target: Target) -> str:
    """Fill the marks in.

    Raises:
        ValueError: an unknown mark was left over.
    """
    on_cluster = f"ON CLUSTER {_quoted(target.cluster)}" if target.cluster else ""
    done = statement.replace("{{db}}", _quoted(target.database))
    done = done.replace(" {{on_cluster}}", f" {on_cluster}" if on_cluster else "")
    done = _ENGINE.sub(lambda match: _engine(match, replicated=bool(target.cluster)), done)
    if left := _MARK.search(done):
        raise ValueError(f"unknown mark {left.group()}")
    return done


def _engine(match: re.Match[str], *, replicated: bool) -> str:
    name, arguments = match.groups()
    if not replicated:
        return f"{name}({arguments})"
    path = "'/clickhouse/tables/{uuid}/{shard}', '{replica}'"
    return f"Replicated{name}({', '.join(filter(None, [path, arguments]))})"


def _apply(database: Database, target: Target, migration: Migration) -> None:
    _record(database, target, migration, "in progress")
    for statement in migration.statements(target):
        database.execute(statement)
    _record(database, target, migration, "done")


def _record(database: Database, target: Target, migration: Migration, state: str) -> None:
    values = f"({migration.number}, '{migration.name}', '{migration.checksum}', '{state}')"
    table = f"{_quoted(target.database)}.schema_migrations"
    database.execute(f"INSERT INTO {table} (number, name, checksum, state) VALUES {values}")


def _recorded(database: Database, target: Target) -> dict[int, tuple[str, str]]:
    rows = database.rows(
        "SELECT number, checksum, state "
        f"FROM {_quoted(target.database)}.schema_migrations FINAL ORDER BY number"
    )
    return {int(str(number)): (str(checksum), str(state)) for number, checksum, state in rows}


def _quoted(name: str) -> str:
    if "`" in name or "\\" in name:
        raise Misconfigured(f"{name!r} is no name for a ClickHouse database or cluster")
    return f"`{name}`"
