"""A challenger in the shadow of the champion, through Kafka into ClickHouse."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from streams.backends.clickhouse import open_warehouse
from streams.runtime.shadow import Challenger
from streams.stages.shadow import sampled
from tests.support.brokers import nothing_left, own_settings
from tests.support.fakes import FakeEnricher
from tests.support.runtime import (
    documents,
    fresh_prefix,
    parts_of,
    platform_on,
    publish,
    running,
    settings_for,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from streams.backends.clickhouse import ClickHouseWarehouse
    from streams.backends.kafka.broker import Broker
    from streams.ports import Enricher, Inference, ModelCard, Text
    from streams.runtime.platform import Platform
    from streams.runtime.wiring import Parts

__all__ = ["nothing_left", "own_settings"]

COUNT = 300
SHARE = 0.2
_FIGURES = """\
SELECT challenger, documents, agreeing
FROM shadow_comparison(window_from = '2000-01-01', window_to = '2100-01-01', source = '')
ORDER BY source"""


class Contrary(FakeEnricher):
    """Labels every text of even length otherwise than the champion."""

    @property
    def card(self) -> ModelCard:
        return replace(super().card, classifier="contrary")

    def post(self, encoded: object) -> list[Inference]:
        return [replace(one, label="odd") for one in super().post(encoded)]


def _platform(broker: Broker, folder: Path) -> Platform:
    settings = settings_for(
        folder, topic_prefix=fresh_prefix("shadow"), shadow="contrary", shadow_share=SHARE
    )
    return platform_on(broker, settings)


def _parts(warehouse: ClickHouseWarehouse, load: Callable[[], Enricher]) -> Parts:
    challenger = lambda: Challenger("contrary", "classification", load())  # noqa: E731
    return replace(parts_of(warehouse), challenger=challenger)


async def test_a_share_lands_once_also_when_it_is_delivered_twice(
    in_process: Broker, tmp_path: Path
) -> None:
    """Each sampled document has one answer, each document its champion's row, and they compare."""
    platform, found = _platform(in_process, tmp_path), documents(COUNT, ["news"])
    chosen = [one for one in found if sampled(one.doc_id or "", SHARE)]
    assert 20 < len(chosen) < 100
    with closing(open_warehouse(platform.settings.clickhouse_url)) as warehouse:
        publish(platform, [*found, *found])
        async with running(platform, _parts(warehouse, Contrary)) as session:
            await session.finish()
        landed = warehouse.query("SELECT doc_id FROM shadow_results").column("doc_id")
        assert sorted(landed) == sorted(one.doc_id or "" for one in chosen)
        assert _count(warehouse, "documents") == COUNT
        agreeing = sum(len(one.text) % 2 for one in chosen)
        rows = [list(row) for row in warehouse.query(_FIGURES).rows]
        assert rows == [["contrary int8", len(chosen), agreeing]]


async def test_a_challenger_that_hangs_or_fails_delays_no_row(
    in_process: Broker, tmp_path: Path
) -> None:
    """All rows of the champion land while the challenger is stuck; then it fails, and is off."""
    platform, found = _platform(in_process, tmp_path), documents(COUNT, ["news"])
    stuck, freed = threading.Event(), threading.Event()

    def hang(_texts: Sequence[Text]) -> None:
        stuck.set()
        freed.wait(60)

    broken = FakeEnricher(lambda _: True, hang)
    with closing(open_warehouse(platform.settings.clickhouse_url)) as warehouse:
        publish(platform, found)
        try:
            async with running(platform, _parts(warehouse, lambda: broken)) as session:
                await session.until(stuck.is_set)
                await session.until(lambda: _count(warehouse, "documents") == COUNT)
                assert _count(warehouse, "shadow_results") == 0
                freed.set()
                await session.finish()
        finally:
            freed.set()
        assert _count(warehouse, "shadow_results") == 0
        ledger = warehouse.query("SELECT sum(landed), sum(dead_lettered) FROM ledger").rows[0]
        assert [int(value) for value in ledger] == [COUNT, 0]
    assert platform.metrics.total("tidemark_shadow_errors_total") > 0


def _count(warehouse: ClickHouseWarehouse, view: str) -> int:
    return int(warehouse.query(f"SELECT count() FROM {view}").rows[0][0])
