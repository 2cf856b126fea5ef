"""A real ``tidemark run``: told to stop in mid-stream, asked twice for one folder or one port."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import orjson
import pytest

from schemas.messages import Document
from streams.backends.kafka.offsets import OffsetReader
from streams.runtime.web_port import choose_port
from tests.support.brokers import nothing_left, own_settings
from tests.support.commands import data_folder, environment, output_of, running_command
from tests.support.runtime import (
    committed,
    fresh_prefix,
    platform_on,
    publish,
    settings_for,
)

if TYPE_CHECKING:
    from pathlib import Path

    from streams.backends.kafka.broker import Broker
    from streams.runtime.platform import Platform

__all__ = ["nothing_left", "own_settings"]

COUNT = 500


@pytest.mark.kafka
@pytest.mark.model
def test_sigterm_in_mid_stream(kafka: Broker, tmp_path: Path, model_folder: Path) -> None:
    """Exit 0 within the bound, no document processed twice, the rest by the next run."""
    data = data_folder(tmp_path / "data", model_folder)
    settings = settings_for(data, topic_prefix=fresh_prefix("signals"))
    platform = platform_on(kafka, settings)
    host, port = choose_port("127.0.0.1", 0)
    env = environment(
        data,
        kafka=kafka.bootstrap,
        topic_prefix=settings.topic_prefix,
        web_port=port,
        batch_documents=16,  # what is in flight at the signal is finished: let that be little
    )
    with running_command("run", env=env, log=tmp_path / "run.log") as run:
        run.until(lambda: '"event": "ready"' in run.output)
        _check_second_owners(env, run.process.pid, f"{host}:{port}", tmp_path)
        publish(platform, _long_documents())
        run.until(lambda: 0 < _done(platform) < COUNT)
        run.signal(signal.SIGTERM)
        assert run.wait(20) == 0
    done = _done(platform)
    assert 0 < done < COUNT
    assert done == _enriched(platform)
    report = tmp_path / "report.json"
    rest = ("run", "--until-idle", "--report", str(report))
    with running_command(*rest, env=env, log=tmp_path / "rest.log") as run:
        assert run.wait(90) == 0, run.output
    assert _enriched(platform) == COUNT
    figures = orjson.loads(report.read_bytes())
    counts = {name: figures[name] for name in ("documents_in", "lost", "duplicated")}
    assert counts == {"documents_in": COUNT - done, "lost": 0, "duplicated": 0}


def _check_second_owners(env: dict[str, str], pid: int, page: str, folder: Path) -> None:
    """Each is refused with one line that says who is there and what to do."""
    code, told = output_of("run", env=env)
    assert code == 1
    assert f"clickhouse is in use by process {pid}" in told.splitlines()[-1]
    other = {**env, "TIDEMARK_CLICKHOUSE": f"chdb://{folder / 'other'}"}
    code, told = output_of("worker", "--role", "land", env=other)
    assert code == 1
    last = told.splitlines()[-1]
    assert f"error: cannot serve the status page at {page} (Address already in use)" in last
    assert "set TIDEMARK_WEB_PORT" in last


def _done(platform: Platform) -> int:
    return sum(committed(platform, "enrich").values())


def _enriched(platform: Platform) -> int:
    with OffsetReader(platform.broker.bootstrap) as reader:
        return sum(one.end for one in reader.extents([platform.topics.enriched]))


def _long_documents() -> list[Document]:
    """Texts that keep the real model busy for some seconds."""
    return [
        Document(
            text=" ".join(f"Tide number {part} of day {number} was high." for part in range(15)),
            doc_id=f"doc-{number}",
            source="harbour",
        )
        for number in range(COUNT)
    ]
