"""What the ledger's watch asks of the broker and of the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.stages.ledger import Gap, Mark, Partition, Position, Range


class Positions(Protocol):
    """The broker; ``backends/kafka/positions.py``. Each method raises ``Unavailable``."""

    def generation(self, topic: str) -> str:
        """Return what tells this topic from another one of the same name."""
        ...

    def positions(self, group: str, topics: Sequence[str]) -> Mapping[Partition, Position]:
        """Return how far a group has come in every partition, and how far these reach."""
        ...

    def present(self, topic: str, partition: int, offsets: Range) -> Sequence[Range]:
        """Return the offsets of a range that the partition has messages for."""
        ...

    def low(self, topic: str, partition: int) -> int:
        """Return the first offset that the partition keeps."""
        ...

    def close(self) -> None:
        """Release the connections."""
        ...


class LedgerStore(Protocol):
    """The database; ``backends/clickhouse/ledger.py``. Each method raises ``Unavailable``."""

    def marks(self, topic: str, since_ms: int = 0) -> Sequence[Mark]:
        """Return the newest mark of each partition, seen at a time or later."""
        ...

    def gaps(self, topic: str) -> Sequence[Gap]:
        """Return the open gaps that no broker has explained."""
        ...

    def first_delivery(self, topic: str, partition: int, since: int) -> int | None:
        """Return the smallest offset of a partition that has landed."""
        ...

    def unresolved(
        self, topic: str, partition: int, since: int, offsets: Range, most: int
    ) -> Sequence[Range]:
        """Return the offsets of a range that have no delivery, in order."""
        ...

    def write(self, marks: Sequence[Mark], gaps: Sequence[Gap], now_ms: int) -> None:
        """Record gaps, then marks."""
        ...
