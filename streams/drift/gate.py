"""Each message counts once, however often it is delivered."""

from __future__ import annotations

from operator import attrgetter, lt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from schemas.messages import Enriched, Origin

Mark = tuple[int, int]  # offset and newest broker timestamp

_READ = attrgetter("topic", "partition", "offset", "received_at")


class Gate:
    """High-water marks of the enriched partition and of the document partitions behind it.

    A message at or below a mark's offset was counted before - unless it is newer than everything
    up to the mark: then the topic was created anew and its offsets started over.
    """

    def __init__(self) -> None:
        self._enriched: dict[tuple[str, int], Mark] = {}
        self._documents: dict[tuple[str, int], Mark] = {}

    def admit(self, origin: Origin, document: Enriched) -> bool:
        """Return whether the message is to be counted, and remember it."""
        if not _pass(
            self._enriched, (origin.topic, origin.partition), origin.offset, origin.received_at
        ):
            return False
        place = (document.topic, document.partition)
        return _pass(self._documents, place, document.offset, document.received_at)

    def admit_all(self, origins: Sequence[Origin], documents: Sequence[Enriched]) -> Sequence[int]:
        """Return which messages are to be counted, as ``admit`` says of one after the other."""
        if self._admit_rising(origins, documents):  # as nearly always
            return range(len(documents))
        pairs = enumerate(zip(origins, documents, strict=True))
        return [place for place, pair in pairs if self.admit(*pair)]

    def _admit_rising(self, origins: Sequence[Origin], documents: Sequence[Enriched]) -> bool:
        """Admit messages of one partition where all rise past all marks; else admit none."""
        topics, partitions, offsets, times = zip(*map(_READ, origins), strict=True)
        place = (topics[0], partitions[0])
        count, mark = len(offsets), self._enriched.get(place, (-1, times[0]))
        if topics.count(place[0]) < count or partitions.count(place[1]) < count:
            return False
        if offsets[0] <= mark[0] or not all(map(lt, offsets, offsets[1:])):
            return False
        marks = dict(self._documents)
        for topic, partition, offset, received_at in map(_READ, documents):
            origin = (topic, partition)
            last = marks.get(origin)
            if last is None:
                marks[origin] = (offset, received_at)
            elif offset > last[0]:
                marks[origin] = (offset, max(last[1], received_at))
            else:
                return False
        self._documents = marks
        self._enriched[place] = (offsets[-1], max(mark[1], *times))
        return True

    def admit_control(self, origin: Origin) -> bool:
        """Return whether a message that is no document is to be obeyed, and remember it."""
        place = (origin.topic, origin.partition)
        return _pass(self._enriched, place, origin.offset, origin.received_at)

    @property
    def newest(self) -> Mark:
        """Offset and timestamp of the enriched message that arrived last; zeros before it."""
        return max(self._enriched.values(), key=lambda mark: mark[::-1], default=(0, 0))

    def head(self) -> dict[str, list[tuple[str, int, int, int]]]:
        """Return the marks for a snapshot."""
        return {"enriched": _rows(self._enriched), "documents": _rows(self._documents)}

    def restore(self, head: Mapping[str, list[tuple[str, int, int, int]]]) -> None:
        """Set the marks from a snapshot."""
        self._enriched = {(t, p): (offset, time) for t, p, offset, time in head["enriched"]}
        self._documents = {(t, p): (offset, time) for t, p, offset, time in head["documents"]}


def _pass(
    marks: dict[tuple[str, int], Mark], place: tuple[str, int], offset: int, received_at: int
) -> bool:
    mark = marks.get(place)
    if mark is None:
        marks[place] = (offset, received_at)
        return True
    if offset <= mark[0] and received_at <= mark[1]:
        return False
    marks[place] = (offset, max(received_at, mark[1]))
    return True


def _rows(marks: dict[tuple[str, int], Mark]) -> list[tuple[str, int, int, int]]:
    return [(topic, partition, *mark) for (topic, partition), mark in marks.items()]
