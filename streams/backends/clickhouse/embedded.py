"""The embedded engine: one owner per folder, any number of connections inside it."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streams.backends.clickhouse.lock import FolderLock
from streams.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickhouse_connect.driver.client import Client

    from streams.backends.clickhouse.address import Embedded

CONFIG = Path(__file__).with_name("engine.xml")
_STRAY = ("config.xml", "config.yaml", "config.yml")


class EmbeddedEngine:
    """A folder that this process owns."""

    def __init__(self, address: Embedded) -> None:
        """Take the folder.

        Raises:
            Misconfigured: the folder cannot be written, or holds something else.
            Unavailable: another process owns it; names it.
        """
        self.address = address
        self.folder = address.folder.resolve()
        self._lock = FolderLock(self.folder)

    def connect(self, settings: dict[str, Any] | None = None) -> Client:
        """Open a clickhouse-connect client; it serializes its own calls."""
        options = {"config-file": str(CONFIG)}
        with _engine_errors(self.folder):
            import_engine()
            import clickhouse_connect  # noqa: PLC0415 - heavy

            client = clickhouse_connect.get_client(
                interface="chdb",
                path=str(self.folder),
                settings=settings,
                chdb_options=options,
            )
        client.database = self.address.database
        return client

    def close(self) -> None:
        """Give the folder back; close the clients first."""
        self._lock.release()


def connect_handle(folder: Path) -> Any:
    """Open a bare chdb connection to the folder that this process owns.

    Settings and the current database belong to the connection; opening one takes 0.3 ms.
    """
    with _engine_errors(folder):
        chdb = import_engine()
        return chdb.connect(f"{folder.resolve()}?config-file={CONFIG}")


def import_engine() -> Any:
    """Import chdb, whose import starts an engine that would read a stray ``config.xml``.

    chdb itself changes the current folder while it is imported; this keeps it changed for the
    rest of the import, only where such a file is there.
    """
    if "chdb" not in sys.modules and any(Path(name).exists() for name in _STRAY):
        with _inside(Path(__file__).parent):
            import chdb  # noqa: PLC0415
    import chdb  # noqa: PLC0415 - heavy

    return chdb


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextlib.contextmanager
def _engine_errors(folder: Path) -> Iterator[None]:
    """Say what chdb's ``Error initializing EmbeddedServer: .`` leaves open."""
    from clickhouse_connect.driver.exceptions import ClickHouseError  # noqa: PLC0415 - heavy

    try:
        yield
    except ImportError as error:
        raise Misconfigured(
            f"the embedded ClickHouse engine cannot be loaded ({error}): install the package "
            "chdb, or name a server in TIDEMARK_CLICKHOUSE"
        ) from error
    except (ClickHouseError, RuntimeError) as error:
        text = str(error)
        if "already initialized" in text:
            raise Misconfigured(
                f"this process already has another ClickHouse folder open: {folder} cannot be "
                "opened beside it"
            ) from error
        if "EmbeddedServer" in text or "Failed to create connection" in text:
            raise Unavailable(
                f"the embedded ClickHouse engine cannot open {folder}: another program has it "
                "open, the disk is full, or the folder holds no ClickHouse data"
            ) from error
        raise
