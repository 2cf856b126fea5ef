"""Killed at any instant of a write and written again: nothing is lost, nothing counts twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from streams.backends.clickhouse import open_warehouse
from tests.support.landed import InClickHouse, scattered

if TYPE_CHECKING:
    from pathlib import Path

KILLS = int(os.environ.get("TIDEMARK_TEST_KILLS", "4"))
BATCH = 250
DOCUMENTS = BATCH * 4 * KILLS

WRITER = """
import sys
from streams.backends.clickhouse import open_warehouse
from tests.support.landed import scattered
url, count, size, done = sys.argv[1], *map(int, sys.argv[2:5])
batch = scattered(count)
warehouse = open_warehouse(url)
for start in range(done * size, count, size):
    print("writing", flush=True)
    warehouse.write_documents(batch[start : start + size])
    print("written", flush=True)
"""


@pytest.mark.fault
def test_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    """Each run is killed in mid-write, the next one begins with the batch that was not done."""
    url = f"chdb://{tmp_path / 'clickhouse'}"
    rng = random.Random(11)
    done = sum_killed = 0
    while done < DOCUMENTS // BATCH:
        written, killed = _run(url, done, rng if sum_killed < KILLS else None, tmp_path)
        done += written
        sum_killed += killed
    warehouse = open_warehouse(url)
    landed = InClickHouse(warehouse).landed()
    warehouse.close()
    newest = {record.doc_id: record for record in scattered(DOCUMENTS)}
    expected = sorted((r.doc_id, r.published_at, r.version) for r in newest.values())
    assert sorted(row[1:4] for row in landed.documents) == expected
    assert [row[2] for row in landed.deliveries] == list(range(DOCUMENTS))
    assert sum_killed == KILLS


def _run(url: str, done: int, rng: random.Random | None, folder: Path) -> tuple[int, int]:
    """Write until the end or until the kill; returns batches that were done, and 1 for a kill."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, url, str(DOCUMENTS), str(BATCH), str(done)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},  # the killed client leaves its last block there
    )
    written = 0
    last = None if rng is None else rng.randint(1, 3)
    with writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            written += line == "written\n"
            if rng is not None and line == "writing\n" and written == last:
                delay = threading.Timer(rng.uniform(0, 0.06), writer.send_signal, [signal.SIGKILL])
                delay.start()
    return written, int(writer.returncode == -signal.SIGKILL)
