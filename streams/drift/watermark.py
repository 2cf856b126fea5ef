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

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.messages import Enriched

NEVER = -(2**63)


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

    def advance(self, document: Enriched) -> bool:
        """Take a document in; returns whether the watermark rose."""
        partition = f"{document.topic}/{document.partition}"
        moment = min(document.published_at, document.received_at)
        heard = document.enriched_at
        if self._started is None:
            self._started = heard
        self._now = max(self._now, heard)
        mark = max(self._marks.get(partition, NEVER), moment)
        self._marks[partition] = mark
        self._heard[partition] = max(self._heard.get(partition, NEVER), heard)
        if mark <= self.value or self._now - self._started < self._idle_ms:
            return False
        return self._raise_to_lowest()

    def _raise_to_lowest(self) -> bool:
        since = self._now - self._idle_ms
        lowest = min(mark for name, mark in self._marks.items() if self._heard[name] >= since)
        if lowest <= self.value:
            return False
        self.value = lowest
        return True

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
