"""Where recent documents ask for a topic of their own.

A swap in the manner of Fränti ("Efficiency of random swap clustering", J. Big Data 5, 2018),
with the seed chosen by what it would gain instead of at random. Half of the documents propose, the
other half judge: a group that is found in noise alone gains nothing there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from streams.trends.centres import UNIT, directions

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats32 = npt.NDArray[np.float32]

_SEEDS = 12
_NEIGHBOUR = np.float32(0.75)
"""A document is nearer to its centre than to one of its neighbours."""
_ROUNDS = 2
_SEED = 5


@dataclass(frozen=True, slots=True)
class Proposal:
    """A new centre.

    Attributes:
        captured: which of the documents are nearer to it than to their own centre.
        gain: sum of similarities gained over all documents, judged by those that did not propose.
        judges: how many of these are captured.
    """

    captured: npt.NDArray[np.bool_]
    gain: float
    judges: int


def propose(rows: Floats32, fit: Floats32) -> Proposal | None:
    """Return the best new centre found; None where no document is nearer to it.

    Args:
        rows: unit vectors in ``1 / SCALE``, shape ``(n, d)``, n at least 2.
        fit: products with their own centres, in ``1 / UNIT``.
    """
    judges = _judges(len(rows))
    proposing = np.flatnonzero(~judges)
    centre = _best_centre(rows.take(proposing, axis=0), fit.take(proposing))
    if centre is None:
        return None
    better = rows @ centre - fit
    judged = better[judges & (better > 0)].astype(np.float64)
    gain = float(judged.sum()) / UNIT * len(rows) / max(1, int(np.count_nonzero(judges)))
    return Proposal(better > 0, gain, len(judged))


def _best_centre(rows: Floats32, fit: Floats32) -> Floats32 | None:
    """Return the centre that gains most, of those that grow from documents that fit badly."""
    worst = np.argsort(fit, kind="stable")[: max(1, len(rows) // 2)]
    seeds = worst[np.linspace(0, len(worst) - 1, min(_SEEDS, len(worst))).astype(np.intp)]
    better = rows @ rows[seeds].T - (_NEIGHBOUR * fit)[:, None]
    better[seeds, np.arange(len(seeds))] = 0.0  # a seed is no witness for itself
    for _ in range(_ROUNDS):
        members = (better > 0).astype(np.float32)
        centres = directions((members.T @ rows).astype(np.float64))
        better = rows @ centres.T - fit[:, None]
    gains = np.maximum(better, 0.0).sum(axis=0, dtype=np.float64)
    best = int(gains.argmax())
    return centres[best] if gains[best] > 0 else None


@lru_cache(maxsize=32)
def _judges(count: int) -> npt.NDArray[np.bool_]:
    """Return about half of the places, without a period that a stream could have too."""
    return np.asarray(np.random.Philox(key=_SEED).random_raw(count) >> np.uint64(63), np.bool_)
