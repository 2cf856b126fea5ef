"""Contender: aiokafka's consumer and producer, without any framework.

Outputs of one fetch are on their way to the broker while the next fetch is worked on; offsets are
committed once a second, after the outputs before them have been acknowledged.
"""

from __future__ import annotations

import asyncio
import signal
import time
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from schemas.messages import Origin
from tests.bench.contenders.job import COMMIT_S, LINGER_MS, MAX_MESSAGE_BYTES, Job, Place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FETCH_MESSAGES = 500
_POLL_MS = 200


class Pipe:
    """Moves messages through the job and commits what is durable."""

    def __init__(self, place: Place) -> None:
        self._target = place.target
        self._job = Job()
        self.consumer = AIOKafkaConsumer(
            place.source,
            bootstrap_servers=place.bootstrap,
            group_id=place.group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        self.producer = AIOKafkaProducer(
            bootstrap_servers=place.bootstrap,
            enable_idempotence=True,
            acks="all",
            compression_type="lz4",
            linger_ms=LINGER_MS,
            max_request_size=MAX_MESSAGE_BYTES,
        )
        self._sent: list[asyncio.Future[Any]] = []
        self._done: dict[Any, int] = {}
        self._committed = time.monotonic()

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            fetched = await self.consumer.getmany(timeout_ms=_POLL_MS, max_records=_FETCH_MESSAGES)
            await self._work(fetched)
            if time.monotonic() - self._committed >= COMMIT_S:
                await self.commit()

    async def _work(self, fetched: Mapping[Any, Sequence[Any]]) -> None:
        for partition, records in fetched.items():
            for record in records:
                origin = Origin(record.topic, record.partition, record.offset, record.timestamp)
                key, value = self._job(record.value, origin)
                self._sent.append(await self.producer.send(self._target, value, key))
            self._done[partition] = records[-1].offset + 1

    async def commit(self) -> None:
        sent, self._sent = self._sent, []
        done, self._done = self._done, {}
        await asyncio.gather(*sent)
        if done:
            await self.consumer.commit(done)
        self._committed = time.monotonic()


async def main() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    pipe = Pipe(Place.from_arguments())
    async with pipe.consumer, pipe.producer:
        await pipe.run(stop)
        await pipe.commit()


if __name__ == "__main__":
    asyncio.run(main())
