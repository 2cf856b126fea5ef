"""Tokens that end while a worker runs: renewed in both clients, and the end where they are not."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from streams.backends.clickhouse import open_warehouse
from streams.backends.kafka.broker import Broker
from streams.runtime import refusals
from streams.runtime.service import serving
from streams.runtime.web_port import choose_port
from streams.runtime.worker import WorkerFailed
from streams.topics import ROLES
from tests.support.brokers import collected, left_open, nothing_left, own_settings
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
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.secure_kafka import SecureKafka

__all__ = ["collected", "nothing_left", "own_settings"]

pytestmark = pytest.mark.kafka

LIFE_S = 12.0
COUNT = 40


@asynccontextmanager
async def _short_lived(secure: SecureKafka, folder: Path) -> AsyncIterator[Session]:
    """All roles of a worker whose tokens live for seconds."""
    before = secure.issuer.life
    secure.issuer.life = LIFE_S
    try:
        settings = settings_for(folder, topic_prefix=fresh_prefix("tokens"))
        plain = Broker(secure.kafka.bootstrap, "external")
        made = await asyncio.to_thread(platform_on, plain, settings)
        security = secure.by_token()
        platform = replace(made, broker=Broker(secure.at("LOGIN"), "external", security=security))
        with closing(open_warehouse(settings.clickhouse_url)) as warehouse:
            web = choose_port("127.0.0.1", 0)
            async with serving(platform, parts_of(warehouse), ROLES, web) as running:
                yield Session(platform, running.worker, running.drift)
    finally:
        secure.issuer.life = before
        secure.issuer.wrong_key = False


def _publish(secure: SecureKafka, session: Session, count: int) -> None:
    plain = Broker(secure.kafka.bootstrap, "external")
    publish(replace(session.platform, broker=plain), documents(count))


async def test_tokens_are_renewed_in_both_clients(secure: SecureKafka, tmp_path: Path) -> None:
    """The broker ends a connection with its token; documents go on landing, each once."""
    async with _short_lived(secure, tmp_path) as session:
        await asyncio.to_thread(_publish, secure, session, COUNT)
        await session.finish()
        renewed = len(secure.issuer.issued) + 2
        await session.until(lambda: len(secure.issuer.issued) >= renewed)
        await asyncio.to_thread(_publish, secure, session, 2 * COUNT)
        await session.finish()
        landed = session.platform.metrics.total("tidemark_documents_landed_total")
    assert landed == 3 * COUNT


@left_open
async def test_a_worker_ends_when_its_tokens_are_refused_for_good(
    secure: SecureKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both clients would try for ever; the line names the settings of the issuer."""
    monkeypatch.setattr(refusals, "PATIENCE_S", 1.0)
    told = "refuses the token of 'tidemark-client': check TIDEMARK_KAFKA_OAUTH_TOKEN_URL"
    async with _short_lived(secure, tmp_path) as session:
        secure.issuer.wrong_key = True
        with pytest.raises(WorkerFailed, match=told):
            await asyncio.wait_for(session.worker.wait(), 90)
