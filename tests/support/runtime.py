"""Runs roles inside a test: any broker, a fake model, any warehouse, and no command line."""

from __future__ import annotations

import asyncio
import gc
import itertools
import time
import warnings
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from confluent_kafka import Producer

from schemas.messages import Document
from streams.backends.kafka.offsets import OffsetReader
from streams.backends.kafka.topics import ensure_topics, specs_from_settings
from streams.backends.schema_registry import codec_from_settings
from streams.config import Settings
from streams.logs import logger
from streams.runtime.completion import Completion
from streams.runtime.platform import Platform
from streams.runtime.wiring import Parts, build_runners
from streams.runtime.worker import Worker
from streams.topics import ROLES, Role, Topics
from tests.support.fakes import FakeEnricher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from pathlib import Path

    from streams.backends.clickhouse import ClickHouseWarehouse
    from streams.backends.kafka.broker import Broker
    from streams.ports import Enricher, Warehouse
    from streams.runtime.drift_role import DriftRole

PATIENCE_S = 60.0
_LOOK_S = 0.02
_prefixes = itertools.count()


def fresh_prefix(name: str) -> str:
    """A topic prefix that no other test of this session uses."""
    return f"{name}-{next(_prefixes)}"


def settings_for(data: Path, **changes: object) -> Settings:
    """Settings for tests: a folder, any free port, quick batches."""
    given: dict[str, object] = {
        "data": data,
        "kafka": "in-process",
        "web_port": 0,
        "land_wait": "100ms",
        "shutdown_timeout": "10s",
        "batch_documents": 32,
        "canary": "off",
        **changes,
    }
    return Settings(**given)  # type: ignore[arg-type]


def platform_on(broker: Broker, settings: Settings) -> Platform:
    """A platform as a process that has just started has one; its topics are made."""
    topics = Topics(settings.topic_prefix)
    ensure_topics(broker, specs_from_settings(settings, topics))
    codec = codec_from_settings(settings)
    return Platform(settings, settings.data, topics, broker, codec, log=logger())


def parts_of(warehouse: Warehouse, enricher: Enricher | None = None) -> Parts:
    """Parts with a fake model and any warehouse; only the status page needs the real one."""
    return Parts(enricher or FakeEnricher(), cast("ClickHouseWarehouse", warehouse))


@dataclass(frozen=True, slots=True)
class Session:
    """Roles that run, and how to wait for them."""

    platform: Platform
    worker: Worker
    drift: DriftRole | None

    async def finish(self) -> None:
        """Wait until everything that was published has landed; a role's failure is raised."""
        completion = Completion(self.platform)
        try:
            await self.unless_failed(completion.wait(self.drift))
        finally:
            await asyncio.to_thread(completion.close)

    async def until(self, claim: Callable[[], object]) -> None:
        """Wait until the claim holds; a role's failure is raised."""
        await self.unless_failed(_hold(claim))

    async def unless_failed(self, awaitable: object) -> None:
        """Wait for something, or raise why a role failed."""
        wanted = asyncio.ensure_future(cast("asyncio.Future[None]", awaitable))
        failed = asyncio.ensure_future(self.worker.wait())
        done, left = await asyncio.wait(
            {wanted, failed}, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED
        )
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        if not done:
            raise TimeoutError("the roles did not get there")
        for task in done:
            task.result()


@asynccontextmanager
async def running(
    platform: Platform, parts: Parts, roles: Sequence[Role] = ROLES
) -> AsyncIterator[Session]:
    """Run roles without pages; stop them gracefully at the end."""
    runners, drift = build_runners(platform, roles, parts)
    worker = Worker(
        runners,
        shutdown_timeout=_shutdown_s(platform),
        log=platform.log,
        board=platform.waiting,
    )
    try:
        await worker.start()
        yield Session(platform, worker, drift)
    finally:
        await worker.stop()
        platform.stop.set()
        _collect_connections()


def _collect_connections() -> None:
    """Collect the connections that aiokafka leaves open when it is stopped in a rebalance.

    Left to chance, the collector complains of them in whatever test comes next.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def _shutdown_s(platform: Platform) -> float:
    return float(platform.settings.shutdown_timeout.removesuffix("s"))


async def _hold(claim: Callable[[], object]) -> None:
    while not await asyncio.to_thread(claim):
        await asyncio.sleep(_LOOK_S)


@dataclass(frozen=True, slots=True)
class Sent:
    """A message as it was given to a plain producer, and where the broker put it."""

    key: bytes | None
    value: bytes | None
    topic: str = ""
    partition: int = -1
    offset: int = -1

    @property
    def place(self) -> tuple[str, int, int]:
        """Topic, partition, offset."""
        return self.topic, self.partition, self.offset


def send_raw(
    broker: Broker,
    topic: str,
    messages: Sequence[tuple[bytes | None, bytes | None]],
    *,
    partition: int | None = None,
    headers: Mapping[str, bytes] | None = None,
) -> list[Sent]:
    """Send keys and values by a client that knows nothing of Tidemark; returns their places."""
    config = {
        "bootstrap.servers": broker.bootstrap,
        "message.max.bytes": 64 << 20,
        "linger.ms": 5,
        "partitioner": "murmur2_random",
    }
    producer = Producer(config)
    places: dict[int, tuple[int, int]] = {}

    def report(number: int) -> Callable[[object, object], None]:
        def delivered(error: object, message: object) -> None:
            assert error is None, error
            places[number] = (message.partition(), message.offset())  # type: ignore[attr-defined]

        return delivered

    target = -1 if partition is None else partition
    for number, (key, value) in enumerate(messages):
        producer.produce(
            topic, value, key, target, on_delivery=report(number), headers=dict(headers or {})
        )
        producer.poll(0)
    assert producer.flush(30) == 0
    return [
        Sent(key, value, topic, *places[number]) for number, (key, value) in enumerate(messages)
    ]


def documents(count: int, sources: Sequence[str] = ("news", "papers", "mail")) -> list[Document]:
    """Small documents of several sources, a second apart, each with words of its own."""
    start = time.time_ns() // 1_000_000 - 1000 * count
    return [_document(number, sources[number % len(sources)], start) for number in range(count)]


def _document(number: int, source: str, start: int) -> Document:
    return Document(
        text=f"the tide {number} turns {'again ' * (number % 5)}at {source}",
        doc_id=f"doc-{number}",
        source=source,
        published_at=start + 1000 * number,
        title=f"Title {number}" if number % 2 else None,
        language="en",
        metadata={"number": str(number)},
    )


def publish(platform: Platform, found: Sequence[Document]) -> list[Sent]:
    """Send documents as Avro, with their ids as keys."""
    topic = platform.topics.documents
    encoded = [((one.doc_id or "").encode(), platform.codec.encode(topic, one)) for one in found]
    return send_raw(platform.broker, topic, encoded)


def committed(platform: Platform, role: Role) -> dict[tuple[str, int], int]:
    """Committed offsets of a role, by topic and partition."""
    group, topics = platform.topics.group(role), platform.topics.consumed_by(role)
    with closing(OffsetReader(platform.broker.bootstrap, platform.broker.security)) as reader:
        return reader.committed(group, topics)
