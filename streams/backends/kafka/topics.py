"""Create Tidemark's topics, and say where existing ones differ; never change them silently."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streams.backends.kafka.topic_admin import TopicAdmin, is_inherited
from streams.backends.kafka.topic_report import TopicDifference, TopicsReport
from streams.backends.kafka.topic_specs import (
    Retention,
    TopicSpec,
    specs_from_settings,
    topic_limits,
    topic_specs,
)
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.backends.kafka.broker import Broker

__all__ = [
    "Retention",
    "TopicDifference",
    "TopicSpec",
    "TopicsReport",
    "alter_topics",
    "check_topics",
    "ensure_topics",
    "specs_from_settings",
    "topic_limits",
    "topic_specs",
]

_SECONDS = 30.0
_UNSEEN = (
    "the topics' settings cannot be compared, as this user may not see them: allow DescribeConfigs "
    "on the topics, or let an administrator run `tidemark topics check`"
)


def ensure_topics(
    broker: Broker, specs: Sequence[TopicSpec], timeout: float = _SECONDS
) -> TopicsReport:
    """Create what is missing, compare what exists, wait until clients can use all of it.

    Raises:
        Misconfigured: a topic is missing and the user may not create it, a setting is impossible,
            or topics that have to be partitioned alike are not.
        Unavailable: the broker does not answer in time.
    """
    admin = TopicAdmin(broker, timeout)
    names = [spec.name for spec in specs]
    before = admin.counts()
    missing = [_alike(spec, before) for spec in specs if spec.name not in before]
    if broker.kind == "in-process":
        # That cluster cannot create topics on request, but does when one is named.
        for spec in missing:
            admin.name(spec.name)
        created = {spec.name for spec in missing}
    else:
        created = admin.create(missing)
    counts = admin.wait_for(names)
    _refuse_apart(specs, counts)
    kept = [spec for spec in specs if spec.name not in created or broker.kind == "in-process"]
    differences, remarks = _compared(admin, broker, kept, counts)
    return TopicsReport(
        created=tuple(name for name in names if name in created),
        existing=tuple(name for name in names if name not in created),
        differences=differences,
        remarks=remarks,
    )


def check_topics(
    broker: Broker, specs: Sequence[TopicSpec], timeout: float = _SECONDS
) -> TopicsReport:
    """Compare what exists, and name what is missing; changes nothing.

    Raises:
        Misconfigured: the user or TLS is wrong, or topics that have to be partitioned alike are
            not.
        Unavailable: the broker does not answer in time.
    """
    admin = TopicAdmin(broker, timeout)
    counts = admin.counts()
    there = [spec for spec in specs if spec.name in counts]
    _refuse_apart(there, counts)
    differences, remarks = _compared(admin, broker, there, counts)
    return TopicsReport(
        existing=tuple(spec.name for spec in there),
        missing=tuple(spec.name for spec in specs if spec.name not in counts),
        differences=differences,
        remarks=remarks,
    )


def alter_topics(
    broker: Broker, differences: Sequence[TopicDifference], timeout: float = _SECONDS
) -> None:
    """Give topics the settings that differ; partitions and replicas stay.

    Raises:
        Misconfigured: the user may not, or a value is impossible.
        Unavailable: the broker does not answer in time.
    """
    changes: dict[str, dict[str, str]] = {}
    for one in differences:
        if one.alterable:
            changes.setdefault(one.topic, {})[one.setting] = one.expected
    if changes:
        TopicAdmin(broker, timeout).alter(changes)


def _alike(spec: TopicSpec, counts: Mapping[str, tuple[int, int]]) -> TopicSpec:
    """A topic that is made beside an older one gets as many partitions as that has."""
    other = counts.get(spec.partitioned_like or "")
    return spec if other is None else replace(spec, partitions=other[0])


def _refuse_apart(specs: Sequence[TopicSpec], counts: Mapping[str, tuple[int, int]]) -> None:
    for spec in specs:
        other = counts.get(spec.partitioned_like or "")
        mine = counts[spec.name][0]
        if other is None or other[0] == mine:
            continue
        raise Misconfigured(
            f"{spec.partitioned_like} has {other[0]} partitions and {spec.name} {mine}, "
            "but a segment's documents and its state have to meet: give both the same number (or "
            f"stop the drift workers and delete {spec.name}: references are learned anew)"
        )


def _compared(
    admin: TopicAdmin,
    broker: Broker,
    specs: Sequence[TopicSpec],
    counts: Mapping[str, tuple[int, int]],
) -> tuple[tuple[TopicDifference, ...], tuple[str, ...]]:
    """Return what differs, and remarks."""
    if broker.kind == "in-process":
        # It knows no settings, and one copy.
        found = _count_differences(specs, counts)
        return tuple(one for one in found if one.setting == "partitions"), ()
    settings = admin.settings([spec.name for spec in specs])
    differences = _count_differences(specs, counts)
    if settings is None:
        return tuple(differences), (_UNSEEN,)
    for spec in specs:
        for name, expected in spec.config.items():
            entry = settings[spec.name].get(name)
            if entry is not None and entry.value != expected:
                actual, inherited = str(entry.value), is_inherited(entry)
                differences.append(TopicDifference(spec.name, name, expected, actual, inherited))
    return tuple(differences), ()


def _count_differences(
    specs: Sequence[TopicSpec], counts: Mapping[str, tuple[int, int]]
) -> list[TopicDifference]:
    return [
        TopicDifference(spec.name, setting, str(expected), str(actual))
        for spec in specs
        for setting, expected, actual in (
            ("partitions", spec.partitions, counts[spec.name][0]),
            ("replication", spec.replication, counts[spec.name][1]),
        )
        if expected != actual
    ]
