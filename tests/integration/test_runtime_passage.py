"""From end to end on both brokers: what lands is what the pure passage makes of the same."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from schemas.messages import Document, Enriched, Origin, WindowStats
from streams.backends.clickhouse import open_warehouse
from streams.backends.kafka.alerts import read_topic
from streams.backends.kafka.offsets import OffsetReader
from streams.clock import FixedClock
from streams.durations import parse_duration
from streams.pipeline import Passage
from streams.ports import Outgoing, RawMessage
from streams.runtime.wiring import drift_options, role_producer
from streams.stages.drift import DriftStage
from streams.stages.enrich import EnrichStage
from streams.stages.ingest import Ingest
from tests.support.brokers import nothing_left, own_settings
from tests.support.fakes import FakeEnricher
from tests.support.runtime import (
    Sent,
    documents,
    fresh_prefix,
    parts_of,
    platform_on,
    publish,
    running,
    settings_for,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from streams.backends.clickhouse import ClickHouseWarehouse
    from streams.backends.kafka.broker import Broker
    from streams.runtime.platform import Platform

__all__ = ["nothing_left", "own_settings"]

COUNT = 240
WINDOW_VALUES = ("documents", "tokens", "characters", "word_pieces")


async def test_every_document_lands_once_as_the_passage_makes_it(
    broker: Broker, tmp_path: Path
) -> None:
    """Rows, deliveries, ledger, windows and enriched records agree with the pure passage."""
    settings = settings_for(tmp_path, topic_prefix=fresh_prefix("passage"))
    platform = platform_on(broker, settings)
    found = documents(COUNT)
    sent = publish(platform, found)
    warehouse = open_warehouse(settings.clickhouse_url)
    with closing(warehouse):
        async with running(platform, parts_of(warehouse)) as session:
            await session.finish()
        expected, windows = _passage(platform, sent)
        assert expected == _enriched(platform)
        assert windows == _windows(warehouse)
        assert _rows(warehouse) == sorted((one.source, one.doc_id, one.text) for one in found)
        assert _deliveries(warehouse) == sorted((*one.place, "landed") for one in sent)
        assert _ledger(warehouse) == [
            (partition, count, count, 0, 0) for partition, count in _by_partition(sent)
        ]
    assert platform.metrics.total("tidemark_offsets_missing_total") == 0


def test_what_names_its_partition_is_written_there(broker: Broker, tmp_path: Path) -> None:
    """Whatever its key: drift state is read back by partition."""
    settings = settings_for(tmp_path, topic_prefix=fresh_prefix("partition"))
    platform = platform_on(broker, settings)
    topic = platform.topics.state
    parts = [Outgoing(topic, b"key %d" % number, b"v", partition=2) for number in range(20)]
    with role_producer(platform, "drift") as producer:
        producer.send(parts)
    with OffsetReader(broker.bootstrap, broker.security) as reader:
        ends = {one.partition: one.end for one in reader.extents([topic])}
    assert ends == {0: 0, 1: 0, 2: 20, 3: 0}


def _passage(
    platform: Platform, sent: Sequence[Sent]
) -> tuple[list[Enriched], dict[tuple[str, int], list[int]]]:
    settings = platform.settings
    ingest = Ingest(
        platform.codec.decode, settings.max_document_bytes, parse_duration(settings.max_future)
    )
    now = max(platform.codec.decode(Document, one.value).published_at or 0 for one in sent)
    clock = FixedClock(now + 1000)
    drift = DriftStage(drift_options(settings))
    passage = Passage(EnrichStage(ingest, FakeEnricher(), clock, lambda _: None), drift)
    messages = [RawMessage(Origin(*one.place, clock.now_ms()), one.key, one.value) for one in sent]
    outcomes = list(passage([messages]))
    stats = [record for outcome in outcomes for record in outcome.stats] + [*drift.flush_open()]
    topic, codec = platform.topics.enriched, platform.codec
    # The schema holds some numbers in single precision.
    stored = [
        codec.decode(Enriched, codec.encode(topic, record))
        for outcome in outcomes
        for record in outcome.enriched
    ]
    return _comparable(stored), _newest(stats)


def _newest(stats: Sequence[WindowStats]) -> dict[tuple[str, int], list[int]]:
    newest: dict[tuple[str, int], WindowStats] = {}
    for record in stats:
        key = (record.source, record.window_start)
        if key not in newest or record.version >= newest[key].version:
            newest[key] = record
    return {
        key: [getattr(record, name) for name in WINDOW_VALUES] for key, record in newest.items()
    }


def _comparable(records: Sequence[Enriched]) -> list[Enriched]:
    """All but times, which no two runs share."""
    plain = [
        replace(
            record,
            received_at=0,
            version=0,
            queue_ms=0.0,
            tokenize_ms=0.0,
            inference_ms=0.0,
            enriched_at=0,
        )
        for record in records
    ]
    return sorted(plain, key=lambda record: record.doc_id)


def _enriched(platform: Platform) -> list[Enriched]:
    broker, topic = platform.broker, platform.topics.enriched
    messages = read_topic(
        broker.bootstrap, broker.security, topic, from_beginning=True, follow=False
    )
    return _comparable([platform.codec.decode(Enriched, one.value) for one in messages])


def _windows(warehouse: ClickHouseWarehouse) -> dict[tuple[str, int], list[int]]:
    rows = warehouse.query(
        "SELECT source, toUnixTimestamp(window_start) * 1000, "
        f"{', '.join(WINDOW_VALUES)} FROM drift_windows"
    ).rows
    return {(row[0], int(row[1])): [int(value) for value in row[2:]] for row in rows}


def _rows(warehouse: ClickHouseWarehouse) -> list[tuple[str, str, str]]:
    rows = warehouse.query("SELECT source, doc_id, text FROM documents").rows
    return sorted((row[0], row[1], row[2]) for row in rows)


def _deliveries(warehouse: ClickHouseWarehouse) -> list[tuple[str, int, int, str]]:
    rows = warehouse.query("SELECT topic, partition, offset, outcome FROM deliveries").rows
    return sorted((row[0], int(row[1]), int(row[2]), row[3]) for row in rows)


def _ledger(warehouse: ClickHouseWarehouse) -> list[tuple[int, ...]]:
    rows = warehouse.query(
        "SELECT partition, received, landed, dead_lettered, missing FROM ledger"
    ).rows
    return [tuple(int(value) for value in row) for row in rows]


def _by_partition(sent: Sequence[Sent]) -> list[tuple[int, int]]:
    return sorted(Counter(one.partition for one in sent).items())
