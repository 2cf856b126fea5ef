"""One contract for the warehouse in memory and in ClickHouse: written twice counts once."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from streams.backends.clickhouse import open_warehouse
from streams.backends.memory import MemoryWarehouse
from streams.clock import FixedClock
from tests.support.landed import (
    HOUR,
    START,
    TOPIC,
    InClickHouse,
    InMemory,
    Inspected,
    alert,
    document,
    letter,
    scattered,
    window,
)
from tests.support.real_clickhouse import named_server, scratch_warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.backends.clickhouse import ClickHouseWarehouse
    from tests.support.clickhouse_server import ClickHouseServer

NASTY = [
    "",
    "nul \0 inside",
    "quotes ' \" ` and \\ backslashes \\' \\0 \\x00",
    "line\nbreaks\r\n\ttabs \x1b[31mred\x7f",
    "שלום עולם \u202eright to left",
    "👩\u200d👩\u200d👧 emoji, 中文没有空格, \U0010ffff",
    "{name:String} %s $1 ? ; -- /* comment */",
    "NULL",
]


TABLES = ("documents", "document_hours", "deliveries", "dead_letters", "drift_windows")


@pytest.fixture(scope="module")
def clock() -> FixedClock:
    return FixedClock(START + HOUR)


@pytest.fixture(scope="module")
def embedded(
    tmp_path_factory: pytest.TempPathFactory, clock: FixedClock
) -> Iterator[ClickHouseWarehouse]:
    """The engine in this process."""
    folder = tmp_path_factory.mktemp("warehouse") / "clickhouse"
    with closing(open_warehouse(f"chdb://{folder}", clock=clock)) as warehouse:
        yield warehouse


@pytest.fixture(scope="module")
def http(one_clickhouse: ClickHouseServer, clock: FixedClock) -> Iterator[ClickHouseWarehouse]:
    """The same engine in another process, over ClickHouse's HTTP interface."""
    with closing(open_warehouse(one_clickhouse.url, clock=clock)) as warehouse:
        yield warehouse


@pytest.fixture(scope="module")
def server(clock: FixedClock) -> Iterator[ClickHouseWarehouse]:
    """A real server, in a database of its own: ``make test-server``."""
    with scratch_warehouse(clock) as warehouse:
        yield warehouse


@pytest.fixture(params=["memory", "embedded", "http", *named_server()])
def kept(request: pytest.FixtureRequest, clock: FixedClock) -> Inspected:
    if request.param == "memory":
        return InMemory(MemoryWarehouse(clock))
    warehouse: ClickHouseWarehouse = request.getfixturevalue(request.param)
    for table in (*TABLES, "drift_alerts"):
        warehouse._writer.command(f"TRUNCATE TABLE {table}_raw")
    return InClickHouse(warehouse)


def test_writing_again_later_changes_no_answer(kept: Inspected, clock: FixedClock) -> None:
    """The same documents written again, an hour later, leave every answer as it was."""
    batch = scattered(200)
    kept.warehouse.write_documents(batch)
    before = kept.landed()
    clock.advance(HOUR)
    kept.warehouse.write_documents(batch)
    assert kept.landed() == before


def test_a_batch_is_landed_once_per_document(kept: Inspected) -> None:
    """Each document has one row, its newest; each message has one delivery."""
    batch = scattered(300)
    kept.warehouse.write_documents(batch)
    newest = {record.doc_id: record for record in batch}  # offsets rise
    expected = sorted(
        (record.source, record.doc_id, record.published_at, record.version, record.text)
        for record in newest.values()
    )
    landed = kept.landed()
    assert landed.documents == expected
    assert [row[2] for row in landed.deliveries] == list(range(300))


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("hours", [-48, 0, 1, 24 * 400])
def test_an_update_replaces_whatever_its_time(
    kept: Inspected, hours: int, *, together: bool
) -> None:
    """A newer version counts alone: with the same time or another, in one batch or in two."""
    old = document(1, text="old")
    new = document(1, offset=2, text="new", published_at=old.published_at + hours * HOUR)
    for batch in [[old, new]] if together else [[old], [new]]:
        kept.warehouse.write_documents(batch)
    expected = [("news", "doc-1", new.published_at, new.version, "new")]
    assert kept.landed().documents == expected


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("hours", [-48, 0, 1])
def test_an_older_version_after_a_newer_one_does_not_come_back(
    kept: Inspected, hours: int, *, together: bool
) -> None:
    """Order of arrival does not matter, also where the older one brings a time never seen."""
    old = document(1, text="old")
    new = document(1, offset=2, text="new", published_at=old.published_at + hours * HOUR)
    for batch in [[new, old]] if together else [[new], [old], [old]]:
        kept.warehouse.write_documents(batch)
    expected = [("news", "doc-1", new.published_at, new.version, "new")]
    assert kept.landed().documents == expected


def test_a_document_may_return_to_an_hour_it_has_left(kept: Inspected) -> None:
    """Published at one hour, then another, then the first again: the last one counts."""
    first = document(1, text="first")
    second = document(1, offset=2, text="second", published_at=first.published_at + 5 * HOUR)
    third = document(1, offset=3, text="third", published_at=first.published_at)
    for record in (first, second, third, second, first):
        kept.warehouse.write_documents([record])
    expected = [("news", "doc-1", third.published_at, third.version, "third")]
    assert kept.landed().documents == expected


def test_sources_do_not_share_identities(kept: Inspected) -> None:
    """The same doc_id in two sources is two documents."""
    kept.warehouse.write_documents([document(1), document(1, source="blogs", offset=2)])
    assert [row[:2] for row in kept.landed().documents] == [("blogs", "doc-1"), ("news", "doc-1")]


