"""The ledger over a real broker and database: it misses what is lost, and nothing else."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import typer
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from typer.testing import CliRunner, Result

from schemas.messages import DriftAlert
from streams.backends.clickhouse import ClickHouseWarehouse, open_warehouse
from streams.backends.kafka.alerts import read_topic
from streams.backends.memory_producer import MemoryProducer
from streams.cli.ledger import ledger
from streams.errors import Unavailable
from streams.runtime.ledger_thread import ledger_threads
from tests.support.brokers import nothing_left, own_settings
from tests.support.runtime import (
    committed,
    documents,
    fresh_prefix,
    parts_of,
    platform_on,
    publish,
    running,
    send_raw,
    settings_for,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streams.backends.kafka.broker import Broker
    from streams.runtime.platform import Platform

__all__ = ["nothing_left", "own_settings"]

COUNT = 200


def _platform(broker: Broker, folder: Path, **changes: object) -> Platform:
    given = {"topic_prefix": fresh_prefix("ledger"), "ledger_interval": "200ms", **changes}
    return platform_on(broker, settings_for(folder, **given))


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[ClickHouseWarehouse]:
    """A database in a folder of its own."""
    with closing(open_warehouse(f"chdb://{tmp_path / 'clickhouse'}")) as opened:
        yield opened


NAMES = ("received", "landed", "dead_lettered", "in_flight", "missing")


def _ledger(warehouse: ClickHouseWarehouse) -> dict[str, int]:
    """Sums over all partitions, and of the offsets below which the watch has looked."""
    sums = ", ".join(f"sum({name})" for name in (*NAMES, "settled_offset"))
    row = warehouse.query(f"SELECT {sums} FROM ledger").rows[0]
    return {name: int(value) for name, value in zip((*NAMES, "settled"), row, strict=True)}


def _at_rest(warehouse: ClickHouseWarehouse) -> dict[str, int]:
    """The same while nothing runs: it adds up, and the minutes say the same."""
    found = _ledger(warehouse)
    assert found["received"] == sum(found[name] for name in NAMES[1:])
    sums = ", ".join(f"sum({name})" for name in NAMES)
    minutes = warehouse.query(f"SELECT {sums} FROM ledger_minutes").rows[0]
    assert [found[name] for name in NAMES] == [int(value) for value in minutes]
    return found


def _alerts(platform: Platform) -> list[DriftAlert]:
    broker, topic = platform.broker, platform.topics.alerts
    found = read_topic(broker.bootstrap, broker.security, topic, from_beginning=True, follow=False)
    alerts = [platform.codec.decode(DriftAlert, message.value) for message in found]
    return [one for one in alerts if one.kind == "ledger"]


def _delete_before(broker: Broker, topic: str, partition: int, offset: int) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    asked = [TopicPartition(topic, partition, offset)]
    for future in admin.delete_records(asked, request_timeout=20.0).values():
        assert future.result(20).low_watermark == offset


@pytest.mark.kafka
async def test_deleted_messages_are_missed(
    kafka: Broker, warehouse: ClickHouseWarehouse, tmp_path: Path
) -> None:
    """Records deleted before they were read: rows, an alert, a metric, named by their offsets."""
    platform = _platform(kafka, tmp_path)
    topic = platform.topics.documents
    publish(platform, documents(COUNT))
    async with running(platform, parts_of(warehouse)) as session:
        await session.finish()
        await session.until(lambda: _ledger(warehouse)["settled"] == COUNT)
    assert _at_rest(warehouse)["missing"] == 0
    lost = send_raw(kafka, topic, [(b"k", b'{"text": "lost"}')] * 7, partition=1)
    _delete_before(kafka, topic, 1, lost[-1].offset + 1)
    send_raw(kafka, topic, [(b"k", b'{"text": "kept"}')], partition=1)
    again = platform_on(kafka, platform.settings)
    async with running(again, parts_of(warehouse)) as session:
        await session.until(lambda: _ledger(warehouse)["missing"] == len(lost))
        await session.until(lambda: _rows(warehouse) == [("ledger", "open", len(lost))])
    assert _at_rest(warehouse)["missing"] == len(lost)
    gaps = warehouse.query("SELECT partition, first_offset, last_offset, reason FROM ledger_gaps")
    assert [[1, str(lost[0].offset), str(lost[-1].offset), "deleted"]] == [
        [row[0], str(row[1]), str(row[2]), row[3]] for row in gaps.rows
    ]
    (alert,) = _alerts(again)
    assert f"{topic}, partition 1 does not add up: 7 message(s)" in alert.message
    assert f"offsets {lost[0].offset} to {lost[-1].offset} were deleted" in alert.message
    assert warehouse.query(alert.sql).rows
    metrics = again.metrics.exposition().decode()
    assert f'tidemark_ledger_missing{{partition="1",topic="{topic}"}} 7.0' in metrics
    warehouse.close()
    send_raw(kafka, topic, [(b"k", b'{"text": "new"}')] * 4, partition=3)
    answer = _ask(platform, "--check", "--format", "json")
    assert answer.exit_code == 1
    assert "does not add up: 7 message(s) are missing" in answer.stderr
    rows = json.loads(answer.stdout)
    assert sum(int(row["in_flight"]) for row in rows) == 4  # the broker says so, now
    by_minute = json.loads(_ask(platform, "--minutes", "--format", "json").stdout)
    assert sum(int(row["in_flight"]) for row in by_minute) == 4
    hidden = _ask(platform, "--check", "--to", "2001", "--format", "json")
    assert (hidden.exit_code, json.loads(hidden.stdout)) == (0, [])


def _ask(platform: Platform, *arguments: str) -> Result:
    """Run ``tidemark ledger`` against the platform's broker and the test's database."""
    app = typer.Typer()
    app.command()(ledger)
    environment = {
        "TIDEMARK_KAFKA": platform.broker.bootstrap,
        "TIDEMARK_CLICKHOUSE": f"chdb://{platform.settings.data / 'clickhouse'}",
        "TIDEMARK_DATA": str(platform.settings.data),
    }
    return CliRunner().invoke(app, arguments, env=environment)


def _rows(warehouse: ClickHouseWarehouse) -> list[tuple[Any, ...]]:
    rows = warehouse.query(
        "SELECT kind, state, toInt32(window_documents) FROM drift_alerts WHERE kind = 'ledger'"
    ).rows
    return [tuple(row) for row in rows]


async def test_evicted_messages_are_missed(
    in_process: Broker, warehouse: ClickHouseWarehouse, tmp_path: Path
) -> None:
    """The in-process cluster silently drops what nobody has read; the ledger does not."""
    platform = _platform(in_process, tmp_path)
    _look(platform, warehouse)  # the ledger has begun: nothing is there
    values = [(b"k", b'{"text": "tide %d"}' % number) for number in range(30)]
    padding = {"padding": b"x" * 300_000}  # stays behind in the documents topic
    send_raw(in_process, platform.topics.documents, values, partition=2, headers=padding)
    async with running(platform, parts_of(warehouse)) as session:
        await session.finish()
        await session.until(lambda: len(_rows(warehouse)) == 1)
    found = _at_rest(warehouse)
    assert (found["received"], found["in_flight"]) == (30, 0)
    assert found["missing"] == 30 - found["landed"] > 0
    assert platform.metrics.total("tidemark_offsets_missing_total") == 0  # a start sees no gap


def _look(platform: Platform, warehouse: ClickHouseWarehouse) -> None:
    """Look once, without any role."""
    (thread,) = ledger_threads(platform, warehouse, MemoryProducer)
    thread._round()
    thread._watch.close()


@pytest.mark.kafka
async def test_passed_over_messages_are_missed_until_they_are_read(
    kafka: Broker, warehouse: ClickHouseWarehouse, tmp_path: Path
) -> None:
    """Somebody moves the group forward: an alert; moves it back: it closes by itself."""
    platform = _platform(kafka, tmp_path)
    sent = publish(platform, documents(COUNT))
    inside = [one for one in sent if one.partition == 0]
    _move(platform, {0: 5})
    async with running(platform, parts_of(warehouse)) as session:
        await session.finish()
        # Base is where the group stood when the ledger began: what came before is not ours.
        await session.until(lambda: _ledger(warehouse)["settled"] == COUNT)
    assert _ledger(warehouse)["missing"] == 0
    more = publish(platform, [replace(one, doc_id=f"b-{one.doc_id}") for one in documents(COUNT)])
    there = [one for one in more if one.partition == 0]
    _move(platform, {0: len(inside) + 3})
    skipped = 3
    again = platform_on(kafka, platform.settings)
    async with running(again, parts_of(warehouse)) as session:
        await session.finish()
        await session.until(lambda: _rows(warehouse) == [("ledger", "open", skipped)])
    assert [one.state for one in _alerts(again)] == ["open"]
    assert "3 message(s)" in _alerts(again)[0].message
    assert f"move it back to {there[0].offset})" in _alerts(again)[0].message
    _move(platform, {0: there[0].offset})
    third = platform_on(kafka, platform.settings)
    async with running(third, parts_of(warehouse)) as session:
        await session.until(lambda: _rows(warehouse) == [("ledger", "closed", 0)])
    assert _at_rest(warehouse)["missing"] == 0
    first, last = _alerts(third)
    assert (first.alert_id, last.state) == (last.alert_id, "closed")
    assert third.metrics.total("tidemark_ledger_alerts_total") == 1


def _move(platform: Platform, offsets: dict[int, int]) -> None:
    """Commit offsets of the enrich role while nobody is in its group."""
    from confluent_kafka import Consumer  # noqa: PLC0415

    topic, group = platform.topics.documents, platform.topics.group("enrich")
    consumer = Consumer({"bootstrap.servers": platform.broker.bootstrap, "group.id": group})
    moved = [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
    consumer.commit(offsets=moved, asynchronous=False)
    consumer.close()


@pytest.mark.kafka
async def test_transaction_markers_are_explained(
    kafka: Broker, warehouse: ClickHouseWarehouse, tmp_path: Path
) -> None:
    """A producer with transactions takes offsets that hold no message: no alert, none in flight."""
    platform = _platform(kafka, tmp_path)
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": "ledger"})
    producer.init_transactions(30)
    for number in range(6):
        producer.begin_transaction()
        value = b'{"text": "transaction %d"}' % number
        producer.produce(platform.topics.documents, value, b"k", partition=0)
        producer.commit_transaction(30)
    async with running(platform, parts_of(warehouse)) as session:
        await session.until(lambda: _ledger(warehouse)["settled"] == 12)
    found = _at_rest(warehouse)
    assert (found["received"], found["landed"], found["missing"]) == (6, 6, 0)
    assert _alerts(platform) == []
    holes = warehouse.query("SELECT sum(offsets) FROM ledger_gaps WHERE reason = 'no-message'")
    assert int(holes.rows[0][0]) == 6


class _Away:
    """Lets a warehouse's writes fail, as when the server is away."""

    def __init__(self, warehouse: ClickHouseWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
        self.away = False
        self.refused = 0
        real = warehouse._insert

        def insert(columns: Any) -> None:
            if self.away:
                self.refused += 1
                raise Unavailable("the database does not answer")
            real(columns)

        monkeypatch.setattr(warehouse, "_insert", insert)


@pytest.mark.kafka
async def test_no_wolf_is_cried(
    kafka: Broker, warehouse: ClickHouseWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Roles that are down, a database that is away, stops in mid-stream: in flight, no alert."""
    platform = _platform(kafka, tmp_path)
    database = _Away(warehouse, monkeypatch)
    publish(platform, documents(COUNT))
    parts = parts_of(warehouse)
    async with running(platform, parts, ["land"]) as session:  # nobody enriches
        await session.until(lambda: _ledger(warehouse)["in_flight"] == COUNT)
    again = platform_on(kafka, platform.settings)
    async with running(again, parts, ["enrich"]):  # nobody lands
        await _until(lambda: sum(committed(platform, "enrich").values()) == COUNT)
    database.away = True
    third = platform_on(kafka, replace_settings(platform, shutdown_timeout="1s"))
    async with running(third, parts, ["land"]) as session:  # the database refuses
        await session.until(lambda: database.refused > 3)
    assert _ledger(warehouse)["missing"] == 0
    database.away = False
    publish(platform, documents(COUNT))
    part = platform_on(kafka, platform.settings)
    async with running(part, parts) as session:  # stopped in mid-stream
        await session.until(lambda: _ledger(warehouse)["landed"] > 0)
    last = platform_on(kafka, platform.settings)
    async with running(last, parts) as session:
        await session.finish()
        await session.until(lambda: _ledger(warehouse)["settled"] == 2 * COUNT)
    found = _at_rest(warehouse)
    assert (found["landed"], found["in_flight"], found["missing"]) == (2 * COUNT, 0, 0)
    assert _alerts(last) == []
    assert warehouse.query("SELECT count() FROM ledger_gaps").rows == [[0]]
    warehouse.close()
    answer = _ask(platform, "--check", "--from", "1h")
    assert answer.exit_code == 0, answer.output
    assert "the ledger adds up; 0 message(s) in flight" in answer.stderr


def replace_settings(platform: Platform, **changes: object) -> Any:
    """The platform's settings with some changed."""
    return platform.settings.model_copy(update=changes)


async def _until(claim: Any) -> None:
    async def hold() -> None:
        while not await asyncio.to_thread(claim):
            await asyncio.sleep(0.02)

    await asyncio.wait_for(hold(), 60)
