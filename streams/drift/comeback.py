"""Whether a stream that has left its reference has come back to it.

After an alarm the old reference goes on being asked. The stream is back when, over a window as long
as the one that raised the alarm (80 to 640 documents),

* the scan over windows up to that length is ten times below the threshold, and
* the documents lie no further along the change than quiet ones do by chance (1.5 standard errors):
  a small change that lasts can escape the first rule for a while, but not both,

for half as many documents in a row. So a change that passed after a hundred documents is told from
one that stays, and a score that hovers about the threshold is neither closed nor opened again.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from streams.drift.watch import Verdict, Watch

_SHORTEST, _LONGEST = 80, 640
_STANDARD_ERRORS = 1.5
_BELOW = log(10)


@dataclass(slots=True)
class Departure:
    """How a stream left its reference, and how long it has looked as if it were back.

    Attributes:
        direction: of the change, a unit vector in standard scores, shape ``(columns,)``.
        documents: length of the window that is looked at.
        since: documents since the alarm.
        clean: documents in a row at which the stream looked as if it were back.
    """

    direction: npt.NDArray[np.float32]
    documents: int
    since: int = 0
    clean: int = 0

    @classmethod
    def at(cls, verdict: Verdict, watch: Watch) -> Departure:
        """Return the departure of an alarm."""
        direction = watch.reference.scan.weights[:, verdict.ridge] * verdict.window_mean
        direction = direction / max(float(np.linalg.norm(direction)), 1e-12)
        documents = min(max(verdict.documents, _SHORTEST), _LONGEST)
        return cls(direction.astype(np.float32), documents)

    def returned(self, verdict: Verdict, watch: Watch, threshold: float, block: int) -> bool:
        """Take in the verdict on one block; returns whether the stream is back."""
        self.since += block
        self.clean = self.clean + block if self._looks_back(verdict, watch, threshold, block) else 0
        return self.clean >= self.documents // 2

    def numbers(self) -> list[int]:
        """Return the state without the direction."""
        return [self.documents, self.since, self.clean]

    @classmethod
    def restored(cls, numbers: list[int], direction: npt.NDArray[Any]) -> Departure:
        """Return the departure of ``numbers``."""
        return cls(direction, *numbers)

    def _looks_back(self, verdict: Verdict, watch: Watch, threshold: float, block: int) -> bool:
        if self.since < self.documents:
            return False
        if watch.score_up_to(verdict, self.documents) > threshold - _BELOW:
            return False
        along = float(watch.sums.last(self.documents // block) @ self.direction.astype(np.float64))
        spread = sqrt(self.documents * (1 + self.documents / watch.reference.documents))
        return along < _STANDARD_ERRORS * spread
