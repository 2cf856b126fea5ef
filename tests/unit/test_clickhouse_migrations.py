"""Migrations: one template for a server and a cluster, recorded, repeatable."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from schemas.migrate import FOLDER, Migration, Target, load, migrate, render, script, split
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Recorder:
    """A database that only remembers, and can lose its connection."""

    def __init__(self, *, breaks_on: str | None = None) -> None:
        self.ran: list[str] = []
        self.recorded: dict[int, tuple[str, str]] = {}
        self.breaks_on = breaks_on

    def execute(self, sql: str) -> None:
        if self.breaks_on and self.breaks_on in sql:
            raise ConnectionError("gone")
        self.ran.append(sql)
        if match := re.search(r"\((\d+), '\w+', '(\w+)', '([\w ]+)'\)", sql):
            self.recorded[int(match[1])] = (match[2], match[3])

    def rows(self, sql: str) -> Sequence[Sequence[object]]:
        assert "schema_migrations" in sql
        return [(number, *record) for number, record in self.recorded.items()]


TWO = [Migration(1, "0001_one", "CREATE A; CREATE B;"), Migration(2, "0002_two", "CREATE C")]


_REPEATABLE = re.compile(
    r"CREATE ((TABLE|VIEW) IF NOT EXISTS|OR REPLACE VIEW) `tidemark`\..*"
    r"|ALTER TABLE `tidemark`\.\w+\s+(ADD (COLUMN|INDEX) IF NOT EXISTS [^\n]+\s*)+"
    r"|DROP TABLE IF EXISTS `tidemark`\.\w+\s+SYNC",
    re.DOTALL,
)


def test_every_statement_may_be_repeated() -> None:
    """Each statement says IF [NOT] EXISTS or OR REPLACE, since DDL is not transactional."""
    statements = [text for found in load() for text in found.statements(Target())]
    bare = [re.sub(r"--[^\n]*\n", "", statement).strip() for statement in statements]
    wrong = [text for text in bare if not _REPEATABLE.fullmatch(text)]
    assert wrong == []


def test_migrations_run_once() -> None:
    """What is done is not run again."""
    database = Recorder()
    assert migrate(database, Target(), TWO) == ["0001_one", "0002_two"]
    assert migrate(database, Target(), TWO) == []
    assert [sql for sql in database.ran if sql.startswith("CREATE A")] == ["CREATE A"]


def test_an_interrupted_migration_is_repeated_whole() -> None:
    """It stays in progress, and the next run does all of its statements."""
    database = Recorder(breaks_on="CREATE B")
    with pytest.raises(ConnectionError):
        migrate(database, Target(), TWO)
    assert database.recorded[1][1] == "in progress"
    database.breaks_on = None
    assert migrate(database, Target(), TWO) == ["0001_one", "0002_two"]
    assert database.ran.count("CREATE A") == 2
    assert database.recorded[1][1] == "done"


def test_a_changed_migration_is_refused() -> None:
    """The tables would not be what the file says."""
    database = Recorder()
    migrate(database, Target(), TWO)
    with pytest.raises(Misconfigured, match="0001_one was changed"):
        migrate(database, Target(), [Migration(1, "0001_one", "CREATE OTHER")])


def test_a_cluster_gets_replicated_tables() -> None:
    """Every object is made on the cluster, every table is replicated."""
    text = script(Target("news", "all"))
    creations = re.findall(
        r"^CREATE (?:(?:DATABASE|TABLE|VIEW) IF NOT EXISTS|OR REPLACE VIEW) \S+"
        r"( ON CLUSTER `all`)?",
        text,
        re.MULTILINE,
    )
    assert set(creations) == {" ON CLUSTER `all`"}
    engines = set(re.findall(r"ENGINE = (\w+)", text))
    assert engines == {"Atomic", "ReplicatedReplacingMergeTree"}
    assert "{{" not in text


def test_arguments_of_an_engine_follow_the_replicas() -> None:
    """The version and the deletion mark come after the path and the replica's name."""
    made = render("{{engine ReplacingMergeTree(version, gone)}}", Target(cluster="c"))
    path = "'/clickhouse/tables/{uuid}/{shard}', '{replica}'"
    assert made == f"ReplicatedReplacingMergeTree({path}, version, gone)"


def test_semicolons_in_strings_and_comments_do_not_cut() -> None:
    """Only those between statements do; comments alone are no statement."""
    text = "SELECT ';', `a;b`, \"c;d\" -- e;f\n; /* g;h */ SELECT 'it''s \\';' ;\n-- end;\n"
    assert len(split(text)) == 2


@pytest.mark.parametrize("name", ["1_short.sql", "0001-dash.sql"])
def test_a_misnamed_file_is_refused(tmp_path: Path, name: str) -> None:
    """It would be left out without a word."""
    (tmp_path / name).write_text("SELECT 1")
    with pytest.raises(ValueError, match="named"):
        load(tmp_path)


def test_a_number_is_given_once(tmp_path: Path) -> None:
    """Two files with one number come from two branches merged."""
    for name in ("0001_a.sql", "0001_b.sql"):
        (tmp_path / name).write_text("SELECT 1")
    with pytest.raises(ValueError, match="share a number"):
        load(tmp_path)


def test_an_unknown_mark_is_refused() -> None:
    """A misspelt mark must not reach the server."""
    with pytest.raises(ValueError, match="unknown mark"):
        render("CREATE TABLE {{database}}.x", Target())


def test_a_database_name_cannot_leave_its_quotes() -> None:
    """Names come from an address."""
    with pytest.raises(Misconfigured, match="no name"):
        render("{{db}}", Target("a`b"))


def test_the_files_are_packaged() -> None:
    """The numbered SQL lies beside the code that runs it."""
    files = sorted(path.name for path in FOLDER.glob("*.sql"))
    assert [f"{found.name}.sql" for found in load(FOLDER)] == files
    assert len(files) >= 8
