"""Canary documents through whole roles: compared and kept, never counted."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest

from schemas.codec import Codec
from schemas.messages import Origin
from streams.backends.clickhouse import open_warehouse
from streams.backends.memory import MemoryWarehouse
from streams.clock import SystemClock
from streams.drift.canary_post import CanaryPost
from streams.stages.canary import CANARY_SOURCE, CanaryRun, canary_messages, canary_texts
from streams.stages.enrich import EnrichStage
from streams.stages.ingest import Ingest
from tests.support.brokers import nothing_left, own_logs, own_settings
from tests.support.fakes import FakeEnricher
from tests.support.runtime import (
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
    from collections.abc import Sequence
    from pathlib import Path

    from schemas.messages import Enriched
    from streams.backends.kafka.broker import Broker
    from streams.ports import Inference
    from streams.runtime.platform import Platform

__all__ = ["nothing_left", "own_logs", "own_settings"]

COUNT = len(canary_texts())
HOUR_MS = 3_600_000


class OtherWeights(FakeEnricher):
    """Says that it is the same model; answers a little otherwise."""

    def post(self, encoded: object) -> list[Inference]:
        results = cast("Sequence[Inference]", super().post(encoded))
        return [_moved(one) for one in results]


def _moved(result: Inference) -> Inference:
    turned = result.embedding + np.float32(0.05)
    length = np.float32(np.linalg.norm(turned))
    object.__setattr__(result, "embedding", (turned / length).astype(np.float32))
    return result


def _platform(broker: Broker, folder: Path, prefix: str) -> Platform:
    settings = settings_for(folder, topic_prefix=prefix, canary="1h", partitions=4)
    return platform_on(broker, settings)


async def test_canaries_are_compared_and_never_counted(broker: Broker, tmp_path: Path) -> None:
    """Other weights after a restart are one alert; documents, windows, ledger know no canary."""
    warehouse, prefix = MemoryWarehouse(), fresh_prefix("canary")
    platform = _platform(broker, tmp_path, prefix)
    publish(platform, documents(30))
    async with running(platform, parts_of(warehouse)) as session:
        await session.until(lambda: len(warehouse.canaries) == COUNT)
        await session.finish()
    assert warehouse.alerts == []
    again = _platform(broker, tmp_path, prefix)
    publish(again, documents(30))
    async with running(again, parts_of(warehouse, OtherWeights())) as session:
        await session.until(lambda: warehouse.alerts)
        await session.finish()
    (alert,) = warehouse.alerts
    assert (alert.kind, alert.source, alert.state) == ("pipeline", CANARY_SOURCE, "open")
    assert "the weights answer otherwise" in alert.message
    assert len(warehouse.canaries) == 2 * COUNT
    assert {one.source for one in warehouse.canaries} == {CANARY_SOURCE}
    assert {one.source for one in warehouse.documents} == {"news", "papers", "mail"}
    assert len(warehouse.documents) == 30
    assert {one.source for one in warehouse.stats} == {"news", "papers", "mail"}
    assert {one.topic for one in warehouse.deliveries} == {platform.topics.documents}


def test_the_query_of_an_alert_shows_the_change(tmp_path: Path) -> None:
    """The SQL in the alert, over what has landed, gives the distance that the alert names."""
    fakes = [FakeEnricher(), OtherWeights()]
    started = SystemClock().now_ms() - HOUR_MS  # what is too old is not kept
    runs = [
        _records(enricher, f"host:{pid}", started + 300_000 * pid)
        for pid, enricher in enumerate(fakes)
    ]
    post = CanaryPost(0)
    (alert,) = [
        alert
        for offset, record in enumerate(one for run in runs for one in run)
        for alert in post.take(Origin("e", 0, offset, record.received_at), record)
    ]
    with closing(open_warehouse(f"chdb://{tmp_path / 'clickhouse'}")) as warehouse:
        for run in (*runs, runs[0]):  # delivered again
            warehouse.write_canaries(run)
        found = warehouse.query(alert.sql)
        assert found.column("worker") == ["host:0", "host:1"]
        same, moved = found.column("median_distance")
        assert abs(same) < 1e-6
        assert moved == pytest.approx(alert.score, rel=0.05)
        (count,) = warehouse.query("SELECT count() AS n FROM canaries").column("n")
        assert count == 2 * COUNT


def _records(enricher: FakeEnricher, worker: str, at: int) -> tuple[Enriched, ...]:
    ingest = Ingest(Codec().decode, 1 << 20, 60_000)
    stage = EnrichStage(ingest, enricher, SystemClock(), lambda _: None)
    messages = canary_messages(CanaryRun(worker, "host", at, 300_000))
    return stage.post(stage.core(stage.pre(messages))).enriched


async def test_producers_cannot_pass_for_canaries(in_process: Broker, tmp_path: Path) -> None:
    """The reserved source goes to the dead letters, whatever the headers say."""
    warehouse = MemoryWarehouse()
    platform = _platform(in_process, tmp_path, fresh_prefix("canary"))
    value = b'{"text": "Not a canary.", "source": "tidemark-canary"}'
    headers = {"tidemark-canary": b"1"}
    send_raw(in_process, platform.topics.documents, [(b"k", value)], headers=headers)
    async with running(platform, parts_of(warehouse)) as session:
        await session.until(lambda: warehouse.dead_letters and warehouse.canaries)
        await session.finish()
    (letter,) = warehouse.dead_letters
    assert letter.code == "reserved-source"
    assert "Not a canary." not in {one.text for one in warehouse.canaries}
    assert warehouse.documents == []
