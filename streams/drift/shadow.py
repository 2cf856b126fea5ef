"""Is the promised rate of false alarms kept? Counted where there are enough of them to count.

At the configured budget false alarms are too rare to be counted: once a week, or a year. But the
score promises a rate at every level: it passes ``log n`` once in ``n`` quiet documents. So each
segment counts beside its watching how often its own score passes levels that are far looser, and
how many quiet documents it has seen: observed over expected is the measured ratio of achieved to
promised. Carried over to the configured level it assumes that the tail beyond the loose level
keeps its shape, which the counts at five levels let one judge.

Quiet is what no alert followed: counts wait until the longest window has passed, and are dropped
when an alert comes. A passing counts once until the score has been ten times more common again, as
an alert lasts. What it cannot tell apart: changes too small for an alert count as false alarms
here, so the ratio is rather too high on streams that are not quiet; and segments with the same
error of their reference are not independent, so that the interval of few segments is too narrow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

LEVELS = (100, 300, 1_000, 3_000, 10_000)
"""Quiet documents between two passings."""

_LOGS = np.log(LEVELS).tolist()
_HYSTERESIS = float(np.log(10))


class Shadow:
    """Quiet documents and passings of one segment; cumulative over its references.

    Args:
        hold: documents until counts are confirmed: as many as the longest window looks back.
    """

    def __init__(self, hold: int) -> None:
        self._hold = hold
        self._confirmed = [0] * (1 + len(LEVELS))
        self._pending = [0] * (1 + len(LEVELS))
        self._above = 0  # levels that the score has passed and not left again

    @property
    def totals(self) -> tuple[int, ...]:
        """Quiet documents, then passings of each level."""
        return tuple(self._confirmed)

    def take(self, score: float, documents: int) -> None:
        """Count a block that raised no alert."""
        pending = self._pending
        pending[0] += documents
        while self._above and score < _LOGS[self._above - 1] - _HYSTERESIS:
            self._above -= 1
        while self._above < len(_LOGS) and score > _LOGS[self._above]:
            self._above += 1
            pending[self._above] += 1
        if pending[0] >= self._hold:
            self._confirmed = [a + b for a, b in zip(self._confirmed, pending, strict=True)]
            self._pending = [0] * len(pending)

    def drop(self) -> None:
        """Forget what was not confirmed: an alert came, or another reference."""
        self._pending = [0] * len(self._pending)
        self._above = 0

    def head(self) -> list[list[int]]:
        """Return the state as plain values."""
        return [self._confirmed, self._pending, [self._above]]

    def restore(self, head: Sequence[Sequence[int]] | None) -> None:
        """Set the state from what ``head`` returned; None: of a version that did not count."""
        if head is not None:
            self._confirmed, self._pending = list(head[0]), list(head[1])
            self._above = head[2][0]


def expected(totals: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return how often each level should have been passed, from summed ``totals``."""
    return np.asarray(totals[0] / np.array(LEVELS, np.float64))
