"""Contender: the same job written with Quix Streams, as its documentation shows it."""

from __future__ import annotations

import tempfile
from typing import Any

from quixstreams import Application, message_context
from quixstreams.models.serializers import Serializer

from schemas.messages import Origin
from tests.bench.contenders.job import COMMIT_S, LINGER_MS, MAX_MESSAGE_BYTES, Job, Place


class SecondOfPair(Serializer):  # type: ignore[misc]  # not in this environment
    """The job gives key and value; ``to_topic`` takes the key from the first."""

    def __call__(self, value: tuple[bytes, bytes], ctx: Any) -> bytes:  # noqa: ARG002
        return value[1]


def main() -> None:
    place, job = Place.from_arguments(), Job()

    def enrich(value: bytes, _key: Any, timestamp: int, _headers: Any) -> tuple[bytes, bytes]:
        at = message_context()
        return job(value, Origin(at.topic, at.partition, at.offset, timestamp))

    with tempfile.TemporaryDirectory() as folder:
        app = Application(
            broker_address=place.bootstrap,
            consumer_group=place.group,
            auto_offset_reset="earliest",
            auto_create_topics=False,
            processing_guarantee="at-least-once",
            commit_interval=COMMIT_S,
            state_dir=folder,
            loglevel="WARNING",
            producer_extra_config={
                "enable.idempotence": True,
                "acks": "all",
                "compression.type": "lz4",
                "linger.ms": LINGER_MS,
                "message.max.bytes": MAX_MESSAGE_BYTES,
            },
        )
        source = app.topic(place.source, value_deserializer="bytes", key_deserializer="bytes")
        target = app.topic(place.target, value_serializer=SecondOfPair(), key_serializer="bytes")
        frame = app.dataframe(source).apply(enrich, metadata=True)
        frame.to_topic(target, key=lambda pair: pair[0])
        app.run()


if __name__ == "__main__":
    main()
