"""The import rule: pure logic knows neither Kafka nor ClickHouse nor Faust."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PURE = sorted(
    [
        *(ROOT / "streams" / "stages").rglob("*.py"),
        *(ROOT / "streams" / "drift").rglob("*.py"),
        *(ROOT / "streams" / "trends").rglob("*.py"),
        ROOT / "streams" / "pipeline.py",
    ]
)
ALLOWED = ("schemas", "streams.ports", "streams.errors", "streams.clock", "numpy", "orjson")
INSIDE = ("streams.stages", "streams.drift", "streams.trends")


def _imports(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return names


def _allowed(name: str) -> bool:
    top = name.split(".", maxsplit=1)[0]
    return top in sys.stdlib_module_names or name.startswith((*ALLOWED, *INSIDE))


@pytest.mark.parametrize("path", PURE, ids=lambda path: str(path.relative_to(ROOT)))
def test_pure_modules_import_no_backend(path: Path) -> None:
    """Stages, drift and pipeline import schemas, ports, errors, clock and numbers only."""
    assert [name for name in _imports(path) if not _allowed(name)] == []


def test_help_is_not_made_to_wait() -> None:
    """The commands are known without numbers, database, broker or model being loaded."""
    code = "import sys, streams.cli.main; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    heavy = {"numpy", "chdb", "clickhouse_connect", "confluent_kafka", "faust", "ctranslate2"}
    assert heavy & set(loaded) == set()


def test_faust_is_imported_in_one_place() -> None:
    """Only the runtime/faust_*.py family imports Faust."""
    places = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "streams").rglob("*.py"))
        if any(name.split(".")[0] == "faust" for name in _imports(path))
    ]
    assert "streams/runtime/faust_app.py" in places
    assert [place for place in places if not place.startswith("streams/runtime/faust_")] == []
