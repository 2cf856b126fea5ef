"""What a worker serves while it runs: the page, health, metrics, questions to the database."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from streams.backends.clickhouse import open_warehouse
from streams.runtime.service import serving
from streams.runtime.web_port import choose_port
from streams.topics import ROLES
from tests.support.brokers import nothing_left, own_settings
from tests.support.runtime import (
    Session,
    documents,
    fresh_prefix,
    parts_of,
    platform_on,
    publish,
    settings_for,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.messages import Enriched
    from streams.backends.kafka.broker import Broker

__all__ = ["nothing_left", "own_settings"]

pytestmark = pytest.mark.kafka

COUNT = 60
ASK = """
import sys
from streams.backends.clickhouse import open_reader
reader = open_reader(sys.argv[1])
print(reader.query("SELECT count() FROM documents").rows[0][0])
reader.close()
"""


async def test_pages_while_running_and_after_a_failure(
    kafka: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything answers, to another process too; health says 503 once a role has failed."""
    settings = settings_for(tmp_path, topic_prefix=fresh_prefix("pages"))
    platform = platform_on(kafka, settings)
    publish(platform, documents(COUNT))
    warehouse = open_warehouse(settings.clickhouse_url)
    with closing(warehouse):
        parts = parts_of(warehouse)
        async with (
            serving(platform, parts, ROLES, choose_port("127.0.0.1", 0)) as running,
            aiohttp.ClientSession(running.url) as web,
        ):
            session = Session(platform, running.worker, running.drift)
            await session.finish()
            await _check_page(web)
            await _check_figures(web)
            assert (200, {"status": "ok", "roles": dict.fromkeys(ROLES, True)}) == await _health(
                web
            )
            counted = await asyncio.to_thread(_ask_elsewhere, settings.clickhouse_url)
            assert str(COUNT) == counted.strip()
            assert await asyncio.to_thread(_container_check, running.url) == 0
            monkeypatch.setattr(warehouse, "write_documents", _fail)
            publish(platform, documents(1))
            while (health := await _health(web))[0] == 200:
                await asyncio.sleep(0.05)
            roles = {"enrich": True, "drift": True, "land": False}
            assert (503, {"status": "failing", "roles": roles}) == health
            assert await asyncio.to_thread(_container_check, running.url) == 1


def _fail(_documents: Sequence[Enriched]) -> None:
    raise ValueError("the disk is on fire")


async def _check_page(web: aiohttp.ClientSession) -> None:
    kinds = {"/": "text/html", "/static/app.js": "text/javascript"}
    for path, kind in kinds.items():
        async with web.get(path) as answer:
            assert (200, kind) == (answer.status, answer.content_type)
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert len(await answer.text()) > 100
    async with web.get("/api/status") as answer:
        status = await answer.json()
    facts = status["facts"]
    assert (facts["documents landed"], facts["dead letters"]) == (COUNT, 0)
    assert "Apache Kafka" in status["where"]
    async with web.get("/api/panels/documents") as answer:
        panel = await answer.json()
    assert {"even", "odd"} == {row[1] for row in panel["rows"]}
    assert sum(row[2] for row in panel["rows"]) == COUNT


async def _check_figures(web: aiohttp.ClientSession) -> None:
    async with web.get("/metrics") as answer:
        exposition = await answer.text()
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert 'tidemark_messages_received_total{role="enrich"} 60.0' in exposition
    assert f"tidemark_documents_landed_total {COUNT}.0" in exposition
    assert f"tidemark_latency_seconds_count {COUNT}.0" in exposition
    assert 'tidemark_step_seconds_bucket{le="1.0",role="land",step="write"}' in exposition
    query = {"query": "SELECT count() FROM documents FORMAT TabSeparated"}
    async with web.get("/clickhouse/", params=query) as answer:
        assert (200, f"{COUNT}\n") == (answer.status, await answer.text())
    forbidden = {"query": "DROP TABLE documents_raw"}
    async with web.get("/clickhouse/", params=forbidden) as answer:
        assert answer.status >= 400


async def _health(web: aiohttp.ClientSession) -> tuple[int, Any]:
    async with web.get("/health") as answer:
        return answer.status, await answer.json()


def _container_check(url: str) -> int:
    """Run the image's health check."""
    script = Path(__file__).parents[2] / "compose" / "healthcheck.py"
    port = url.rstrip("/").rpartition(":")[2]
    done = subprocess.run([sys.executable, script], env={"TIDEMARK_WEB_PORT": port}, check=False)
    return done.returncode


def _ask_elsewhere(url: str) -> str:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", ASK, url],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=root,
    )
    return done.stdout
