"""What fails between Tidemark and a ClickHouse server, through the real HTTP client.

Whatever happens to an insert, writing it again must leave every answer as if it had gone well.
"""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
import threading
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

from streams.backends.clickhouse import open_warehouse
from streams.backends.clickhouse import server as connector
from streams.clock import FixedClock
from streams.errors import Misconfigured, Overloaded, TidemarkError, Unavailable
from streams.logs import logger
from streams.runtime.retry import Retry
from tests.support.clickhouse_server import Fault
from tests.support.landed import HOUR, START, InClickHouse, document, scattered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streams.backends.clickhouse import ClickHouseWarehouse
    from tests.support.clickhouse_server import ClickHouseServer

T = TypeVar("T")
TABLES = ("documents", "document_hours", "deliveries")
WRITERS = 3
WRITER = """
import sys
from streams.backends.clickhouse import open_warehouse
from tests.support.landed import scattered
number, batch = int(sys.argv[1]), scattered(600)
warehouse = open_warehouse(sys.stdin.readline().strip())
for start in range(0, 600, 100):
    warehouse.write_documents(batch[start + number * 20 : start + number * 20 + 60])
warehouse.close()
"""


@pytest.fixture
def warehouse(clickhouse_server: ClickHouseServer) -> Iterator[ClickHouseWarehouse]:
    """An empty warehouse on the server."""
    clock = FixedClock(START + HOUR)
    with closing(open_warehouse(clickhouse_server.url, clock=clock)) as opened:
        for table in TABLES:
            opened._writer.command(f"TRUNCATE TABLE {table}_raw")
        yield opened


def _again(warehouse: ClickHouseWarehouse, count: int) -> None:
    """Write as the land role does, but without its pauses."""
    quick = Retry(
        threading.Event(), logger(), random.Random(1), first=0.01, overloaded=0.01, longest=0.05
    )
    warehouse.write_documents(scattered(count), partial(quick, "write"))


def _failure(warehouse: ClickHouseWarehouse) -> TidemarkError:
    with pytest.raises(TidemarkError) as caught:
        warehouse.write_documents([document(1)])
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        (Fault(code=241), Overloaded, "cannot now"),
        (Fault(code=252), Overloaded, "cannot now"),
        (Fault(code=159), Overloaded, "cannot now"),
        (Fault(code=202), Overloaded, "cannot now"),
        (Fault(code=242), Unavailable, "cannot now"),
        (Fault(code=999), Unavailable, "cannot now"),
        (Fault(code=319, executed=True), Unavailable, "cannot now"),
        (Fault(code=516), Misconfigured, "TIDEMARK_CLICKHOUSE_PASSWORD"),
        (Fault(code=497), Misconfigured, "does not allow this"),
        (Fault(code=60), Misconfigured, "tidemark migrate"),
        (Fault(code=469), Misconfigured, "refuses rows"),
        (Fault(code=None, status=503), Overloaded, "HTTP status 503"),
        (Fault(code=None, status=429), Overloaded, "HTTP status 429"),
        (Fault(code=None, status=502), Unavailable, "HTTP status 502"),
        (Fault(code=None, status=500), Unavailable, "HTTP status 500"),
        (Fault(code=None, status=404), Unavailable, "is no ClickHouse (HTTP status 404)"),
        (Fault(reset=True), Unavailable, "does not answer: connection reset"),
        (Fault(reset=True, executed=True), Unavailable, "does not answer: connection reset"),
    ],
    ids=lambda value: f"{value.code}-{value.status}" if isinstance(value, Fault) else None,
)
def test_each_failure_has_its_consequence(
    clickhouse_server: ClickHouseServer,
    warehouse: ClickHouseWarehouse,
    fault: Fault,
    kind: type[TidemarkError],
    said: str,
) -> None:
    """Overloaded slows down, unavailable tries again, misconfigured stops; in one line."""
    clickhouse_server.fail(fault)
    error = _failure(warehouse)
    assert type(error) is kind
    assert said in str(error)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(executed=True, reset=True, first=6),
        Fault(executed=True, cut=True, every=2),
        Fault(executed=True, code=319, every=2),
        Fault(code=252, every=2),
        Fault(reset=True, every=3),
    ],
    ids=["lost", "cut", "unknown", "refused", "reset"],
)
def test_what_is_written_again_counts_once(
    clickhouse_server: ClickHouseServer, warehouse: ClickHouseWarehouse, fault: Fault
) -> None:
    """Inserts that were executed or not, and whose answer was lost, leave no double."""
    clickhouse_server.fail(fault)
    _again(warehouse, 200)
    failed = clickhouse_server.counts().failed
    clickhouse_server.heal()
    landed = InClickHouse(warehouse).landed()
    newest = {record.doc_id: record for record in scattered(200)}
    assert [row[2] for row in landed.deliveries] == list(range(200))
    assert sorted(row[1:4] for row in landed.documents) == sorted(
        (r.doc_id, r.published_at, r.version) for r in newest.values()
    )
    assert failed > 0


