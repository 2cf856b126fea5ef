"""One process owns the broker of a data folder; the others find it through two files there.

``broker.lock`` is locked while the owner lives, however it ends; ``broker.json`` says where the
broker listens. The lock is the truth, the record only a pointer.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from streams.backends.kafka.process import lock_file
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from pathlib import Path

LOCK = "broker.lock"
RECORD = "broker.json"


@dataclass(frozen=True, slots=True)
class BrokerRecord:
    """Where the owner's broker listens; ``started_at`` in milliseconds since the epoch."""

    bootstrap: str
    kind: str
    pid: int
    started_at: int


class Ownership:
    """The right to run the broker of a data folder; ends with the process at the latest."""

    def __init__(self, data: Path, descriptor: int) -> None:
        self._record = data / RECORD
        self._descriptor: int | None = descriptor

    @classmethod
    def claim(cls, data: Path) -> Ownership | None:
        """Become the owner; None where another process is.

        Raises:
            Misconfigured: the folder cannot be written to or its file system has no locks.
        """
        try:
            data.mkdir(parents=True, exist_ok=True)
            descriptor = lock_file(data / LOCK)
            if descriptor is None:
                return None
            # What a dead owner left says nothing about us.
            (data / RECORD).unlink(missing_ok=True)
        except OSError as error:
            raise Misconfigured(
                f"cannot use the data folder {data} ({error.strerror}): make it writable or set "
                "TIDEMARK_DATA to a folder on a local disk"
            ) from error
        return cls(data, descriptor)

    def publish(self, record: BrokerRecord) -> None:
        """Tell other processes where the broker listens."""
        scratch = self._record.with_suffix(".tmp")
        scratch.write_text(json.dumps(asdict(record)), encoding="utf-8")
        scratch.replace(self._record)

    def release(self) -> None:
        """Give the ownership up; the broker has to be stopped before."""
        if self._descriptor is not None:
            self._record.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None


def read_record(data: Path) -> BrokerRecord | None:
    """Return what the owner published; None where there is nothing that can be read."""
    try:
        return BrokerRecord(**json.loads((data / RECORD).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