@pytest.mark.parametrize("text", NASTY)
def test_any_text_is_kept_as_it_is(kept: Inspected, text: str) -> None:
    """NULs, quotes, escapes, right-to-left and emoji come back unchanged, as text and identity."""
    record = replace(document(1), text=text, doc_id=text, source=text, terms=(text,), title=text)
    kept.warehouse.write_documents([record])
    kept.warehouse.write_documents([replace(record, published_at=record.published_at + HOUR)])
    expected = [(text, text, record.published_at + HOUR, record.version, text)]
    assert kept.landed().documents == expected


@pytest.mark.parametrize(
    "moment", [-2_208_988_800_000, -1, 0, 4_294_967_296_000, 10_413_791_999_999]
)
def test_times_from_1900_to_2299_are_kept(kept: Inspected, moment: int) -> None:
    """The first and last instants, and those around the ends of shorter types, are exact."""
    kept.warehouse.write_documents([document(1, published_at=moment)])
    kept.warehouse.write_documents([document(1, offset=2, published_at=START)])
    kept.warehouse.write_documents([document(1, offset=3, published_at=moment)])
    assert [row[2] for row in kept.landed().documents] == [moment]


def test_a_recreated_topic_has_its_own_deliveries(kept: Inspected) -> None:
    """The same offset with another broker timestamp is another message."""
    again = replace(document(2, offset=1), received_at=START + HOUR)
    kept.warehouse.write_documents([document(1), again])
    assert kept.counts()[1] == 2


def test_a_landing_wins_over_a_dead_letter(kept: Inspected) -> None:
    """A message that failed once and landed once has landed, in either order."""
    failed = replace(letter(5), partition=0)
    for record in (document(5), document(6)):
        kept.warehouse.write_documents([record])
    kept.warehouse.write_dead_letters([failed])
    kept.warehouse.write_documents([document(5)])
    assert [row[4] for row in kept.landed().deliveries] == ["landed", "landed"]


def test_dead_letters_are_kept_byte_for_byte(kept: Inspected) -> None:
    """Any bytes come back, null too; written again they count once."""
    values = [bytes(range(256)), b"", None, b"\0" * 1000, "é".encode()]
    letters = [letter(offset, value=value) for offset, value in enumerate(values)]
    kept.warehouse.write_dead_letters(letters)
    kept.warehouse.write_dead_letters(letters[1:3])
    assert kept.letter_values() == values
    outcomes = {row[4] for row in kept.landed().deliveries}
    assert (kept.counts(), outcomes) == ((0, 5, 0, 0, 5), {"dead-lettered"})


def test_dead_letters_of_other_topics_have_no_delivery(kept: Inspected) -> None:
    """Only messages of the documents topic are in the ledger."""
    kept.warehouse.write_dead_letters([replace(letter(1, role="land"), topic=f"{TOPIC}.x")])
    assert kept.counts() == (0, 0, 0, 0, 1)


def test_the_highest_version_of_a_window_counts(kept: Inspected) -> None:
    """Late documents make a later version; an earlier one that comes again changes nothing."""
    kept.warehouse.write_stats([window(0), window(1)])
    kept.warehouse.write_stats([window(1, version=3, documents=12)])
    kept.warehouse.write_stats([window(0), window(1)])
    assert kept.window_documents() == [10, 12]


def test_the_highest_version_of_an_alert_counts(kept: Inspected) -> None:
    """An alert that was closed stays closed when its opening is delivered again."""
    kept.warehouse.write_alerts([alert(), alert(version=2, state="closed"), alert("a2")])
    kept.warehouse.write_alerts([alert()])
    assert kept.alert_states() == ["closed", "open"]


def test_an_acknowledgement_stays_with_its_alert(kept: Inspected) -> None:
    """Whoever has seen an alert has seen it, whatever versions of it come before or after."""
    seen = replace(
        alert(version=9, state="acknowledged"),
        acknowledged_at=START,
        acknowledged_by="ada",
        note="new feed",
    )
    kept.warehouse.write_alerts([alert(), seen, alert("a2")])
    kept.warehouse.write_alerts([alert(version=2, state="closed"), seen])
    assert kept.alert_states() == ["closed", "open"]
    assert kept.acknowledgements() == [("a1", "ada", "new feed"), ("a2", "", "")]


def test_nothing_is_written_of_nothing(kept: Inspected) -> None:
    """Empty batches are allowed."""
    kept.warehouse.write_documents([])
    kept.warehouse.write_stats([])
    kept.warehouse.write_alerts([])
    kept.warehouse.write_dead_letters([])
    assert kept.counts() == (0, 0, 0, 0, 0)


def test_twenty_thousand_documents_in_torn_batches(
    kept: Inspected, request: pytest.FixtureRequest
) -> None:
    """20,000 messages, with batches repeated whole and in part, land once each.

    Over HTTP 5,000: the engine is the same, and the machines that run this are busy.
    """
    batch = scattered(5_000 if request.node.callspec.params["kept"] == "http" else 20_000)
    for start in range(0, len(batch), 4_000):
        kept.warehouse.write_documents(batch[start : start + 3_000])
        kept.warehouse.write_documents(batch[start : start + 4_000])
    kept.warehouse.write_documents(batch[1_000:1_500])
    newest = {record.doc_id: record for record in batch}
    landed = kept.landed()
    expected = sorted((r.doc_id, r.published_at, r.version) for r in newest.values())
    assert sorted(row[1:4] for row in landed.documents) == expected
    assert len(landed.deliveries) == len(batch)
