"""Tidemark's topics as they should be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.topics import Topics

STATE_BYTES = 8 * 1024 * 1024
"""Largest message of the state topic."""

_EXTRA_BYTES = 1024 * 1024
# Compaction leaves the newest segment alone: a restart reads at least that much.
_STATE_SETTINGS = {
    "cleanup.policy": "compact",
    "segment.bytes": str(4 * STATE_BYTES),
    "min.cleanable.dirty.ratio": "0.1",
}


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it should be; ``config`` holds Kafka's topic-level settings."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str] = field(default_factory=dict)


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
    }


def topic_specs(
    topics: Topics, partitions: int, replication: int, max_message_bytes: int
) -> list[TopicSpec]:
    """Return the topics as they should be; all have the same number of partitions.

    Documents, enriched documents and state are co-partitioned, so that the worker that has a
    segment also has its state; a difference between them is reported.
    """
    limits = topic_limits(topics, max_message_bytes)
    more = {topics.state: _STATE_SETTINGS}
    return [
        TopicSpec(
            name,
            partitions,
            replication,
            {"max.message.bytes": str(limits[name]), **more.get(name, {})},
        )
        for name in topics.all
    ]


def _derived(max_message_bytes: int) -> int:
    return 2 * max_message_bytes + _EXTRA_BYTES
