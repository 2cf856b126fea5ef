"""False-discovery control: an event in many segments is seen sooner than one in a single segment.

Every segment's score says how often such a score comes by chance, and the budget says how often
each may raise a false alarm: their ratio is at most 1 where the segment alarms by itself. Of the
``m`` segments of a partition the step-up rule of Benjamini and Hochberg (1995) lets the ``k`` with
the smallest ratios alarm together when the largest of these is at most ``k``: each is then granted
``k`` parts of the budget in place of one, ``log k`` of its score. This is how Dandapanthula and
Ramdas ("Multiple testing in multi-stream sequential change detection", 2025, arXiv 2501.04130)
use the rule on many streams that are watched at once; as they show, no rule that alarms at all
can bound the share of false alerts for ever, but that share over the time waited for it can be
bounded. In plain words: on quiet streams ``k`` stays 1, and the budget is what it was; while ``d``
segments have an event, all others together raise at most ``d`` times the budget's alarms for as
long as it lasts, so that of the alerts of an event that lasts for the time ``t`` at most the share
``budget x t`` is expected to be false.

The rule speaks of p-values: the chance that a quiet segment's score is as high as that *now*, which
is the rate of such scores times how long one lasts, at most the longest window. With a generous
budget and slow segments that product is no small number any more, and chance alone would bring
several together: there ``caution`` takes from the grant what exceeds ``MOST_FALSE``, the most
false discoveries that are expected at a time.

A segment is judged against what the others said when the epoch began, a fixed number of messages
of the partition: so the answer does not depend on how messages were cut into batches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

EPOCH = 512
"""Messages of a partition between two comparisons of its segments."""

MOST_FALSE = 0.1
"""Level of the step-up rule: false segments among those that alarm together."""

SILENT = -1e9
"""Standing of a segment without score."""


class Share(NamedTuple):
    """A segment's share of its partition's part of the budget.

    Attributes:
        segments: of the partition.
        discoveries: parts that the segment is granted, 1 unless others have an event.
    """

    segments: int
    discoveries: float = 1.0

    @property
    def shared_by(self) -> float:
        """As if the part were shared by so many segments alike; at least 1."""
        return self.segments / self.discoveries


def caution(false_alarms_per_ms: float, lasting_ms: float) -> float:
    """Return by how much less than its parts a segment is granted; 1 where nothing is to fear.

    Args:
        false_alarms_per_ms: of all segments of the partition together.
        lasting_ms: the longest time that one event of chance lasts.
    """
    return max(1.0, false_alarms_per_ms * lasting_ms / MOST_FALSE)


class Discoveries:
    """How many parts each segment of a partition is granted.

    Args:
        standings: of every segment: the log of the expected milliseconds between false alarms as
            strong as its score, less the log of its ``caution``; ``SILENT`` without score.
        false_alarms_per_ms: that each segment is granted.
    """

    def __init__(self, standings: Sequence[float], false_alarms_per_ms: float) -> None:
        rates = -np.asarray(standings, np.float64) - np.log(false_alarms_per_ms)
        self._rates: npt.NDArray[np.float64] = np.sort(rates)  # logs of the ratios
        ranks = np.arange(1, len(self._rates) + 1)
        passed = np.flatnonzero(self._rates <= np.log(ranks))
        self._together = int(passed[-1]) + 1 if len(passed) else 0
        room = np.where(self._rates <= np.log(ranks + 1), ranks, 0)
        self._below = np.maximum.accumulate(room) if len(room) else room
        self._log_rate = float(np.log(false_alarms_per_ms))

    @property
    def any(self) -> bool:
        """Whether anybody could be granted more than one part."""
        return len(self._rates) > 1 and bool(self._rates[0] <= np.log(2))

    def granted(self, standing: float) -> int:
        """Return the parts of a segment that stood there when the epoch began.

        That is the number of segments that would alarm together if this one did: the step-up rule
        with its own ratio set to 0.
        """
        rank = int(np.searchsorted(self._rates, -standing - self._log_rate))  # before it
        if self._together > rank:
            return self._together
        return 1 + (int(self._below[rank - 1]) if rank else 0)
