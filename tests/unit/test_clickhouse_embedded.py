"""The embedded engine: stray files, wrong folders, several threads, views of the questions."""

from __future__ import annotations

import errno
import os
import pty
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from streams.backends.clickhouse import InvalidQuery, NothingLanded, open_reader, open_warehouse
from streams.clock import FixedClock
from streams.errors import Misconfigured, Unavailable
from tests.support.landed import HOUR, START, alert, document, letter, scattered, window

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streams.backends.clickhouse import ClickHouseWarehouse

OPEN = """
import sys
from streams.backends.clickhouse import open_warehouse
warehouse = open_warehouse("chdb://" + sys.argv[1])
print(warehouse.query("SELECT count() FROM documents").rows)
warehouse.close()
"""


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[ClickHouseWarehouse]:
    opened = open_warehouse(f"chdb://{tmp_path / 'clickhouse'}", clock=FixedClock(START + HOUR))
    yield opened
    opened.close()


def test_a_stray_configuration_is_not_read(tmp_path: Path) -> None:
    """A config.xml of some other program in the current folder changes nothing."""
    stray = "<clickhouse><users_config>missing.xml</users_config></clickhouse>"
    (tmp_path / "config.xml").write_text(stray)
    done = subprocess.run(
        [sys.executable, "-c", OPEN, str(tmp_path / "clickhouse")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("[[0]]\n", "")


def test_the_engine_is_silent_on_a_terminal(tmp_path: Path) -> None:
    """ClickHouse logs to a terminal unless told otherwise; people see answers only."""
    master, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", OPEN, str(tmp_path / "clickhouse")],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    ) as process:
        os.close(terminal)
        shown = _read_all(master)
    os.close(master)
    assert (shown, process.returncode) == (b"[[0]]\r\n", 0)


def _read_all(descriptor: int) -> bytes:
    """Read until the terminal has no writer left, which Linux reports as an error."""
    content = b""
    try:
        while part := os.read(descriptor, 65536):
            content += part
    except OSError as error:
        if error.errno != errno.EIO:
            raise
    return content


def test_one_folder_at_a_time(warehouse: ClickHouseWarehouse, tmp_path: Path) -> None:
    """A second folder in one process is refused with the reason, and leaves no lock behind."""
    for _ in range(2):
        with pytest.raises(Misconfigured, match="already has another ClickHouse folder open"):
            open_warehouse(f"chdb://{tmp_path / 'second'}")
    assert warehouse.query("SELECT 1").rows == [[1]]


def test_the_same_folder_twice_in_one_process(
    warehouse: ClickHouseWarehouse, tmp_path: Path
) -> None:
    """The wiring shares one warehouse."""
    with pytest.raises(Unavailable, match="already open in this process"):
        open_warehouse(f"chdb://{tmp_path / 'clickhouse'}")
    assert warehouse.query("SELECT 1").rows == [[1]]


def test_a_folder_that_holds_no_database(tmp_path: Path) -> None:
    """Nothing is made by asking."""
    with pytest.raises(NothingLanded, match="no database"):
        open_reader(f"chdb://{tmp_path / 'nowhere'}")
    assert list(tmp_path.iterdir()) == []


def test_closing_and_opening_again_keeps_everything(tmp_path: Path) -> None:
    """Closed twice is closed; what landed is there afterwards."""
    url = f"chdb://{tmp_path / 'clickhouse'}"
    for count in (0, 3):
        warehouse = open_warehouse(url)
        assert warehouse.query("SELECT count() FROM documents").rows == [[count]]
        warehouse.write_documents([document(number) for number in range(3)])
        warehouse.close()
        warehouse.close()


def test_threads_write_and_ask_at_a_time(warehouse: ClickHouseWarehouse) -> None:
    """Four writers of the same documents and a reader: every document once."""
    batch = scattered(400)
    with ThreadPoolExecutor(5) as pool:
        writes = [pool.submit(warehouse.write_documents, batch) for _ in range(4)]
        asked = [pool.submit(warehouse.query, "SELECT count() FROM documents") for _ in range(10)]
        assert [future.result() for future in writes] == [None] * 4
        assert [len(future.result().rows) for future in asked] == [1] * 10
    documents = len({record.doc_id for record in batch})
    assert warehouse.query("SELECT count() FROM documents").rows == [[documents]]


def test_columns_come_back_as_written(warehouse: ClickHouseWarehouse) -> None:
    """Every kind of column: map, array, nullable, bool, rounded embedding."""
    record = document(3)
    warehouse.write_documents([record])
    row = warehouse.query("SELECT * FROM documents").dictionaries()[0]
    assert row["metadata"] == {"number": "3"}
    assert row["scores"] == {"sea": 0.5, "other": 0.5}
    assert (row["title"], row["cut_off"]) == (None, False)
    assert (tuple(row["terms"]), row["term_counts"]) == (record.terms, [1, 1, 1, 1])
    assert row["published_at"] == "2024-05-06 07:11:09.000"
    assert row["published_hour"] == "2024-05-06 07:00:00"
    assert len(row["embedding"]) == 8


def test_a_filter_does_not_bring_an_old_version_back(warehouse: ClickHouseWarehouse) -> None:
    """The index on times must not hide the newer version of the same hour and show the older."""
    hour = START // HOUR * HOUR
    warehouse.write_documents([document(1, published_at=hour)])
    warehouse.write_documents([document(1, offset=2, published_at=hour + HOUR // 2)])
    count = "SELECT count() FROM documents WHERE published_at "
    sql = f"{count} < fromUnixTimestamp64Milli({hour + 1000})"
    assert warehouse.query(sql).rows == [[0]]
    assert warehouse.query(sql.replace("<", ">")).rows == [[1]]


def test_the_ledger_counts_and_finds_gaps(warehouse: ClickHouseWarehouse) -> None:
    """Received is landed and dead-lettered; offsets that never came are missing."""
    warehouse.write_documents([document(number) for number in (3, 4, 8)])
    warehouse.write_dead_letters([letter(1), letter(2)])
    columns = "partition, first_offset, last_offset, received, landed, dead_lettered, missing"
    rows = warehouse.query(f"SELECT {columns} FROM ledger").rows
    assert rows == [[0, 3, 8, 3, 3, 0, 3], [1, 1, 2, 2, 0, 2, 0]]
    minutes = warehouse.query("SELECT sum(received), sum(landed) FROM ledger_minutes").rows
    assert minutes == [[5, 3]]


def test_emerging_terms_come_first(warehouse: ClickHouseWarehouse) -> None:
    """A word of one in ten documents of the window beats words that are as frequent as before."""
    common = ["the", "of", "tide", "sea", "rises", "falls"]
    batch = []
    for number in range(400):
        own = [f"own{number}{letter}" for letter in "abcdefgh"]
        terms = [*common, *own, f"word{number % 50}"]
        if number >= 300 and number % 10 == 0:
            terms.append("storm")
        batch.append(document(number, terms=terms))
    warehouse.write_documents(batch)
    warehouse.write_documents(batch[200:])
    split = batch[300].published_at
    rows = warehouse.query(
        "SELECT term, documents, baseline_documents, window_size, baseline_size, z > 3 "
        "FROM trending_terms(window_from = fromUnixTimestamp64Milli({at:Int64}), "
        "window_to = '2100-01-01', baseline_from = '1900-01-01', "
        "baseline_to = fromUnixTimestamp64Milli({at:Int64}), source = 'news') ORDER BY z DESC",
        {"at": split},
    ).rows
    assert rows[0] == ["storm", 10, 0, 100, 300, 1]
    assert [row for row in rows[1:] if row[5]] == []


def test_questions_about_labels_latency_drift(warehouse: ClickHouseWarehouse) -> None:
    """Views count a redelivered document once, and say when it had landed first."""
    batch = [document(number, label="sea" if number % 4 else "land") for number in range(8)]
    warehouse.write_documents(batch)
    warehouse.write_documents(batch)
    labels = warehouse.query("SELECT label, documents FROM label_trends ORDER BY label").rows
    assert labels == [["land", 2], ["sea", 6]]
    latency = warehouse.query("SELECT documents, landed, queue_ms_p50, landed_ms_p99 FROM latency")
    within = pytest.approx(1.5, rel=0.01), pytest.approx(HOUR, rel=0.01)
    assert latency.rows == [[8, 8, *within]]
    warehouse.write_stats([window(0), window(1)])
    warehouse.write_alerts([alert()])
    terms = warehouse.query("SELECT arrayJoin(terms_up).term AS term FROM drift_alerts").rows
    assert terms == [["lockdown"]]
    states = warehouse.query("SELECT drift_state, labels['sea'] FROM drift_windows").rows
    assert states == [["collecting", 6], ["watching", 6]]


def test_the_embedded_reader_is_guarded(tmp_path: Path) -> None:
    """The same refusals as over HTTP, as one line each; parameters are bound."""
    url = f"chdb://{tmp_path / 'clickhouse'}"
    open_warehouse(url).close()
    reader = open_reader(url)
    assert reader.query("SELECT {a:String}, {b:Nullable(Int8)}", {"a": "x'", "b": None}).rows == [
        ["x'", None]
    ]
    for statement, said in [
        ("SELECT nope FROM documents", "Unknown expression identifier `nope`"),
        ("SELECT * FROM nope", "Unknown table expression identifier 'nope'"),
        ("SELEC", "Syntax error"),
        ("DROP TABLE documents_raw", "readonly"),
        ("SELECT file('/etc/passwd')", "function file is not allowed here"),
        ("SELECT 1 FORMAT CSV", "leave FORMAT away"),
    ]:
        with pytest.raises(InvalidQuery, match=said) as caught:
            reader.query(statement)
        assert "\n" not in str(caught.value)
    reader.close()
