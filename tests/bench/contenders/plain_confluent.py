"""Contender: librdkafka's consumer and producer in one loop; what Python can do at best."""

from __future__ import annotations

import signal
import threading
import time

from confluent_kafka import Consumer, Message, Producer, TopicPartition

from schemas.messages import Origin
from tests.bench.contenders.job import COMMIT_S, LINGER_MS, MAX_MESSAGE_BYTES, Job, Place

_FETCH_MESSAGES = 500
_POLL_S = 0.2


class Pipe:
    """Moves messages through the job and commits what is durable."""

    def __init__(self, place: Place) -> None:
        self._target = place.target
        self._job = Job()
        self._consumer = Consumer(
            {
                "bootstrap.servers": place.bootstrap,
                "group.id": place.group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
            }
        )
        self._consumer.subscribe([place.source])
        self._producer = Producer(
            {
                "bootstrap.servers": place.bootstrap,
                "enable.idempotence": True,
                "acks": "all",
                "compression.type": "lz4",
                "linger.ms": LINGER_MS,
                "message.max.bytes": MAX_MESSAGE_BYTES,
                "delivery.report.only.error": True,
            }
        )
        self._done: dict[int, int] = {}
        self._errors: list[object] = []
        self._topic = place.source

    def run(self, stop: threading.Event) -> None:
        committed = time.monotonic()
        while not stop.is_set():
            for message in self._consumer.consume(_FETCH_MESSAGES, _POLL_S):
                self._work(message)
            self._producer.poll(0)
            if time.monotonic() - committed >= COMMIT_S:
                self._commit()
                committed = time.monotonic()
        self._commit()
        self._consumer.close()

    def _work(self, message: Message) -> None:
        if message.error():
            raise SystemExit(str(message.error()))
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        value = message.value()
        assert topic is not None
        assert partition is not None
        assert offset is not None
        assert isinstance(value, bytes)
        origin = Origin(topic, partition, offset, message.timestamp()[1])
        key, enriched = self._job(value, origin)
        self._producer.produce(self._target, enriched, key, on_delivery=self._failed)
        self._done[partition] = offset + 1

    def _failed(self, error: object, _message: Message) -> None:
        self._errors.append(error)

    def _commit(self) -> None:
        if self._producer.flush(60) or self._errors:
            raise SystemExit(f"outputs are not durable: {self._errors[:1]}")
        offsets = [TopicPartition(self._topic, p, offset) for p, offset in self._done.items()]
        if offsets:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        self._done.clear()


def main() -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    Pipe(Place.from_arguments()).run(stop)


if __name__ == "__main__":
    main()
