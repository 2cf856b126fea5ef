"""How much an alert matters: by the size of the change and by how sure it is.

``critical``: sure (a hundred times rarer by chance than the budget of false alarms asks for) and
large (the documents moved by 0.8 of their own standard deviation along the change, "large" in
Cohen's Statistical Power Analysis, 1988; or a label's share moved by 20 points or more, by the
cautious end of its interval). Where nobody can tell the size, what is sure is critical.
``warning``: everything else that passes its threshold. An alert never becomes less severe.
"""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.drift.finding import Explanation

CRITICAL, WARNING = "critical", "warning"

SURE = log(100)
"""How far a score must be above its threshold for an alert to be critical."""

_LARGE_EFFECT = 0.8
_LARGE_SHARE = 0.2


def severity(score: float, threshold: float, explained: Explanation) -> str:
    """Return ``critical`` or ``warning``."""
    if score - threshold < SURE:
        return WARNING
    if explained.effect is None and not explained.labels:
        return CRITICAL
    shares = (max(label.low, -label.high, 0.0) for label in explained.labels)
    large = (explained.effect or 0.0) >= _LARGE_EFFECT or max(shares, default=0.0) >= _LARGE_SHARE
    return CRITICAL if large else WARNING
