"""One process owns a folder and says who it is; a second one is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from streams.backends.clickhouse.lock import FolderLock, publish_endpoint, read_owner
from streams.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from pathlib import Path

HOLDER = """
import sys
from pathlib import Path
from streams.backends.clickhouse.lock import FolderLock, publish_endpoint
folder = Path(sys.argv[1])
lock = FolderLock(folder, ["/usr/bin/tidemark", "run", "--to", "kafka://me:hunter2@host"])
publish_endpoint(folder, "http://127.0.0.1:6066/clickhouse")
print("held", flush=True)
sys.stdin.read()
"""


def test_another_process_is_told_who_owns_it(tmp_path: Path) -> None:
    """Process id, command without passwords, where to ask; after a kill the folder is free."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Unavailable) as caught:
            FolderLock(tmp_path)
        holder.send_signal(signal.SIGKILL)
    expected = (
        f"the database in {tmp_path} is in use by process {holder.pid} (tidemark run --to "
        "kafka://me:***@host): ask it through http://127.0.0.1:6066/clickhouse or stop it first"
    )
    assert str(caught.value) == expected
    FolderLock(tmp_path).release()


def test_the_same_process_is_told_so(tmp_path: Path) -> None:
    """A second warehouse in one process is a mistake in its wiring."""
    lock = FolderLock(tmp_path)
    with pytest.raises(Unavailable, match="already open in this process"):
        FolderLock(tmp_path)
    lock.release()


def test_release_leaves_no_owner(tmp_path: Path) -> None:
    """Released twice is released."""
    lock = FolderLock(tmp_path)
    publish_endpoint(tmp_path, "http://127.0.0.1:1")
    owner = read_owner(tmp_path)
    assert owner is not None
    assert (owner.pid, owner.endpoint) == (os.getpid(), "http://127.0.0.1:1")
    lock.release()
    lock.release()
    assert read_owner(tmp_path) is None


def test_only_the_owner_publishes(tmp_path: Path) -> None:
    """An endpoint that nobody serves would mislead."""
    with pytest.raises(Misconfigured, match="does not own"):
        publish_endpoint(tmp_path, "http://127.0.0.1:1")


def test_a_torn_lock_file_names_nobody(tmp_path: Path) -> None:
    """What a crash left in the file is not believed."""
    (tmp_path / "tidemark.lock").write_text('{"pid": 1')
    assert read_owner(tmp_path) is None


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """Named, with the reason."""
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match="cannot be written"):
        FolderLock(tmp_path / "file" / "clickhouse")
