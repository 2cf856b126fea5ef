"""Prometheus metrics: every name, type and meaning stands here, so that a typo fails the types."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

if TYPE_CHECKING:
    from collections.abc import Iterator

CounterName = Literal[
    "tidemark_messages_received_total",
    "tidemark_documents_landed_total",
    "tidemark_dead_letters_landed_total",
    "tidemark_dead_letters_total",
    "tidemark_drift_alerts_total",
    "tidemark_offsets_missing_total",
]
_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._received = Counter(
            "tidemark_messages_received_total",
            "Messages read, by role.",
            ["role"],
            registry=self._registry,
        )
        self._steps = Histogram(
            "tidemark_step_seconds",
            "Seconds that a step took for one batch.",
            ["role", "step"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._landed = Counter(
            "tidemark_documents_landed_total",
            "Documents written, redelivered ones too.",
            registry=self._registry,
        )
        self._letters_landed = Counter(
            "tidemark_dead_letters_landed_total",
            "Dead letters written to ClickHouse.",
            registry=self._registry,
        )
        self._dead_letters = Counter(
            "tidemark_dead_letters_total",
            "Messages refused.",
            ["role", "code"],
            registry=self._registry,
        )
        self._alerts = Counter(
            "tidemark_drift_alerts_total", "Drift alerts raised.", registry=self._registry
        )
        self._skipped = Counter(
            "tidemark_messages_skipped_total",
            "Unreadable messages left to land.",
            ["role"],
            registry=self._registry,
        )
        self._missing = Counter(
            "tidemark_offsets_missing_total",
            "Offsets that were never delivered: lost by the broker.",
            ["role", "topic"],
            registry=self._registry,
        )
        self._latency = Histogram(
            "tidemark_latency_seconds",
            "Seconds from a document's arrival at the broker to its durable landing.",
            buckets=(*_SECONDS, 120, 300, 900, 3600),
            registry=self._registry,
        )
        self._counters: dict[CounterName, Counter] = {
            "tidemark_messages_received_total": self._received,
            "tidemark_documents_landed_total": self._landed,
            "tidemark_dead_letters_landed_total": self._letters_landed,
            "tidemark_dead_letters_total": self._dead_letters,
            "tidemark_drift_alerts_total": self._alerts,
            "tidemark_offsets_missing_total": self._missing,
        }
        self._at_work = Gauge(
            "tidemark_batches_at_work",
            "Batches read and not yet acknowledged.",
            ["role"],
            registry=self._registry,
        )

    def received(self, role: str, messages: int) -> None:
        """Count messages read."""
        self._received.labels(role).inc(messages)

    def received_by(self, role: str) -> int:
        """Return the number of messages that a role has read."""
        (metric,) = self._received.collect()
        return sum(
            int(sample.value)
            for sample in metric.samples
            if sample.name.endswith("_total") and sample.labels["role"] == role
        )

    @contextmanager
    def step(self, role: str, step: str) -> Iterator[None]:
        """Time a step of a batch."""
        started = time.perf_counter()
        yield
        self._steps.labels(role, step).observe(time.perf_counter() - started)

    def landed(self, documents: int, letters: int) -> None:
        """Count rows written."""
        self._landed.inc(documents)
        self._letters_landed.inc(letters)

    def latency(self, milliseconds: int) -> None:
        """Observe one document's way from the broker to the database."""
        self._latency.observe(max(0, milliseconds) / 1000)

    def dead_letter(self, role: str, code: str) -> None:
        """Count a refused message."""
        self._dead_letters.labels(role, code).inc()

    def alert(self) -> None:
        """Count an alert."""
        self._alerts.inc()

    def skipped(self, role: str) -> None:
        """Count an unreadable message that another role dead-letters."""
        self._skipped.labels(role).inc()

    def missing(self, role: str, topic: str, offsets: int) -> None:
        """Count offsets that the broker never delivered."""
        self._missing.labels(role, topic).inc(offsets)

    def at_work(self, role: str, batches: int) -> None:
        """Set the number of batches in flight."""
        self._at_work.labels(role).set(batches)

    def total(self, name: CounterName) -> float:
        """Return a counter's sum over all its labels; for reports and the status page."""
        (metric,) = self._counters[name].collect()
        return sum(sample.value for sample in metric.samples if sample.name == name)

    def exposition(self) -> bytes:
        """Return the Prometheus text exposition."""
        return generate_latest(self._registry)
