"""Tidemark's topics as they should be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from streams.durations import parse_duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.config import Settings
    from streams.topics import Topics

STATE_BYTES = 8 * 1024 * 1024
"""Largest message of the state topic."""

_EXTRA_BYTES = 1024 * 1024
_DAY_MS = 86_400_000
# Compaction leaves the newest segment alone: a restart reads at least that much.
_COMPACTED = {
    "cleanup.policy": "compact",
    "segment.bytes": str(4 * STATE_BYTES),
    "min.cleanable.dirty.ratio": "0.1",
}
# With the producers' own times, a backfill of old documents would be deleted before it is read,
# and one clock that is ahead would keep its segment for ever.
_DELETED = {"cleanup.policy": "delete", "message.timestamp.type": "LogAppendTime"}


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it should be.

    Attributes:
        name: its name.
        partitions: how many it has.
        replication: copies of each.
        config: Kafka's topic-level settings.
        partitioned_like: another topic that must have as many partitions, for keys to meet.
    """

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str] = field(default_factory=dict)
    partitioned_like: str | None = None


@dataclass(frozen=True, slots=True)
class Retention:
    """How long topics keep their messages, in milliseconds; ``size`` in bytes, -1 for no limit."""

    documents: int = 7 * _DAY_MS
    enriched: int = 7 * _DAY_MS
    results: int = 30 * _DAY_MS
    dead_letters: int = 30 * _DAY_MS
    size: int = -1


def largest_message(max_message_bytes: int) -> int:
    """Return the largest message of any topic, in bytes; the broker has to take it."""
    return max(_derived(max_message_bytes), STATE_BYTES)


def topic_limits(topics: Topics, max_message_bytes: int) -> dict[str, int]:
    """Return the largest message of each topic, in bytes.

    An enriched record holds the text and its terms, a dead letter the raw message and more.
    """
    return {
        topics.documents: max_message_bytes,
        topics.enriched: _derived(max_message_bytes),
        topics.stats: max_message_bytes,
        topics.alerts: max_message_bytes,
        topics.state: STATE_BYTES,
        topics.dead_letters: _derived(max_message_bytes),
        topics.receipts: max_message_bytes,
        topics.labels: max_message_bytes,
        topics.shadow: _derived(max_message_bytes),
    }


def topic_specs(
    topics: Topics,
    partitions: int,
    replication: int,
    max_message_bytes: int,
    retention: Retention | None = None,
) -> list[TopicSpec]:
    """Return the topics as they should be; all have the same number of partitions.

    A message counts as written when all replicas but one have it, so that one broker may be away.
    Enriched documents and state have to be partitioned alike: the worker that has a segment's
    documents also has its state.
    """
    limits = topic_limits(topics, max_message_bytes)
    kept = _kept(topics, retention or Retention())
    return [
        TopicSpec(
            name,
            partitions,
            replication,
            {
                "max.message.bytes": str(limits[name]),
                "min.insync.replicas": str(max(1, replication - 1)),
                "compression.type": "producer",
                **kept[name],
            },
            topics.enriched if name == topics.state else None,
        )
        for name in topics.all
    ]


def specs_from_settings(settings: Settings, topics: Topics) -> list[TopicSpec]:
    """Return the topics as the settings want them."""
    retention = Retention(
        documents=parse_duration(settings.retention),
        enriched=parse_duration(settings.retention_enriched),
        results=parse_duration(settings.retention_results),
        dead_letters=parse_duration(settings.retention_dead_letters),
        size=settings.retention_bytes,
    )
    return topic_specs(
        topics, settings.partitions, settings.replication, settings.max_message_bytes, retention
    )


def _kept(topics: Topics, retention: Retention) -> dict[str, dict[str, str]]:
    return {
        topics.documents: _deleted(retention.documents, retention.size),
        topics.enriched: _deleted(retention.enriched, retention.size),
        topics.stats: _deleted(retention.results),
        topics.alerts: _deleted(retention.results),
        topics.state: _COMPACTED,
        topics.dead_letters: _deleted(retention.dead_letters),
        topics.receipts: _deleted(retention.documents, retention.size),
        topics.labels: _deleted(retention.results),
        topics.shadow: _deleted(retention.results),
    }


def _deleted(milliseconds: int, size: int = -1) -> dict[str, str]:
    return {**_DELETED, "retention.ms": str(milliseconds), "retention.bytes": str(size)}


def _derived(max_message_bytes: int) -> int:
    return 2 * max_message_bytes + _EXTRA_BYTES
