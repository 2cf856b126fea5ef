"""One process owns a folder of the embedded engine, and says who it is.

The operating system drops the lock when its process ends, however it ends. The owner writes its
process id, its command and, once it serves one, the address of its read-only endpoint into the lock
file, so that others can ask it.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import psutil

from streams.backends.clickhouse.address import mask
from streams.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FILE_NAME = "tidemark.lock"
_LONGEST_COMMAND = 200


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that owns a folder."""

    pid: int
    command: str
    endpoint: str | None = None

    def __str__(self) -> str:
        return f"process {self.pid} ({self.command})"


class FolderLock:
    """The ownership of one folder, from construction to ``release``."""

    def __init__(self, folder: Path, command: Sequence[str] | None = None) -> None:
        """Take the lock.

        Raises:
            Misconfigured: the folder cannot be written.
            Unavailable: another process owns the folder; names it.
        """
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(folder / FILE_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Misconfigured(
                f"the database folder {folder} cannot be written: {error.strerror}"
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise Unavailable(in_use(folder, read_owner(folder))) from None
        owner = Owner(os.getpid(), _command(sys.argv if command is None else command))
        _write(self._descriptor, owner)

    def release(self) -> None:
        """Give the folder back; calling again does nothing."""
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = -1


def publish_endpoint(folder: Path, url: str | None) -> None:
    """Tell other processes where this one, the owner of a folder, answers questions.

    Raises:
        Misconfigured: this process does not own the folder.
    """
    owner = read_owner(folder)
    if owner is None or owner.pid != os.getpid():
        raise Misconfigured(f"this process does not own the database in {folder}")
    descriptor = os.open(folder / FILE_NAME, os.O_RDWR)
    try:
        _write(descriptor, replace(owner, endpoint=url))
    finally:
        os.close(descriptor)


def read_owner(folder: Path) -> Owner | None:
    """Return the living process that says it owns a folder, or None.

    Only the lock itself decides; this reads what its holder wrote, without touching the lock.
    """
    try:
        owner = _parse((folder / FILE_NAME).read_bytes())
    except OSError:
        return None
    return owner if owner is not None and psutil.pid_exists(owner.pid) else None


def in_use(folder: Path, owner: Owner | None) -> str:
    """Return the one line that says who has the folder, and what to do."""
    if owner is not None and owner.pid == os.getpid():
        return f"the database in {folder} is already open in this process: share that warehouse"
    ask = f"ask it through {owner.endpoint} or stop it" if owner and owner.endpoint else "stop it"
    return f"the database in {folder} is in use by {owner or 'another process'}: {ask} first"


def _write(descriptor: int, owner: Owner) -> None:
    content = json.dumps(asdict(owner)).encode()
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, content, 0)


def _parse(content: bytes) -> Owner | None:
    """Read the lock file; it is empty once released, and for an instant while it is written."""
    try:
        fields = json.loads(content)
        return Owner(int(fields["pid"]), str(fields["command"]), fields["endpoint"])
    except (ValueError, KeyError, TypeError):
        return None


def _command(arguments: Sequence[str]) -> str:
    program, *rest = [*arguments] or ["python"]
    return mask(" ".join([os.path.basename(program), *rest]))[:_LONGEST_COMMAND]  # noqa: PTH119
