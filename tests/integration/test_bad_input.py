"""Bad input is processed sensibly or dead-lettered byte for byte; its neighbours land."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaError, Producer

from schemas.codec import codec_for
from schemas.messages import DeadLetter
from streams.backends.clickhouse import open_warehouse
from streams.backends.kafka.alerts import read_topic
from streams.backends.kafka.producer import open_producer
from streams.clock import FixedClock
from streams.ports import Outgoing
from streams.runtime.dead_letters import KEPT_BYTES
from streams.stages.enrich import EnrichStage
from streams.stages.ingest import Ingest
from tests.support.bad_input import (
    AGAIN_OTHER,
    AGAIN_SAME,
    MEGABYTE,
    ODD,
    REFUSED,
    TWENTY_MEGABYTES,
    Case,
    neighbours,
)
from tests.support.brokers import nothing_left, own_settings
from tests.support.fakes import raw
from tests.support.runtime import (
    Sent,
    fresh_prefix,
    parts_of,
    platform_on,
    running,
    send_raw,
    settings_for,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from streams.backends.clickhouse import ClickHouseWarehouse
    from streams.backends.kafka.broker import Broker
    from streams.runtime.platform import Platform

__all__ = ["nothing_left", "own_settings"]

GOOD = neighbours(40)
HEADERS = {"trace": b"\x00\xff"}
GARBAGE = b"\xfe" * 3_000_000
TOO_RICH = Case("too-rich", b'{"text": "' + b"a" * 1_500_000 + b'"}', code="message-too-large")


def _interleaved(cases: Sequence[Case]) -> list[Case]:
    """Each bad message between good ones."""
    mixed = [one for pair in zip(cases, GOOD, strict=False) for one in pair]
    return mixed + list(GOOD[len(cases) :])


async def test_in_process(in_process: Broker, tmp_path: Path) -> None:
    """Every case on the in-process cluster, with what is too large for it and its neighbours."""
    cases = [*REFUSED, *ODD, MEGABYTE]
    extra = [(b"garbage", GARBAGE), (TOO_RICH.key, TOO_RICH.value)]
    platform, sent, odd = await _through(in_process, tmp_path, _interleaved(cases), extra)
    letters = _letters(platform)
    garbage, rich = (letters.pop(one.place) for one in odd)
    _check_dead(letters, sent)
    assert (GARBAGE[:KEPT_BYTES], "not-avro-nor-json") == (garbage.value, garbage.code)
    assert f"of its 3,000,000 bytes the first {KEPT_BYTES:,} are kept" in garbage.reason
    assert (TOO_RICH.value, TOO_RICH.code) == (rich.value, rich.code)


@pytest.mark.kafka
async def test_on_kafka(kafka: Broker, tmp_path: Path) -> None:
    """Every case on a real broker; the largest message is kept whole."""
    cases = [*REFUSED, *ODD, MEGABYTE, TWENTY_MEGABYTES]
    platform, sent, _ = await _through(kafka, tmp_path, _interleaved(cases), [])
    _check_dead(_letters(platform), sent)


async def _through(
    broker: Broker,
    folder: Path,
    cases: Sequence[Case],
    extra: Sequence[tuple[bytes, bytes | None]],
) -> tuple[Platform, list[tuple[Case, Sent]], list[Sent]]:
    """Send everything, wait until it is through, and check what landed."""
    settings = settings_for(folder, topic_prefix=fresh_prefix("bad"), max_message_bytes=22 << 20)
    platform = platform_on(broker, settings)
    topic = platform.topics.documents
    pairs = [(case.key, case.value) for case in cases]
    pairs += [(b"again", value) for value in AGAIN_SAME]
    pairs += [(b"revised", value) for value in AGAIN_OTHER]
    warehouse = open_warehouse(settings.clickhouse_url)
    with closing(warehouse):
        odd = send_raw(broker, topic, extra, partition=3)
        sent = send_raw(broker, topic, pairs, headers=HEADERS)
        async with running(platform, parts_of(warehouse)) as session:
            await session.finish()
        _check_landed(warehouse, cases, len(sent) + len(odd))
    return platform, list(zip(cases, sent, strict=False)), odd


def _check_landed(warehouse: ClickHouseWarehouse, cases: Sequence[Case], messages: int) -> None:
    rows = dict(warehouse.query("SELECT doc_id, text FROM documents").rows)
    expected = {case.name: case.text for case in cases if case.code is None}
    assert {**expected, "again": "The same text.", "revised": "The second text."} == rows
    fates = warehouse.query("SELECT sum(received), sum(landed), sum(missing) FROM ledger").rows
    landed = len(expected) + len(AGAIN_SAME) + len(AGAIN_OTHER)
    assert [[messages, landed, 0]] == [[int(value) for value in row] for row in fates]
    letters = warehouse.query("SELECT count() FROM dead_letters").rows
    assert messages - landed == int(letters[0][0])


def _letters(platform: Platform) -> dict[tuple[str, int, int], DeadLetter]:
    broker, topic = platform.broker, platform.topics.dead_letters
    messages = read_topic(
        broker.bootstrap, broker.security, topic, from_beginning=True, follow=False
    )
    letters = [platform.codec.decode(DeadLetter, one.value) for one in messages]
    return {(one.topic, one.partition, one.offset): one for one in letters}


def _check_dead(
    letters: dict[tuple[str, int, int], DeadLetter], sent: Sequence[tuple[Case, Sent]]
) -> None:
    dead = {one.place: (case, one) for case, one in sent if case.code is not None}
    assert set(dead) == set(letters)
    for place, (case, message) in dead.items():
        letter = letters[place]
        assert (case.name, case.code) == (case.name, letter.code)
        assert (message.key, message.value, HEADERS) == (letter.key, letter.value, letter.headers)
        assert len(letter.reason) > len("too short to say what to do")


@pytest.mark.kafka
def test_larger_than_the_topic_allows(kafka: Broker, tmp_path: Path) -> None:
    """The broker refuses it to a plain client; Tidemark's own refuses it with a reason."""
    prefix = fresh_prefix("narrow")
    settings = settings_for(tmp_path, topic_prefix=prefix, max_message_bytes=65_536)
    platform = platform_on(kafka, settings)
    errors: list[KafkaError | None] = []
    config = {"bootstrap.servers": kafka.bootstrap, "message.max.bytes": 1 << 20}
    plain = Producer(config)
    plain.produce(
        platform.topics.documents, b"x" * 70_000, on_delivery=lambda e, _: errors.append(e)
    )
    assert plain.flush(30) == 0
    codes = [error.code() for error in errors if error]
    assert codes == [KafkaError.MSG_SIZE_TOO_LARGE]
    with open_producer(kafka, platform.topics, settings.max_message_bytes) as own:
        refusal = own.refusal(Outgoing(platform.topics.documents, None, b"x" * 70_000))
    assert refusal is not None
    assert refusal.code == "message-too-large"
    assert "raise TIDEMARK_MAX_MESSAGE_BYTES" in str(refusal)


@pytest.mark.model
def test_the_real_model_takes_odd_texts(model_folder: Path) -> None:
    """Every odd text has a label, a summary and a unit vector; none takes its batch down."""
    import numpy as np  # noqa: PLC0415 - only for the real model's vectors

    from models.enricher import build_enricher  # noqa: PLC0415 - heavy import

    enricher = build_enricher(
        model_folder,
        device="cpu",
        compute_type="int8",
        threads=1,
        labels=None,
        unsure_below=0.3,
        summary_sentences=2,
    )
    ingest = Ingest(codec_for().decode, 4 << 20, 86_400_000)
    stage = EnrichStage(ingest, enricher, FixedClock(1_700_000_000_000), lambda _: None)
    cases = _interleaved([*REFUSED, *ODD, MEGABYTE])
    result = stage.post(
        stage.core(stage.pre([raw(case.value, at) for at, case in enumerate(cases)]))
    )
    assert [case.code for case in cases if case.code] == [x.code for x in result.dead_letters]
    assert [case.text for case in cases if case.text is not None] == [
        record.text for record in result.enriched
    ]
    for record in result.enriched:
        vector = np.frombuffer(record.embedding, "<f4")
        assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-3), record.doc_id
        assert record.label
        assert record.summary
