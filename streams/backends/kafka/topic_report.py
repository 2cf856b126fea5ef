"""What was found when topics were created or compared, and what a person can do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TopicDifference:
    """A setting of an existing topic that is not as it should be.

    Attributes:
        topic: its name.
        setting: Kafka's name of the setting, or ``partitions`` or ``replication``.
        expected: the value that Tidemark's settings ask for.
        actual: the value that is in force.
        inherited: whether the value is the broker's and not the topic's own.
    """

    topic: str
    setting: str
    expected: str
    actual: str
    inherited: bool = False

    def __str__(self) -> str:
        whose = " (the broker's default)" if self.inherited else ""
        return f"{self.topic}: {self.setting} is {self.actual}{whose}, should be {self.expected}"

    @property
    def alterable(self) -> bool:
        """Whether ``tidemark topics alter`` can set it: neither partitions nor replicas."""
        return self.setting not in {"partitions", "replication"}

    @property
    def remedy(self) -> str:
        """What to do, on one line."""
        if self.setting == "replication":
            return (
                f"kafka-reassign-partitions.sh moves replicas; or set TIDEMARK_REPLICATION="
                f"{self.actual}"
            )
        if self.setting != "partitions":
            return "tidemark topics alter"
        if int(self.actual) > int(self.expected):
            return f"set TIDEMARK_PARTITIONS={self.actual}; partitions cannot be taken away"
        return (
            "stop the producers, let the workers finish, then kafka-topics.sh --alter --topic "
            f"{self.topic} --partitions {self.expected}, as keys move; or set "
            f"TIDEMARK_PARTITIONS={self.actual}"
        )


@dataclass(frozen=True, slots=True)
class TopicsReport:
    """What was found and done.

    Attributes:
        created: topics that were made.
        existing: topics that were there.
        differences: settings of theirs that are not as they should be.
        missing: topics that are not there.
        remarks: what else a person should know, a line each.
    """

    created: tuple[str, ...] = ()
    existing: tuple[str, ...] = ()
    differences: tuple[TopicDifference, ...] = ()
    missing: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
