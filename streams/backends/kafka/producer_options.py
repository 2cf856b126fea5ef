"""How Tidemark produces: limits, times, and what librdkafka is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ENVELOPE_BYTES = 512
"""What Kafka's batch format adds to a message, generously."""

_BATCH_BYTES = 1_000_000
_QUEUE_KBYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class ProducerOptions:
    """How to produce.

    Attributes:
        limits: largest message of each topic, in bytes of key, value and headers.
        default_limit: the same for any other topic.
        delivery_timeout: seconds after which a message that nobody acknowledged has failed.
        close_timeout: seconds that closing may wait for acknowledgements.
        client_id: name that brokers log.
    """

    limits: Mapping[str, int] = field(default_factory=dict)
    default_limit: int = 1_000_000
    delivery_timeout: float = 120.0
    close_timeout: float = 30.0
    client_id: str = "tidemark"


def client_config(options: ProducerOptions, *, reports: bool) -> dict[str, str | int | bool]:
    """Return the configuration of librdkafka, without addresses and security.

    Args:
        options: limits and times.
        reports: whether every delivery is reported, not only failures.
    """
    largest = max(options.default_limit, *options.limits.values(), 1_000_000)
    smallest = min(options.default_limit, *options.limits.values(), _BATCH_BYTES)
    return {
        "client.id": options.client_id,
        "enable.idempotence": True,
        "acks": "all",
        # As many as an idempotent producer keeps in order.
        "max.in.flight.requests.per.connection": 5,
        # A topic that the broker makes on demand has the broker's settings, not Tidemark's.
        "allow.auto.create.topics": False,
        "compression.type": "lz4",
        "linger.ms": 5,
        "message.max.bytes": largest + ENVELOPE_BYTES,
        # A batch counts as one message for the broker's limit.
        "batch.size": smallest,
        "queue.buffering.max.kbytes": max(_QUEUE_KBYTES, 4 * largest // 1024),
        "delivery.timeout.ms": int(options.delivery_timeout * 1000),
        # The partition of a key is the same as with Java's clients.
        "partitioner": "murmur2_random",
        "delivery.report.only.error": not reports,
        "socket.keepalive.enable": True,
    }
