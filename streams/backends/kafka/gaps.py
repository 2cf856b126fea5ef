"""Notice messages that a broker lost before they were consumed."""

from __future__ import annotations


class GapCheck:
    """Follows the offsets of each partition; offsets of a plain topic have no holes.

    A lower offset than expected is a redelivery and moves the expectation back. Not for compacted
    topics or topics written in transactions: there holes are normal.

    >>> check = GapCheck()
    >>> check.start("documents", 0, 5)
    >>> check.observe("documents", 0, 5), check.observe("documents", 0, 9), check.missing
    (0, 3, 3)
    """

    def __init__(self) -> None:
        self._next: dict[tuple[str, int], int] = {}
        self.missing = 0

    def start(self, topic: str, partition: int, offset: int) -> None:
        """Expect ``offset`` next, as the group committed it; then a gap in front shows too."""
        self._next[topic, partition] = offset

    def forget(self, topic: str, partition: int) -> None:
        """Expect nothing of a partition that another consumer has now."""
        self._next.pop((topic, partition), None)

    def observe(self, topic: str, partition: int, offset: int) -> int:
        """Take note of a message; return how many are missing right before it."""
        expected = self._next.get((topic, partition), offset)
        self._next[topic, partition] = offset + 1
        gap = max(0, offset - expected)
        self.missing += gap
        return gap
