"""Groups that are born, grow, merge and fade, decided at fixed documents of the stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.trends.centres import Centres, totals
from streams.trends.proposal import propose

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats32 = npt.NDArray[np.float32]
    Captured = npt.NDArray[np.bool_]
    Places = npt.NDArray[np.intp]

MOST = 32
"""Groups at a time."""

_DOCUMENTS_EACH = 12
_LEAST = 6
_LEAST_JUDGES = 2
_LEAST_GAIN = 0.02
"""Similarity that the documents of a new group gain on average, while there is room."""
_MARGIN = 1.2
"""Where there is none: how much more a new group must gain than merging two others costs."""
_SAME = 0.9
"""Groups whose centres have this cosine are one."""
_FADED = 1.5
_HALF_LIFE = 4_096  # documents
_ROUNDS = 1
_SETTLING = 2
_BIRTHS, _FIRST_BIRTHS = 2, 12


class Birth(NamedTuple):
    """A group was born at the last place, of recent documents; most of them from ``parent``."""

    captured: Captured
    parent: int | None


class Merge(NamedTuple):
    """The group at ``gone`` went into the one at ``into``; both are places before the merge."""

    into: int
    gone: int


class Fade(NamedTuple):
    """The group at a place has no documents any more."""

    place: int


class Groups:
    """The groups' life at a turn; each method tells what happened, in order."""

    def __init__(self, centres: Centres) -> None:
        self.centres = centres
        self.changes: list[Birth | Merge | Fade] = []
        self._found: tuple[Centres, Places] | None = None

    def places(self, recent: Floats32, new: int) -> Places:
        """Return the nearest group of the newest of the documents of the last turn."""
        if self._found is not None and self._found[0] is self.centres:
            return self._found[1][-new:]
        return self.centres.nearest(recent[-new:])[0]

    def turn(self, recent: Floats32, new: int, seen: int) -> list[Birth | Merge | Fade]:
        """Take in the newest of the recent documents, and let groups be born, merge and fade.

        Args:
            recent: unit vectors in ``1 / SCALE`` of the last documents, shape ``(n, d)``.
            new: how many of them have come since the last turn.
            seen: documents of the stream up to now.
        """
        self.changes, self._found = [], None
        young = seen <= len(recent)
        if len(self.centres):
            fade = 1.0 if young else 0.5 ** (new / _HALF_LIFE)
            self.centres = self.centres.followed(recent[-new:], fade, _ROUNDS)
            self._fade()
        else:
            self._begin(recent)
        most = min(MOST, max(2, seen // _DOCUMENTS_EACH))
        for _ in range(_FIRST_BIRTHS if young else _BIRTHS):
            if not self._give_birth(recent, most):
                break
        if young:  # all documents are at hand: plain k-means
            self._settle(recent)
        self._unite()
        return self.changes

    def _begin(self, recent: Floats32) -> None:
        total = recent.sum(axis=0, dtype=np.float64)[None]
        self.centres = Centres.of(total, np.array([float(len(recent))]))
        self.changes.append(Birth(np.ones(len(recent), np.bool_), None))

    def _give_birth(self, recent: Floats32, most: int) -> bool:
        own, fit = self.centres.nearest(recent)
        self._found = self.centres, own
        proposal = propose(recent, fit)
        if proposal is None or proposal.judges < _LEAST_JUDGES:
            return False
        captured, count = proposal.captured, int(proposal.captured.sum())
        if count < _LEAST:
            return False
        pair = None
        if len(self.centres) < most:
            if proposal.gain < _LEAST_GAIN * count:
                return False
        else:
            pair = self._worth(proposal.gain * self.centres.weights.sum() / len(recent))
            if pair is None:
                return False
        parent = int(np.bincount(own[captured]).argmax())
        self.centres = self.centres.split(recent[captured], own[captured])
        self.changes.append(Birth(captured, parent))
        if pair is not None:
            self._merge(*pair)
        self._fade()
        return True

    def _worth(self, gain: float) -> tuple[int, int] | None:
        """Return the cheapest pair to merge, where a new group gains more than that costs."""
        if len(self.centres) < MOST:
            return None  # few documents yet: wait rather than exchange
        costs = self.centres.costs_of_merging()
        place = int(costs.argmin())
        if gain < _MARGIN * costs.flat[place]:
            return None
        return divmod(place, len(costs))

    def _settle(self, recent: Floats32) -> None:
        for _ in range(_SETTLING):
            places, _products = self.centres.nearest(recent)
            sums, counts = totals(recent, places, len(self.centres))
            self.centres = Centres.of(sums, counts.astype(np.float64))
        self._fade(0.5)

    def _unite(self) -> None:
        while len(self.centres) > 1:
            cosines = self.centres.nearness()
            place = int(cosines.argmax())
            if cosines.flat[place] <= _SAME:
                return
            self._merge(*divmod(place, len(cosines)))

    def _merge(self, one: int, other: int) -> None:
        weights = self.centres.weights
        into, gone = (one, other) if weights[one] >= weights[other] else (other, one)
        self.centres = self.centres.merged(into, gone)
        self.changes.append(Merge(into, gone))

    def _fade(self, least: float = _FADED) -> None:
        faint = np.flatnonzero(self.centres.weights < least)[::-1].tolist()
        for place in faint[: len(self.centres) - 1]:
            self.centres = self.centres.kept(np.arange(len(self.centres)) != place)
            self.changes.append(Fade(place))
