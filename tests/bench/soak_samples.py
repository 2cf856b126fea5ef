"""What is looked at every few seconds of a soak."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

from streams.errors import Unavailable
from streams.topics import ROLES, Topics

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from streams.backends.kafka.offsets import Lag, OffsetReader

_MEGABYTE = 1e6
_TRIES = 30
_BLOCK = 512


@dataclass(frozen=True)
class Sample:
    """State of all processes at one moment; sizes in megabytes, ``at`` in seconds of the epoch."""

    at: float
    published: int
    landed: int
    lag: Mapping[str, int]
    rss_mb: Mapping[str, float]
    threads: Mapping[str, int]
    open_files: Mapping[str, int]
    cpu_seconds: Mapping[str, float]
    database_mb: float
    log_mb: float


@dataclass
class Sampler:
    """Looks at processes by name, at a broker's offsets and at folders."""

    processes: Mapping[str, psutil.Process]
    offsets: OffsetReader
    topics: Topics
    database: Path
    log: Path
    samples: list[Sample] = field(default_factory=list)

    def look(self, published: int) -> Sample:
        """Take a sample and keep it."""
        lag: dict[str, int] = {role: self.lag(role) for role in ROLES}
        found = self.processes.items()
        cpu = {name: process.cpu_times() for name, process in found}
        sample = Sample(
            at=time.time(),
            published=published,
            landed=self.landed(),
            lag=lag,
            rss_mb={name: process.memory_info().rss / _MEGABYTE for name, process in found},
            threads={name: process.num_threads() for name, process in found},
            open_files={name: process.num_fds() for name, process in found},
            cpu_seconds={name: times.user + times.system for name, times in cpu.items()},
            database_mb=_size_mb(self.database),
            log_mb=_size_mb(self.log),
        )
        self.samples.append(sample)
        return sample

    def lag(self, role: str) -> int:
        """Return messages that a role has not committed yet, documents' way only."""
        topic = self.topics.documents if role == "enrich" else self.topics.enriched
        group = f"{self.topics.prefix}-{role}"
        return sum(lag.messages for lag in self._asked(group, topic))

    def landed(self) -> int:
        """Return documents whose landing is committed."""
        lags = self._asked(self.topics.group("land"), self.topics.enriched)
        return sum(lag.committed or 0 for lag in lags)

    def _asked(self, group: str, topic: str) -> list[Lag]:
        """Ask the broker; a hiccup of a loaded machine ends no soak of an hour."""
        for left in reversed(range(_TRIES)):
            try:
                return self.offsets.lag(group, [topic])
            except Unavailable:
                if not left:
                    raise
                time.sleep(1)
        raise AssertionError

    def waiting(self) -> int:
        """Return documents on their way through the slowest role."""
        return self.lag("enrich") + max(self.lag("drift"), self.lag("land"))


def java_of(owner_pid: int | None) -> psutil.Process:
    """Return the process of the Apache Kafka that a process of ours runs."""
    (java,) = [
        one for one in psutil.Process(owner_pid).children(recursive=True) if one.name() == "java"
    ]
    return java


def _size_mb(folder: Path) -> float:
    """Return what files take; those that are merged away meanwhile count nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                # Blocks, not lengths: Kafka reserves more for an index than it has written.
                blocks = os.lstat(os.path.join(place, name)).st_blocks  # noqa: PTH118 - many files
                total += _BLOCK * blocks
    return total / _MEGABYTE
