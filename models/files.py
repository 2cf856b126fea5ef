"""Files that are whole or not there: hashing, durable writes, a lock between processes."""

from __future__ import annotations

import fcntl
import hashlib
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_CHUNK = 1 << 20


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def sync_tree(folder: Path) -> None:
    """Make every file and folder below ``folder`` durable, and ``folder`` itself."""
    for path in sorted(folder.rglob("*")):
        _sync(path)
    _sync(folder)


def replace_folder(new: Path, target: Path) -> None:
    """Put ``new`` in the place of ``target``; afterwards ``target`` is one or the other, whole.

    Both are on one file system. A reader that holds files of the old folder open keeps them.
    """
    sync_tree(new)
    old = new.with_name(f"{new.name}.old")
    if target.exists():
        target.rename(old)
    new.rename(target)
    _sync(target.parent)


@contextmanager
def locked(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold an exclusive lock on ``path``; ``waiting`` is called when another process has it.

    The kernel releases the lock when its holder dies, however it dies.
    """
    with path.open("ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
