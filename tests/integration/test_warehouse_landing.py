"""The land role against a ClickHouse server that fails, over its real HTTP client."""

from __future__ import annotations

import asyncio
import zlib
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from streams.backends.clickhouse import open_warehouse
from streams.runtime import wiring
from tests.support.brokers import nothing_left, own_settings
from tests.support.clickhouse_server import Fault, running_clickhouse
from tests.support.landed import InClickHouse, scattered
from tests.support.runtime import (
    committed,
    fresh_prefix,
    parts_of,
    platform_on,
    running,
    send_raw,
    settings_for,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from schemas.codec import Codec
    from schemas.messages import Enriched
    from streams.backends.kafka.broker import Broker
    from streams.runtime.platform import Platform
    from tests.support.clickhouse_server import ClickHouseServer

__all__ = ["nothing_left", "own_settings"]

COUNT = 6_000
IN_HAND = 3_000
"""The most messages that may have been read while nothing lands: one full write and a bit."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseServer]:
    with running_clickhouse(tmp_path_factory.mktemp("landing") / "clickhouse") as running_server:
        yield running_server


class CountingCodec:
    """Counts what the land role has read."""

    def __init__(self, codec: Codec) -> None:
        self.decoded = 0
        self._codec = codec

    def decode(self, kind: type[Any], data: bytes | None) -> Any:
        self.decoded += 1
        return self._codec.decode(kind, data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codec, name)


def _documents() -> list[Enriched]:
    """One in ten is published again with another time; each has one source for good."""
    return [
        replace(record, source=f"source-{zlib.crc32(record.doc_id.encode()) % 7}")
        for record in scattered(COUNT)
    ]


def _platform(broker: Broker, folder: Path) -> tuple[Platform, CountingCodec]:
    settings = settings_for(folder / "data", topic_prefix=fresh_prefix("landing"))
    platform = platform_on(broker, settings)
    codec = CountingCodec(platform.codec)
    return replace(platform, codec=cast("Codec", codec)), codec


@pytest.fixture(autouse=True)
def no_keepers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count the failures of landing alone: helper tables are inserted into at any time."""
    monkeypatch.setattr(wiring, "trend_threads", lambda *_: ())
    monkeypatch.setattr(wiring, "summary_threads", lambda *_: ())


async def test_a_failing_database_is_got_past(
    in_process: Broker, server: ClickHouseServer, tmp_path: Path
) -> None:
    """Every insert fails, then every second: reading pauses, all lands, nothing twice."""
    platform, codec = _platform(in_process, tmp_path)
    documents, topic = _documents(), platform.topics.enriched
    with closing(open_warehouse(server.url)) as warehouse:
        server.fail(Fault(code=242))
        encoded = [(one.source.encode(), platform.codec.encode(topic, one)) for one in documents]
        send_raw(in_process, topic, encoded)
        async with running(platform, parts_of(warehouse), ["land"]) as session:
            await session.until(lambda: server.counts().failed >= 3)
            read = codec.decoded
            await session.until(lambda: server.counts().failed >= 6)
            assert codec.decoded == read
            assert 0 < read <= IN_HAND
            assert sum(committed(platform, "land").values()) == 0
            assert session.worker.healthy == {"land": True}
            await asyncio.to_thread(server.fail, Fault(code=242, every=2))
            await session.until(lambda: sum(committed(platform, "land").values()) == COUNT)
        await asyncio.to_thread(server.heal)
        landed = InClickHouse(warehouse).landed()
    newest = {record.doc_id: record for record in documents}
    assert [row[2] for row in landed.deliveries] == list(range(COUNT))
    assert sorted(row[:4] for row in landed.documents) == sorted(
        (r.source, r.doc_id, r.published_at, r.version) for r in newest.values()
    )


async def test_a_result_that_no_column_holds_is_a_dead_letter(
    in_process: Broker, server: ClickHouseServer, tmp_path: Path
) -> None:
    """Somebody else's message on the topic of results stops nobody; it is kept as it came."""
    platform, _ = _platform(in_process, tmp_path)
    good, topic = _documents()[:50], platform.topics.enriched
    bad = replace(good[0], doc_id="bad", tokens=-1)
    sent = [platform.codec.encode(topic, one) for one in (*good[:25], bad, *good[25:])]
    url = server.address(database="others")
    with closing(open_warehouse(url, password=server.password)) as warehouse:
        send_raw(in_process, topic, [(b"key", value) for value in sent])
        async with running(platform, parts_of(warehouse), ["land"]) as session:
            await session.until(lambda: InClickHouse(warehouse).letter_values() != [])
            await session.until(
                lambda: InClickHouse(warehouse).counts()[0] == len({one.doc_id for one in good})
            )
        assert InClickHouse(warehouse).letter_values() == [sent[25]]
        code = warehouse.query("SELECT code, reason FROM dead_letters").rows
    assert code == [["out-of-range", "tokens is -1: it must be from 0 to 4294967295"]]
