"""Sets of hashes as a few sorted arrays: 4 or 8 bytes an element, mergeable, written once.

New elements gather in a small sorted array; at ``RUN`` elements it becomes an immutable run, and
runs of like size are merged (a log-structured merge, O'Neil et al. 1996). A run's name tells its
content, so a snapshot writes only runs it has not written before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    import numpy.typing as npt

    Hashes: TypeAlias = npt.NDArray[np.unsignedinteger[Any]]

RUN = 2048
_FEW = 256  # values that are faster found by a binary search


class HashSet:
    """A set of unsigned integers of one type."""

    def __init__(self, recent: Hashes, runs: Sequence[Hashes] = ()) -> None:
        self.recent = recent
        self.runs = list(runs)
        self._size = recent.size + sum(run.size for run in self.runs)

    def __len__(self) -> int:
        return self._size

    def contains(self, values: Hashes) -> npt.NDArray[np.bool_]:
        """Return for each value whether it is in the set."""
        found = _in_sorted(self.recent, values)
        for run in self.runs:
            found |= _in_sorted(run, values)
        return found

    def add(self, values: Hashes) -> Hashes:
        """Take in sorted distinct values; returns those that were not in the set."""
        fresh = values[~self.contains(values)]
        self.add_fresh(fresh)
        return fresh

    def add_fresh(self, fresh: Hashes) -> None:
        """Take in distinct values that are known not to be in the set."""
        if not fresh.size:
            return
        self._size += fresh.size
        self.recent = np.sort(np.concatenate((self.recent, fresh)))
        if self.recent.size >= RUN:
            self.runs.append(self.recent)
            self.recent = self.recent[:0].copy()
            self._merge()

    def named_runs(self) -> dict[str, Hashes]:
        """Return the immutable runs; a name is the range of insertion that the run covers."""
        named = {}
        start = 0
        for run in self.runs:
            named[f"{start}-{start + run.size}"] = run
            start += run.size
        return named

    def _merge(self) -> None:
        while len(self.runs) > 1 and self.runs[-2].size < 2 * self.runs[-1].size:
            last, before = self.runs.pop(), self.runs.pop()
            self.runs.append(np.sort(np.concatenate((before, last)), kind="stable"))


class IdSet:
    """A set of 64-bit hashes that is asked one at a time.

    Args:
        stored: what ``recent_array`` returned; a tenth as large as a set, which it becomes when it
            is first asked: of most windows that are restored, nothing is asked any more.
        frozen: the runs.
    """

    def __init__(
        self, stored: npt.NDArray[np.uint64] | None = None, frozen: HashSet | None = None
    ) -> None:
        self._stored = stored
        self._recent: set[int] = set()
        self.frozen = frozen or HashSet(np.empty(0, np.uint64))

    @property
    def recent(self) -> set[int]:
        """The elements that are in no run yet."""
        if self._stored is not None:
            self._recent, self._stored = set(self._stored.tolist()), None
        return self._recent

    def __len__(self) -> int:
        recent = self._recent if self._stored is None else self._stored
        return len(recent) + len(self.frozen)

    def add(self, value: int) -> bool:
        """Take the value in; returns False when it was there before."""
        if value in self.recent or (self.frozen.runs and self._is_frozen(value)):
            return False
        self.recent.add(value)
        if len(self.recent) >= RUN:
            self.frozen.add(self.recent_array())
            self.recent.clear()
        return True

    def add_all(self, values: Sequence[int]) -> bool:
        """Take all values in if all are new and different; else, or for a new run, none."""
        fresh = set(values)
        if len(fresh) < len(values) or len(self.recent) + len(values) >= RUN:
            return False
        if not self.recent.isdisjoint(fresh):
            return False
        if self.frozen.runs and self.frozen.contains(np.array(values, np.uint64)).any():
            return False
        self.recent.update(fresh)
        return True

    def recent_array(self) -> npt.NDArray[np.uint64]:
        """Return the elements that are in no run yet, sorted."""
        if self._stored is not None:
            return self._stored
        return np.sort(np.fromiter(self._recent, np.uint64, len(self._recent)))

    def _is_frozen(self, value: int) -> bool:
        return bool(self.frozen.contains(np.array([value], np.uint64))[0])


class Lookup:
    """A set of 32-bit hashes that never changes, to be asked for many values in no order.

    A directory says where the values with the same first bits begin: about one look per value
    where a binary search takes fifteen, far from each other in memory.

    Args:
        values: sorted and distinct.
    """

    def __init__(self, values: npt.NDArray[np.uint32]) -> None:
        bits = 1 + max(1, int(values.size).bit_length())  # most places hold one value, or none
        self._values = values
        self._shift = np.uint32(32 - bits)
        heads = np.arange((1 << bits) + 1, dtype=np.uint64) << np.uint64(self._shift)
        kind = np.uint16 if values.size < 1 << 16 else np.uint32
        self._starts = values.searchsorted(heads).astype(kind)

    def contains(self, values: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
        """Return for each value whether it is in the set."""
        if values.size < _FEW:
            return _in_sorted(self._values, values)
        heads = (values >> self._shift).astype(np.intp)
        places = self._starts.take(heads).astype(np.intp)
        if not self._values.size:
            return np.zeros(values.size, np.bool_)
        found = self._values.take(places, mode="clip") == values
        asking = np.flatnonzero(~found)
        places = places[asking] + 1
        last = self._starts.take(heads[asking] + 1).astype(np.intp)
        while True:
            left = np.flatnonzero(places < last)
            if not left.size:
                return np.asarray(found)
            asking, places, last = asking[left], places[left], last[left]
            found[asking] = self._values.take(places) == values[asking]
            more = ~found[asking]
            asking, places, last = asking[more], places[more] + 1, last[more]


def distinct(values: Hashes) -> Hashes:
    """Return the distinct values, sorted; for few values faster than ``numpy.unique``."""
    ordered = np.sort(values)
    keep = np.ones(ordered.size, np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=keep[1:])
    return ordered[keep]


def stretches(values: npt.NDArray[Any]) -> list[int]:
    """Return where stretches of equal values begin, and where the last one ends."""
    count = len(values)
    if count == 1:
        return [0, 1]
    changes = values[1:] != values[:-1]
    if not changes.any():
        return [0, count]
    return [0, *(np.flatnonzero(changes) + 1).tolist(), count]


def smallest(hashes: HashSet, count: int) -> Hashes:
    """Return the ``count`` smallest elements, ascending."""
    parts = [part[:count] for part in (hashes.recent, *hashes.runs)]
    return np.sort(np.concatenate(parts))[:count]


def _in_sorted(sorted_values: Hashes, values: Hashes) -> npt.NDArray[np.bool_]:
    if not sorted_values.size:
        return np.zeros(values.size, np.bool_)
    places = sorted_values.searchsorted(values)
    return np.asarray(sorted_values.take(places, mode="clip") == values)
