"""What guardrails stopped, in SQL; and databases from before there were guardrails."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from schemas.migrate import load
from streams.backends.clickhouse import open_warehouse
from tests.support.landed import HOUR, START, document

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

FIRST = 20
OLD_ROW = """
INSERT INTO documents_raw
    (doc_id, source, published_at, published_hour, title, text, version, summary, tokens, scores)
VALUES ('old', 'news', '2024-05-06 07:08:09', '2024-05-06 07:00:00', 'T', 'Body.', 7, 'S.', 3,
    map('sea', 0.5))"""


def test_a_database_with_rows_is_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The view of documents keeps every column that it had; old rows were stopped by nothing."""
    earlier = [one for one in load() if one.number < FIRST]
    url = f"chdb://{tmp_path / 'clickhouse'}"
    with closing(open_warehouse(url, migrate=False)) as warehouse:
        with monkeypatch.context() as then:
            then.setattr("schemas.migrate.load", lambda: earlier)
            warehouse.migrate()
        warehouse.execute(OLD_ROW)
        before = warehouse.query("SELECT * FROM documents").dictionaries()
        assert [row["doc_id"] for row in before] == ["old"]
        assert warehouse.migrate() == [one.name for one in load() if one.number >= FIRST]
        (after,) = warehouse.query("SELECT * FROM documents").dictionaries()
        assert before[0].items() <= after.items()
        assert (after["summary_flags"], after["summary_rejected"]) == ([], "")
        assert (after["redactions"], warehouse.query("SELECT * FROM guardrails").rows) == ({}, [])


def test_no_redefined_view_has_lost_a_column() -> None:
    """A view that a later migration replaces lists all columns of its earlier definition."""
    known: dict[str, set[str]] = {}
    for migration in load():
        pattern = r"VIEW (?:IF NOT EXISTS )?\{\{db\}\}\.(documents) .*?AS\s*SELECT(.*?)FROM"
        for name, columns in re.findall(pattern, migration.sql, re.DOTALL):
            found = set(re.findall(r"\w+", columns))
            assert known.get(name, set()) <= found, migration.name
            known[name] = found
    assert len(known["documents"]) > 40


def test_each_rule_is_counted_by_hour_and_source(tmp_path: Path) -> None:
    """Once for each document, however often it was delivered; the rejected text is there."""
    stopped = [
        replace(document(0), summary_flags=("numbers", "names"), summary_rejected="In 1999."),
        replace(document(1), summary_flags=("names",), summary_rejected="Bob."),
        document(2),
        replace(document(3, published_at=START + 5 * HOUR), summary_flags=("empty",)),
    ]
    with closing(open_warehouse(f"chdb://{tmp_path / 'clickhouse'}")) as warehouse:
        warehouse.write_documents(stopped)
        warehouse.write_documents(stopped)
        rows = warehouse.query(
            "SELECT rule, stopped, documents, share FROM guardrails ORDER BY hour, rule"
        ).rows
        said = warehouse.query(
            "SELECT summary_rejected FROM documents WHERE has(summary_flags, 'numbers')"
        ).rows
    assert [tuple(row) for row in rows] == [
        ("names", 2, 3, 2 / 3),
        ("numbers", 1, 3, 1 / 3),
        ("empty", 1, 1, 1.0),
    ]
    assert said == [["In 1999."]]
