"""What a bounded run reports: counts from the ledger, speed, latency, memory."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Report:
    """Figures of one run; times in seconds unless named otherwise.

    Attributes:
        documents_in: messages acknowledged by the broker for the documents topic.
        rows_landed: documents with a row in ClickHouse.
        lost: messages that are neither landed nor dead-lettered nor in flight.
        duplicated: rows that a query would show twice.
        model_documents_per_second: the enrichment function alone on the same documents.
        pipeline_efficiency: ``documents_per_second / model_documents_per_second``.
        latency_ms: from the broker's timestamp to the durable row; quantiles.
        peak_rss_mb: highest resident set of this process, sampled.
    """

    documents_in: int
    rows_landed: int
    lost: int
    duplicated: int
    dead_letters: int
    alerts: int
    seconds: float
    documents_per_second: float
    model_documents_per_second: float | None
    pipeline_efficiency: float | None
    latency_ms: dict[str, float | None]
    peak_rss_mb: float
    device: str
    compute_type: str
    broker: str
    database: str
    details: dict[str, Any] = field(default_factory=dict)


def write_report(path: Path, report: Report) -> None:
    """Write the report as JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(orjson.dumps(asdict(report), option=orjson.OPT_INDENT_2))
    temporary.replace(path)


@dataclass(frozen=True, slots=True)
class MemoryProfile:
    """Resident memory in MiB over a run: ``(seconds, process, its children)`` samples."""

    samples: Sequence[tuple[float, float, float]]

    @property
    def peak(self) -> float:
        """Highest resident set of the process."""
        return max((process for _, process, _ in self.samples), default=0.0)

    @property
    def children_peak(self) -> float:
        """Highest resident set of its children together (the local broker)."""
        return max((children for _, _, children in self.samples), default=0.0)

    def halves(self) -> tuple[float, float]:
        """Mean resident set of the first and of the second half of the samples."""
        middle = len(self.samples) // 2
        return _mean(self.samples[:middle]), _mean(self.samples[middle:])


def _mean(samples: Sequence[tuple[float, float, float]]) -> float:
    return sum(process for _, process, _ in samples) / len(samples) if samples else 0.0
