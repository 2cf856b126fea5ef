"""What a run was responsible for, from its first offset to its last, as a report."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from streams.errors import Misconfigured
from streams.runtime.measure import Figures, Span, measure
from streams.runtime.report import Report

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.runtime.completion import Completion
    from streams.runtime.memory import MemorySampler
    from streams.runtime.platform import Platform
    from streams.runtime.wiring import Parts


class RunRecord:
    """Notes where a run begins; ``report`` tells what came of it.

    Args:
        platform: broker, clock, topics.
        parts: model and database.
        completion: knows the committed offsets.
        memory: samples resident memory.
    """

    def __init__(
        self, platform: Platform, parts: Parts, completion: Completion, memory: MemorySampler
    ) -> None:
        self._platform = platform
        self._parts = parts
        self._completion = completion
        self._memory = memory
        self._low = tuple(completion.committed())
        self._since_ms = 0 if platform.broker.durable else platform.clock.now_ms()
        self._started = time.monotonic()
        self._started_ms = platform.clock.now_ms()

    def restart_clock(self) -> None:
        """Count the seconds from now on: the set-up before is not the pipeline's."""
        self._started = time.monotonic()
        self._started_ms = self._platform.clock.now_ms()

    def figures(self) -> Figures:
        """Ask the database what became of every message since the run began.

        Raises:
            Misconfigured: no role of this process lands, so nobody knows.
        """
        if self._parts.warehouse is None:
            raise Misconfigured("--report needs the land role, which knows what has landed")
        high = tuple(self._completion.committed())
        low = self._low + (0,) * (len(high) - len(self._low))
        span = Span(low, high, self._since_ms)
        return measure(self._parts.warehouse, self._platform.topics.documents, span)

    def report(
        self,
        *,
        model_documents_per_second: float | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> Report:
        """Return the report; the clock ran from the start to the last row that landed."""
        figures = self.figures()
        seconds = max((figures.last_landed_at - self._started_ms) / 1000, 1e-3)
        if not figures.landed:
            seconds = time.monotonic() - self._started
        speed = (figures.landed + figures.dead_letters) / seconds
        model = model_documents_per_second
        card = self._parts.enricher.card if self._parts.enricher else None
        profile = self._memory.profile
        # What a stop left between the roles is landed by the next run; it is not lost.
        in_flight = min(figures.lost, self._completion.in_flight()) if figures.lost > 0 else 0
        first, second = profile.halves()
        return Report(
            documents_in=figures.messages,
            rows_landed=figures.rows,
            lost=figures.lost - in_flight,
            duplicated=figures.duplicated,
            dead_letters=figures.dead_letters,
            alerts=figures.alerts,
            seconds=round(seconds, 3),
            documents_per_second=round(speed, 2),
            model_documents_per_second=round(model, 2) if model else None,
            pipeline_efficiency=round(speed / model, 4) if model else None,
            latency_ms=figures.latency_ms,
            peak_rss_mb=round(profile.peak, 1),
            device=card.device if card else "",
            compute_type=card.compute_type if card else "",
            broker=self._platform.broker.kind,
            database="chdb" if "chdb" in self._platform.settings.clickhouse_url else "clickhouse",
            details={
                "rss_mb_first_half": round(first, 1),
                "rss_mb_second_half": round(second, 1),
                "children_peak_rss_mb": round(profile.children_peak, 1),
                "in_flight": in_flight,
                **(details or {}),
            },
        )
