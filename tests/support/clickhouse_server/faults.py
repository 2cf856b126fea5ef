"""What can go wrong with a request, and which requests it hits."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """A plan of failures: by default every insert is refused for lack of memory.

    ``Fault(executed=True, reset=True)`` is the nasty one: done, and the client never hears of it.
    ``Fault(executed=True, code=None, status=200, delay=9)`` is a slow server.

    Attributes:
        every: every n-th statement fails; 1 for all of them.
        first: only so many fail; None for as long as the fault is in force.
        skip: so many go well before.
        code: ClickHouse's error code, as 252 too many parts, 159 timeout, 202 too many queries, 516
            authentication, 60 unknown table; None for an answer that is not ClickHouse's.
        status: of the HTTP answer; None for the one that ClickHouse gives with the code.
        executed: the statement is carried out, and only its answer fails.
        reset: the connection is reset instead of an answer.
        cut: the answer breaks off in its middle.
        delay: seconds before the answer.
        dies: the server kills itself so many seconds after it began to commit an insert.
        kind: ``insert``, ``query`` (everything else) or ``all``.
        table: only statements that name it.
    """

    every: int = 1
    first: int | None = None
    skip: int = 0
    code: int | None = 241
    status: int | None = None
    executed: bool = False
    reset: bool = False
    cut: bool = False
    delay: float = 0.0
    dies: float | None = None
    kind: str = "insert"
    table: str = ""


class FaultPlan:
    """Decides statement by statement; safe to call from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fault: Fault | None = None
        self._seen = self._failed = 0

    def set(self, fault: Fault | None) -> None:
        """Begin a plan, or heal with None."""
        with self._lock:
            self._fault = fault
            self._seen = self._failed = 0

    def due(self, sql: str, *, insert: bool) -> Fault | None:
        """Return the fault that a statement meets."""
        with self._lock:
            fault = self._fault
            if fault is None or not _concerns(fault, sql, insert=insert):
                return None
            self._seen += 1
            number = self._seen - fault.skip
            over = fault.first is not None and self._failed >= fault.first
            if over or number <= 0 or number % fault.every:
                return None
            self._failed += 1
            return fault


def _concerns(fault: Fault, sql: str, *, insert: bool) -> bool:
    kinds = {"insert": insert, "query": not insert, "all": True}
    return kinds[fault.kind] and fault.table in sql
