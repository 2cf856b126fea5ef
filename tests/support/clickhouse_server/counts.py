"""What a server has seen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counts:
    """What the process has seen since it started; inserts include those that failed."""

    statements: int = 0
    inserts: int = 0
    failed: int = 0
    rows: int = 0
