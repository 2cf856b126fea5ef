"""How far event time has come in one source, over all partitions that its documents come from.

A backlog is read from several partitions at different speeds: the newest document seen says nothing
of what another partition still holds. So each partition has a mark of its own, and the watermark is
the lowest of them, as in Flink's per-partition watermarks. Two rules keep it from standing still,
both in processing time as the documents tell it (``enriched_at``), so that a replay gives the same:

* a partition from which nothing came for ``idle_ms`` is left out until it speaks again;
* for the first ``idle_ms`` of a source there is no watermark: other partitions may still turn up.

A document's event time counts no later than its arrival, and the watermark never falls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

NEVER = -(2**63)
_FEW = 6  # documents that are faster taken one by one


class Watermark:
    """The watermark of one source; times in milliseconds.

    Args:
        idle_ms: see above; 0 for the newest event time of whichever partition spoke last.
    """

    def __init__(self, idle_ms: int) -> None:
        self.value = NEVER
        self._idle_ms = idle_ms
        self._started: int | None = None
        self._now = NEVER
        self._marks: dict[str, int] = {}
        self._heard: dict[str, int] = {}

    def advance(
        self, places: Sequence[str], moments: npt.ArrayLike, heard: npt.ArrayLike
    ) -> list[int]:
        """Take documents in, in order; returns the watermark after each.

        Args:
            places: topic and partition of each.
            moments: its event time, at most its arrival.
            heard: its processing time.
        """
        moments, heard = np.asarray(moments, np.int64), np.asarray(heard, np.int64)
        if self._started is None and places:
            self._started = int(heard[0])
        if len(places) < _FEW:
            each = zip(places, moments.tolist(), heard.tolist(), strict=True)
            return [self._advance(*one) for one in each]
        columns = {name: column for column, name in enumerate(self._marks)}
        for name in dict.fromkeys(places):
            columns.setdefault(name, len(columns))
        rows, own = np.arange(len(places)), np.array([columns[name] for name in places])
        marks = np.full((len(places), len(columns)), NEVER)
        last = marks.copy()
        marks[rows, own], last[rows, own] = moments, heard
        known = slice(len(self._marks))
        marks[0, known] = np.maximum(marks[0, known], list(self._marks.values()))
        last[0, known] = np.maximum(last[0, known], list(self._heard.values()))
        np.maximum.accumulate(marks, axis=0, out=marks)
        np.maximum.accumulate(last, axis=0, out=last)
        now = np.maximum.accumulate(np.maximum(heard, self._now))
        lowest = np.where(last >= (now - self._idle_ms)[:, None], marks, -NEVER - 1).min(axis=1)
        lowest[now - (self._started or 0) < self._idle_ms] = NEVER
        values: list[int] = np.maximum.accumulate(np.maximum(lowest, self.value)).tolist()
        self._marks = dict(zip(columns, marks[-1].tolist(), strict=True))
        self._heard = dict(zip(columns, last[-1].tolist(), strict=True))
        self._now, self.value = int(now[-1]), values[-1]
        return values

    def _advance(self, place: str, moment: int, heard: int) -> int:
        self._now = max(self._now, heard)
        self._marks[place] = max(self._marks.get(place, NEVER), moment)
        self._heard[place] = max(self._heard.get(place, NEVER), heard)
        if self._now - (self._started or 0) >= self._idle_ms:
            since = self._now - self._idle_ms
            lowest = min(mark for name, mark in self._marks.items() if self._heard[name] >= since)
            self.value = max(self.value, lowest)
        return self.value

    def numbers(self) -> dict[str, int]:
        """Return the state as named integers."""
        named = {"watermark": self.value, "now": self._now}
        if self._started is not None:
            named["started"] = self._started
        for name, mark in self._marks.items():
            named[f"mark/{name}"] = mark
            named[f"heard/{name}"] = self._heard[name]
        return named

    def restore(self, numbers: Mapping[str, int]) -> None:
        """Set the state from what ``numbers`` returned."""
        self.value, self._now = numbers["watermark"], numbers["now"]
        self._started = numbers.get("started")
        for name, value in numbers.items():
            kind, _, partition = name.partition("/")
            if kind == "mark":
                self._marks[partition] = value
                self._heard[partition] = numbers[f"heard/{partition}"]
