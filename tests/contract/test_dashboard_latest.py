"""The page's newest documents are found among the newest rows, and are the same."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import pytest

from streams.backends.clickhouse import open_warehouse
from streams.cli._times import clickhouse_time
from streams.dashboard import questions
from streams.dashboard.panels import Panels
from streams.dashboard.span import View
from tests.support.landed import HOUR, START, document

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("clock", ["event", "arrival"])
def test_the_newest_documents_are_those_of_the_whole_range(
    tmp_path: Path, clock: Literal["event", "arrival"]
) -> None:
    """However often the newest were delivered, and where they moved away."""
    with closing(open_warehouse(f"chdb://{tmp_path / 'clickhouse'}")) as opened:
        made = [document(n, published_at=START + n * 40 * 60_000) for n in range(30)]
        opened.write_documents(made)
        for version in range(1, 8):
            newer = [replace(one, version=one.version + version) for one in made[-7:]]
            opened.write_documents(newer)
        gone = [
            replace(one, version=one.version + 9, published_at=START - HOUR) for one in made[-7:]
        ]
        for moved in ([], gone):
            opened.write_documents(moved)
            answer = Panels(opened, lambda: START).answer("latest", View.parse({"clock": clock}))
            span = answer["span"]
            bound = {
                "from": clickhouse_time(span["from"]),
                "to": clickhouse_time(span["to"]),
                "source": "",
            }
            whole = opened.query(questions.latest(clock, whole=True), bound).rows
            assert answer["rows"] == whole
            assert len(whole) == questions.LATEST