def test_an_answer_that_begins_too_early_is_no_success(
    clickhouse_server: ClickHouseServer, warehouse: ClickHouseWarehouse
) -> None:
    """A server that reports progress says 200 before an insert is done; ours must not report."""
    clickhouse_server.fail(Fault(cut=True))
    assert isinstance(_failure(warehouse), Unavailable)
    clickhouse_server.heal()
    assert InClickHouse(warehouse).landed().deliveries == []


def test_a_slow_server_is_not_waited_for_for_ever(
    clickhouse_server: ClickHouseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the bound the write is given up; it was executed, and once more changes nothing."""
    monkeypatch.setattr(connector, "ANSWER_SECONDS", 2)
    with closing(open_warehouse(clickhouse_server.url)) as hasty:
        for table in TABLES:
            hasty._writer.command(f"TRUNCATE TABLE {table}_raw")
        slow = Fault(executed=True, code=None, status=200, delay=30, first=1)
        clickhouse_server.fail(slow)
        error = _failure(hasty)
        assert isinstance(error, Unavailable)
        assert str(error).endswith("does not answer: no answer in time")
        hasty.write_documents([document(1)])
        assert InClickHouse(hasty).counts()[:2] == (1, 1)


@pytest.mark.fault
@pytest.mark.parametrize("table", ["document_hours_raw", "documents_raw", "deliveries_raw"])
def test_a_server_that_dies_in_mid_insert(
    clickhouse_server: ClickHouseServer, warehouse: ClickHouseWarehouse, table: str
) -> None:
    """Killed while it commits and started again: the write that is repeated lands once."""
    clickhouse_server.fail(Fault(dies=0.002, table=table))
    with pytest.raises(Unavailable):
        warehouse.write_documents(scattered(300))
    clickhouse_server.wait_dead()
    with pytest.raises(Unavailable, match="connection refused"):
        warehouse.write_documents(scattered(300))
    clickhouse_server.start()
    _again(warehouse, 300)
    landed = InClickHouse(warehouse).landed()
    assert [row[2] for row in landed.deliveries] == list(range(300))
    assert len(landed.documents) == len({record.doc_id for record in scattered(300)})


def test_several_processes_write_at_once(
    clickhouse_server: ClickHouseServer, warehouse: ClickHouseWarehouse
) -> None:
    """Overlapping batches of three clients land once each."""
    writers = [_writer(number) for number in range(WRITERS)]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write(f"{clickhouse_server.url}\n")
        writer.stdin.close()
    for writer in writers:
        assert writer.wait(120) == 0
    landed = InClickHouse(warehouse).landed()
    written = [record for record in scattered(600) if record.offset % 100 < WRITERS * 20 + 40]
    assert [row[2] for row in landed.deliveries] == sorted(record.offset for record in written)
    newest = {record.doc_id: record for record in written}
    assert sorted(row[1:4] for row in landed.documents) == sorted(
        (r.doc_id, r.published_at, r.version) for r in newest.values()
    )


@pytest.mark.parametrize("step", range(7))
@pytest.mark.parametrize("hours", [-3, 3])
def test_a_worker_that_finishes_late_brings_nothing_back(
    clickhouse_server: ClickHouseServer, warehouse: ClickHouseWarehouse, step: int, hours: int
) -> None:
    """Overtaken at any step by a newer version at another hour: that version alone counts."""
    old = document(1, text="old")
    new = document(1, offset=2, text="new", published_at=old.published_at + hours * HOUR)
    steps = itertools.count()

    def overtaken(call: Callable[[], T], /) -> T:
        if next(steps) == step:
            other.write_documents([new])
        return call()

    with closing(open_warehouse(clickhouse_server.url, migrate=False)) as other:
        warehouse.write_documents([old], overtaken)
    assert next(steps) == 7
    expected = [("news", "doc-1", new.published_at, new.version, "new")]
    assert InClickHouse(warehouse).landed().documents == expected


def _writer(number: int) -> subprocess.Popen[str]:
    """A client in a process of its own; the address comes by a pipe, not by its arguments."""
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(number)],
        stdin=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
