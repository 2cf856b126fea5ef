"""``make test-server``: the warehouse's contract on a server that somebody else needs, too."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from streams.backends.clickhouse import open_warehouse
from tests.support.landed import InClickHouse, document

if TYPE_CHECKING:
    from tests.support.clickhouse_server import ClickHouseServer

ROOT = Path(__file__).parents[2]
SOME = "server and (sources_do_not_share or byte_for_byte)"

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")


def _make(**settings: str) -> subprocess.CompletedProcess[str]:
    """Run the target with this interpreter, without renewing its environment."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("TIDEMARK_")}
    arguments = ["test-server", f"BIN={Path(sys.executable).parent}", "VENV=.venv"]
    kept = ["-o", ".venv/.installed", "-o", ".venv/.installed-dev"]
    return subprocess.run(
        ["make", "--no-print-directory", *kept, *arguments, f'ARGS=-q -k "{SOME}"'],
        cwd=ROOT,
        env={**own, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )


@pytest.mark.parametrize("url", ["", "chdb:///tmp/folder"])
def test_it_needs_a_server(url: str) -> None:
    """Without one named it says so in one clear line, and runs nothing."""
    done = _make(**({"TIDEMARK_CLICKHOUSE": url} if url else {}))
    assert done.returncode == 2
    said = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert said == ["set TIDEMARK_CLICKHOUSE to a server: clickhouse://user@host:8123/any"]
    assert done.stdout == ""


def test_it_leaves_nothing_behind(clickhouse_server: ClickHouseServer) -> None:
    """It passes; its own database is gone, and the others are as they were."""
    url = clickhouse_server.address(database="of_others")
    with closing(open_warehouse(url, password=clickhouse_server.password)) as others:
        others.write_documents([document(1)])
        databases = others.query("SHOW DATABASES").rows
        done = _make(**clickhouse_server.environment())
        assert done.returncode == 0, done.stdout + done.stderr
        assert " passed" in done.stdout
        assert others.query("SHOW DATABASES").rows == databases
        assert InClickHouse(others).counts()[0] == 1
    assert clickhouse_server.password not in done.stdout + done.stderr
