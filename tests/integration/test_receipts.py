"""Receipts over a real broker: accepted, done or rejected, for those that ask."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING

import orjson
import pytest
import typer
from typer.testing import CliRunner, Result

from schemas.messages import Receipt
from streams.backends.kafka.alerts import read_topic
from streams.backends.memory import MemoryWarehouse
from streams.cli import produce
from streams.errors import Unavailable
from streams.stages.receipts import receipt_key
from tests.support.brokers import nothing_left, own_logs, own_settings
from tests.support.fakes import FakeEnricher
from tests.support.flaky import FlakyWarehouse
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
    from pathlib import Path

    from streams.backends.kafka.broker import Broker
    from streams.ports import RawMessage
    from streams.runtime.platform import Platform

__all__ = ["nothing_left", "own_logs", "own_settings"]

ASK = {"tidemark-receipt": b"order-1", "trace": b"\xff"}


def _platform(broker: Broker, folder: Path, **changes: object) -> Platform:
    given = {"topic_prefix": fresh_prefix("receipts"), **changes}
    return platform_on(broker, settings_for(folder, **given))


def _messages(platform: Platform) -> list[RawMessage]:
    broker, topic = platform.broker, platform.topics.receipts
    return list(
        read_topic(broker.bootstrap, broker.security, topic, from_beginning=True, follow=False)
    )


def _receipts(platform: Platform) -> list[Receipt]:
    found = [platform.codec.decode(Receipt, one.value) for one in _messages(platform)]
    return list({receipt_key(one): one for one in found}.values())


async def test_those_that_ask_are_told(broker: Broker, tmp_path: Path) -> None:
    """Accepted and done, or rejected with code and reason; the others cost no message."""
    platform = _platform(broker, tmp_path)
    topic = platform.topics.documents
    asking = [b'{"text": "tide %d", "doc_id": "d%d"}' % (n, n) for n in range(20)]
    good = send_raw(broker, topic, [(b"k", one) for one in asking], headers=ASK)
    (bad,) = send_raw(broker, topic, [(None, b'{"text": " ", "doc_id": "x"}')], headers=ASK)
    (worse,) = send_raw(broker, topic, [(None, b"\xff\x00")], headers={"tidemark-receipt": b""})
    publish(platform, documents(30))  # do not ask
    async with running(platform, parts_of(MemoryWarehouse())) as session:
        await session.finish()
    receipts = _receipts(platform)
    assert Counter(one.status for one in receipts) == {"accepted": 20, "done": 20, "rejected": 2}
    done = {(one.partition, one.offset): one for one in receipts if one.status == "done"}
    assert set(done) == {one.place[1:] for one in good}
    assert {one.correlation_id for one in done.values()} == {"order-1"}
    assert {one.doc_id for one in done.values()} == {f"d{n}" for n in range(20)}
    assert all(one.source == "default" and one.elapsed_ms >= 0 for one in done.values())
    rejected = {(one.partition, one.offset): one for one in receipts if one.status == "rejected"}
    first, second = rejected[bad.place[1:]], rejected[worse.place[1:]]
    assert (first.code, first.doc_id, first.correlation_id) == ("empty-text", "x", "order-1")
    assert "send a text" in (first.reason or "")
    assert (second.code, second.correlation_id) == ("not-avro-nor-json", None)
    keys = Counter(one.key for one in _messages(platform))
    assert keys == {b"order-1": 41, None: 1}


@pytest.mark.parametrize(("mode", "told"), [("all", 4), ("none", 0)])
async def test_the_setting_decides(
    in_process: Broker, tmp_path: Path, mode: str, told: int
) -> None:
    """Everybody is told, or nobody; without the header the key is the doc_id."""
    platform = _platform(in_process, tmp_path, receipts=mode)
    asked = publish(platform, documents(1))
    other = b'{"text": "tide"}'
    send_raw(in_process, platform.topics.documents, [(b"k", other)], headers=ASK)
    async with running(platform, parts_of(MemoryWarehouse())) as session:
        await session.finish()
    assert len(_receipts(platform)) == told
    keys = {one.key for one in _messages(platform)}
    assert keys == ({b"order-1", asked[0].key} if told else set())


@pytest.mark.kafka
async def test_done_means_durable(kafka: Broker, tmp_path: Path) -> None:
    """While the database is away documents are accepted, none is done; then all are, once."""
    platform = _platform(kafka, tmp_path)
    values = [(b"k%d" % n, b'{"text": "tide %d"}' % n) for n in range(40)]
    send_raw(kafka, platform.topics.documents, values, headers=ASK)
    warehouse = FlakyWarehouse()
    warehouse.failure = Unavailable("the database does not answer")
    async with running(platform, parts_of(warehouse)) as session:
        await session.until(lambda: warehouse.refused > 1 and len(_receipts(platform)) == 40)
        assert {one.status for one in _receipts(platform)} == {"accepted"}
        warehouse.failure = None
        await session.finish()
    assert Counter(one.status for one in _receipts(platform)) == {"accepted": 40, "done": 40}


def _produce(platform: Platform, *arguments: str) -> Result:
    app = typer.Typer()
    produce.register(app)
    environment = {
        "TIDEMARK_KAFKA": platform.broker.bootstrap,
        "TIDEMARK_TOPIC_PREFIX": platform.topics.prefix,
        "TIDEMARK_DATA": str(platform.settings.data),
    }
    return CliRunner().invoke(app, ["produce", *arguments], env=environment)


@pytest.mark.kafka
@pytest.mark.usefixtures("own_logs")
async def test_produce_waits_for_its_receipts(kafka: Broker, tmp_path: Path) -> None:
    """Counts, percentiles, what was rejected and why; exit 1 when something was."""
    platform = _platform(kafka, tmp_path)
    file = tmp_path / "news.jsonl"
    rows = [{"text": f"the tide {n}", "doc_id": f"n{n}"} for n in range(60)]
    rows.append({"text": "the model cannot read this", "doc_id": "breaks"})
    file.write_bytes(b"\n".join(orjson.dumps(row) for row in rows))
    model = FakeEnricher(breaks_on=lambda text: "cannot read" in text.text)
    async with running(platform, parts_of(MemoryWarehouse(), model)) as session:
        fine = await asyncio.to_thread(_produce, platform, str(file), "--receipts", "--limit", "60")
        assert fine.exit_code == 0, fine.output
        assert "receipts: 60 accepted, 60 done, 0 rejected" in fine.stdout
        assert "from the broker to a durable row: p50 " in fine.stdout
        mixed = await asyncio.to_thread(_produce, platform, str(file), "--receipts")
        assert mixed.exit_code == 1
        assert "receipts: 60 accepted, 60 done, 1 rejected" in mixed.stdout
        assert "model-error: the model fails on this document alone" in mixed.stderr
        await session.finish()
    started = time.monotonic()
    alone = await asyncio.to_thread(
        _produce, platform, str(file), "--receipts", "--receipts-timeout", "1s"
    )
    assert time.monotonic() - started < 30
    assert isinstance(alone.exception, Unavailable)
    assert "61 of 61 documents have no receipt and for 1 s none has come" in str(alone.exception)
