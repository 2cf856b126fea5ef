"""From "one false alarm per week, over all segments" to a run length in documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

_TRIM = 0.05


def documents_per_ms(published_at: npt.NDArray[np.int64]) -> float:
    """Return a segment's volume in event time; 0 when it cannot be told.

    Measured between the 5th and the 95th percentile of the event times, so that a few misdated
    documents do not stretch the span. A segment whose documents all bear one date has volume 0.
    """
    low, high = np.quantile(published_at, [_TRIM, 1 - _TRIM])
    span = float(high - low)
    return len(published_at) * (1 - 2 * _TRIM) / span if span > 0 else 0.0


def log_run_length_target(
    volume: float, segments: int, false_alarms_per_ms: float, least: float, largest: float
) -> float:
    """Return the log of the documents of one segment between two false alarms that are granted.

    The budget is shared equally among the segments known: each may raise a false alarm once in
    ``segments / budget`` milliseconds, which are ``volume`` times as many documents. Never less
    than ``least`` (10,000) documents - a slow segment, or one whose volume cannot be told, gets a
    stricter threshold than the budget asks for - and never more than ``largest`` (100 million),
    beyond which the tail of the bootstrap would only be guessed.
    """
    documents = volume * max(segments, 1) / false_alarms_per_ms
    return float(np.log(min(max(documents, least), largest)))
