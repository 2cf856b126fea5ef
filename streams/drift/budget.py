"""From "one false alarm per week, over all segments" to what one test of one segment is granted.

No worker asks another. The budget is cut into equal parts, one for each partition of the enriched
topic, and a partition's part among the segments of that partition: all parts together are the
budget, wherever the partitions are, and a part moves with its partition. What it costs: a lone
segment on ``P`` partitions is granted ``1 / P`` of the budget, ``log P`` of its score. Within a
segment the drift scan and the plain monitors hold a stated share each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

_TRIM = 0.05
_WEEK_MS = 7 * 86_400_000

Holder = Literal["scan", "monitors"]

SHARES: dict[Holder, float] = {"scan": 0.75, "monitors": 0.25}
"""Of a segment's part: the scan over embedding, labels and words, and the plain monitors."""


@dataclass(frozen=True, slots=True)
class Budget:
    """False alarms that are allowed, in event time.

    Attributes:
        false_alarms_per_ms: over all workers, segments and statistics together.
        partitions: of the enriched topic.
    """

    false_alarms_per_ms: float
    partitions: int = 1

    def of_segment(self, segments: float, holder: Holder) -> float:
        """Return the false alarms per millisecond that one segment's tests are granted.

        Args:
            segments: that share the partition's part alike; at least 1.
            holder: whose tests; each holder's part covers all that it tests together.
        """
        parts = self.partitions * max(segments, 1)
        return self.false_alarms_per_ms * SHARES[holder] / parts

    def of_test(self, segments: float, holder: Holder, tests: int, every_ms: float) -> float:
        """Return the significance level of one test that is made every ``every_ms``.

        Level x tests / interval is the holder's part (a union bound: no dependence among the
        tests breaks it); never more than 1 in 100.

        Args:
            segments: of the segment's partition.
            holder: whose tests.
            tests: that are made of the segment at a time.
            every_ms: milliseconds of event time from one time to the next, as a window's length.
        """
        return min(self.of_segment(segments, holder) * every_ms / max(tests, 1), 0.01)


def documents_per_ms(published_at: npt.NDArray[np.int64]) -> float:
    """Return a segment's volume in event time; 0 when it cannot be told.

    Measured between the 5th and the 95th percentile of the event times, so that a few misdated
    documents do not stretch the span. A segment whose documents all bear one date has volume 0.
    """
    low, high = np.quantile(published_at, [_TRIM, 1 - _TRIM])
    span = float(high - low)
    return len(published_at) * (1 - 2 * _TRIM) / span if span > 0 else 0.0


def log_run_length_target(
    volume: float, false_alarms_per_ms: float, least: float, largest: float
) -> float:
    """Return the log of the documents of one segment between two false alarms that are granted.

    A segment that may raise ``false_alarms_per_ms`` (``Budget.of_segment``) has ``volume`` times
    its reciprocal as many documents between two. Never less than ``least`` (10,000) documents - a
    slow segment, or one whose volume cannot be told, gets a stricter threshold than the budget
    asks for - and never more than ``largest`` (100 million), beyond which the tail of the bootstrap
    would only be guessed.
    """
    documents = volume / false_alarms_per_ms
    return float(np.log(min(max(documents, least), largest)))


def expected_per_week(score: float, volume: float, budget: Budget, granted: float) -> float | None:
    """Return how many false alarms this strong a week brings, over all segments and statistics.

    A segment of ``volume`` documents per millisecond has ``volume / exp(score)`` of them; it holds
    ``granted`` of the budget, and the others hold the rest at the same strength. None where the
    volume cannot be told.
    """
    if volume <= 0:
        return None
    return float(volume * np.exp(-score) * _WEEK_MS * budget.false_alarms_per_ms / granted)
