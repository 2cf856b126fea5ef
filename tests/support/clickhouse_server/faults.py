"""What the server does wrong on purpose."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """How statements fail.

    Attributes:
        every: every n-th statement of the kind fails; 1 for all of them.
        first: only so many fail; None for as long as the fault is in force.
        code: ClickHouse's error code; None for an answer that is not ClickHouse's.
        status: of the HTTP answer.
        executed: the statement is carried out, and only its answer is lost.
        reset: the connection is reset instead of an answer.
        cut: the answer ends in the middle of its body.
        delay: seconds before anything else happens.
        kind: ``insert`` or ``all`` statements.
    """

    every: int = 1
    first: int | None = None
    code: int | None = 241
    status: int = 500
    executed: bool = False
    reset: bool = False
    cut: bool = False
    delay: float = 0.0
    kind: str = "insert"


class Faults:
    """Decides which statements fail."""

    def __init__(self) -> None:
        self._fault: Fault | None = None
        self._seen = 0
        self._failed = 0

    def set(self, fault: Fault | None) -> None:
        """Put a fault in force, or none."""
        self._fault, self._seen, self._failed = fault, 0, 0

    def due(self, *, insert: bool) -> Fault | None:
        """Return the fault that this statement meets."""
        fault = self._fault
        if fault is None or (fault.kind == "insert" and not insert):
            return None
        self._seen += 1
        if self._seen % fault.every or (fault.first is not None and self._failed >= fault.first):
            return None
        self._failed += 1
        return fault
