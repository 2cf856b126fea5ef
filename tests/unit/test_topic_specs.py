"""Topics as they should be, and what is said where they are not."""

from __future__ import annotations

import pytest

from streams.backends.kafka.topic_report import TopicDifference
from streams.backends.kafka.topic_specs import specs_from_settings, topic_specs
from streams.config import Settings
from streams.topics import Topics

TOPICS = Topics()


def test_settings_become_the_topics_own() -> None:
    """Each kind of topic has its retention; the state is compacted and kept."""
    settings = Settings(
        retention="1h", retention_enriched="2h", retention_results="3h",
        retention_dead_letters="4h", retention_bytes=1000, partitions=6, replication=3,
    )  # fmt: skip
    specs = {spec.name: spec for spec in specs_from_settings(settings, TOPICS)}
    hours = {
        name: int(spec.config["retention.ms"]) // 3_600_000
        for name, spec in specs.items()
        if "retention.ms" in spec.config
    }
    assert hours == {
        TOPICS.documents: 1,
        TOPICS.enriched: 2,
        TOPICS.stats: 3,
        TOPICS.alerts: 3,
        TOPICS.dead_letters: 4,
        TOPICS.receipts: 1,
        TOPICS.labels: 3,
        TOPICS.shadow: 3,
    }
    sizes = {name: spec.config.get("retention.bytes") for name, spec in specs.items()}
    assert sizes[TOPICS.documents] == sizes[TOPICS.enriched] == "1000"
    assert {sizes[TOPICS.stats], sizes[TOPICS.dead_letters]} == {"-1"}
    assert specs[TOPICS.state].config["cleanup.policy"] == "compact"
    assert {(spec.partitions, spec.replication) for spec in specs.values()} == {(6, 3)}


@pytest.mark.parametrize(("replication", "in_sync"), [(1, "1"), (2, "1"), (3, "2"), (5, "4")])
def test_all_replicas_but_one_have_to_be_in_sync(replication: int, in_sync: str) -> None:
    """One broker may be away, and what was acknowledged still has more than one copy."""
    specs = topic_specs(TOPICS, 4, replication, 1 << 20)
    assert {spec.config["min.insync.replicas"] for spec in specs} == {in_sync}


def test_only_the_brokers_clock_counts() -> None:
    """Else a backfill of old documents would be deleted before it is read."""
    kinds = {
        spec.config.get("message.timestamp.type")
        for spec in topic_specs(TOPICS, 4, 1, 1 << 20)
        if spec.config["cleanup.policy"] == "delete"
    }
    assert kinds == {"LogAppendTime"}


@pytest.mark.parametrize(
    ("difference", "told", "remedy", "alterable"),
    [
        (
            TopicDifference("t", "retention.ms", "1", "2"),
            "t: retention.ms is 2, should be 1",
            "topics alter",
            True,
        ),
        (
            TopicDifference("t", "max.message.bytes", "9", "1", inherited=True),
            "t: max.message.bytes is 1 (the broker's default), should be 9",
            "topics alter",
            True,
        ),
        (
            TopicDifference("t", "partitions", "4", "6"),
            "t: partitions is 6, should be 4",
            "set TIDEMARK_PARTITIONS=6",
            False,
        ),
        (
            TopicDifference("t", "partitions", "6", "4"),
            "t: partitions is 4, should be 6",
            "--partitions 6",
            False,
        ),
        (
            TopicDifference("t", "replication", "3", "1"),
            "t: replication is 1, should be 3",
            "kafka-reassign-partitions.sh",
            False,
        ),
    ],
)
def test_a_difference_says_what_to_do(
    difference: TopicDifference, told: str, remedy: str, *, alterable: bool
) -> None:
    """On one line each."""
    assert str(difference) == told
    assert remedy in difference.remedy
    assert difference.alterable is alterable
