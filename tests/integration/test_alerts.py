"""Alerts for those who receive them: the README's consumer, and the SQL that shows the evidence."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from schemas.codec import codec_for
from schemas.messages import Enriched
from streams.backends.clickhouse import open_warehouse
from streams.backends.kafka.opening import BrokerOptions, open_broker
from streams.backends.kafka.producer import open_producer
from streams.backends.kafka.topics import ensure_topics, topic_specs
from streams.drift.control import Rebaseline
from streams.ports import Outgoing
from streams.stages.drift import DriftOptions, DriftStage
from streams.topics import Topics
from tests.support.landed import alert
from tests.support.streams_of_documents import Law, stream

if TYPE_CHECKING:
    from schemas.messages import WindowStats
    from tests.support.streams_of_documents import Item

ROOT = Path(__file__).parents[2]
OPTIONS = DriftOptions(
    window_ms=10_000,
    lateness_ms=0,
    reference_documents=200,
    false_alarms_per_ms=1e-8,
    scales=(20, 40, 80, 160),
    calibration_streams=16,
    calibration_documents=1000,
)


def test_the_consumer_of_the_readme_prints_an_alert_as_it_happens(tmp_path: Path) -> None:
    """The ten lines as they stand there, with the address filled in."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (program,) = [block for block in blocks if "tidemark.drift.alerts" in block]
    assert len([line for line in program.splitlines() if line]) <= 12
    topics = Topics()
    with open_broker(BrokerOptions("in-process", tmp_path)) as broker:
        ensure_topics(broker, topic_specs(topics, 2, 1, 1 << 20))
        command = [sys.executable, "-c", program.replace("HOST:PORT", broker.bootstrap)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as reader:
            try:
                with open_producer(broker, topics, 1 << 20) as producer:
                    value = codec_for(None).encode(topics.alerts, alert())
                    producer.send([Outgoing(topics.alerts, b"news", value)])
                assert reader.stdout is not None
                line = reader.stdout.readline()
            finally:
                reader.kill()
    assert line == f"{alert().severity} {alert().state} {alert().message}\n"


def changed() -> list[Item]:
    law, rng = Law.of(16), np.random.default_rng(10)
    vectors = np.concatenate([law.draw(rng, 500), law.draw(rng, 100, shift=0.8)])
    return stream(vectors, rng, topic=("tensor",), topic_from=500)


def test_the_sql_of_an_alert_shows_its_documents_again(tmp_path: Path) -> None:
    """On the embedded engine; and the views tell what became of the alert, and the seam."""
    items = changed()
    stage = DriftStage(OPTIONS)
    output = stage.process(items)
    place = replace(items[-1][0], offset=len(items))
    after = stage.process([(place, Rebaseline("news", "moved")), *more(items)])
    opened = output.alerts[0]
    with closing(open_warehouse(f"chdb://{tmp_path}/clickhouse")) as warehouse:
        warehouse.write_documents([document for _, document in items])
        warehouse.write_alerts([*output.alerts, *after.alerts])
        stats: tuple[WindowStats, ...] = (*output.stats, *after.stats, *stage.flush_open())
        warehouse.write_stats(stats)
        shown = warehouse.query(opened.sql).column("doc_id")
        (row,) = warehouse.query("SELECT state, reason, note, sql FROM drift_alerts").dictionaries()
        seams = warehouse.query("SELECT reference_id, reason FROM drift_references").rows
    window = [
        document.doc_id
        for _, document in items
        if opened.window_start <= document.published_at <= opened.window_end
    ]
    assert len(window) == opened.window_documents > 0
    assert sorted(shown) == sorted(window)
    assert (row["state"], row["reason"], row["note"]) == ("closed", "by-hand", "moved")
    assert seams == [["1", "first"], ["2", "by-hand"]]


def more(items: list[Item]) -> list[Item]:
    """Documents after the last, in a window of their own."""
    law, rng = Law.of(16), np.random.default_rng(11)
    found = stream(law.draw(rng, 720), rng)[680:]
    assert found[0][1].published_at > items[-1][1].published_at
    assert isinstance(found[0][1], Enriched)
    return found
