"""``tidemark drift rebaseline --on`` and ``--name``: landed documents as a reference."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from schemas.codec import codec_for
from schemas.messages import DriftAlert, Enriched
from streams.backends.clickhouse import open_warehouse
from streams.backends.kafka.alerts import read_topic
from streams.backends.kafka.opening import BrokerOptions, open_broker
from streams.backends.kafka.topics import ensure_topics, topic_specs
from streams.cli.drift import app
from streams.drift.control import HEADER, Learn, Rebaseline, read_control
from streams.drift.options import DriftOptions
from streams.errors import Misconfigured
from streams.stages.drift import DriftStage
from streams.topics import Topics
from tests.support.streams_of_documents import Law, item, stream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from schemas.messages import Origin
    from streams.backends.kafka.broker import Broker
    from streams.drift.control import Control

TOPICS = Topics()
OPTIONS = DriftOptions(
    window_ms=10_000,
    lateness_ms=0,
    reference_documents=200,
    false_alarms_per_ms=1e-8,
    scales=(20, 40, 80),
    calibration_streams=16,
    calibration_documents=1000,
)


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    with open_broker(BrokerOptions("in-process", tmp_path)) as found:
        ensure_topics(found, topic_specs(TOPICS, 2, 1, 1 << 20))
        monkeypatch.setenv("TIDEMARK_KAFKA", found.bootstrap)
        monkeypatch.setenv("TIDEMARK_CLICKHOUSE", f"chdb://{tmp_path}/clickhouse")
        monkeypatch.setenv("TIDEMARK_DRIFT_REFERENCE", "250")
        yield found


def landed(folder: Path) -> list[Enriched]:
    """300 documents of news, in ClickHouse."""
    rng = np.random.default_rng(3)
    documents = [one for _, one in stream(Law.of(16).draw(rng, 300), rng)]
    with closing(open_warehouse(f"chdb://{folder}/clickhouse")) as warehouse:
        warehouse.write_documents(documents)
    return documents


def rebaseline(*arguments: str) -> Result:
    command = ["rebaseline", *arguments, "--unseen"]
    return CliRunner().invoke(app, command, catch_exceptions=False)


def ordered(broker: Broker) -> list[tuple[Origin, Control]]:
    """What lies on the enriched topic, as the drift role reads it."""
    messages = read_topic(
        broker.bootstrap, broker.security, TOPICS.enriched, from_beginning=True, follow=False
    )
    decode = partial(codec_for().decode, Enriched)
    found = [
        (message.origin, read_control(message.headers[HEADER], message.value, decode))
        for message in messages
    ]
    return [(origin, control) for origin, control in found if control is not None]


def test_documents_of_a_good_time_become_the_reference_of_any_source(
    broker: Broker, tmp_path: Path
) -> None:
    """The newest of them, in order of arrival; the other source is judged from its first block."""
    documents = landed(tmp_path)
    result = rebaseline("herald", "--on", "news", "--reason", "as the other feed")
    assert result.exit_code == 0, result.output
    assert "250 landed documents become the reference of 'herald'" in result.output
    orders = ordered(broker)
    assert orders[0][1] == Rebaseline("herald", "as the other feed", 250)
    learned = [control.document for _, control in orders if isinstance(control, Learn)]
    assert [one.doc_id for one in learned] == [one.doc_id for one in documents[-250:]]
    stage = DriftStage(OPTIONS)
    stage.process(orders)
    rng = np.random.default_rng(4)
    after = stream(Law.of(16).draw(rng, 80, shift=1.0), rng, source="herald")
    place, first = orders[0][0].partition, orders[-1][0].offset + 1
    moved = [item(one, first + n, place) for n, (_, one) in enumerate(after)]
    assert [alert.state for alert in stage.process(moved).alerts][:1] == ["open"]


def test_a_reference_is_kept_under_a_name(broker: Broker, tmp_path: Path) -> None:
    """The name lands with the alerts; asked for by it, the same documents are the reference."""
    landed(tmp_path)
    assert rebaseline("news", "--on", "news", "--name", "spring").exit_code == 0
    first = [control for _, control in ordered(broker)]
    (kept,) = read_topic(
        broker.bootstrap, broker.security, TOPICS.alerts, from_beginning=True, follow=False
    )
    record = codec_for().decode(DriftAlert, kept.value or b"")
    assert (record.kind, record.severity, record.reference_id) == ("reference", "info", "spring")
    with closing(open_warehouse(f"chdb://{tmp_path}/clickhouse")) as warehouse:
        warehouse.write_alerts([record])
        assert len(warehouse.query(record.sql).rows) == 250
    assert rebaseline("news", "--name", "spring").exit_code == 0
    both = [control for _, control in ordered(broker)]
    assert both[len(first) :] == first
    with pytest.raises(Misconfigured, match=r"no reference 'autumn' has landed; .*'spring'"):
        rebaseline("news", "--name", "autumn")


@pytest.mark.usefixtures("broker")
def test_too_few_documents_are_no_reference(tmp_path: Path) -> None:
    """Said with their number, before anything is asked of a worker."""
    landed(tmp_path)
    with pytest.raises(Misconfigured, match="0 landed documents with an embedding"):
        rebaseline("news", "--on", "news,2001-01-01,2002-01-01")
