"""The page over a real engine, in a thread of its own, beside which a browser is driven."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

from aiohttp import web

from streams.dashboard.access import WebAccess
from streams.dashboard.panels import Panels
from streams.dashboard.status import StatusPage
from streams.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from streams.backends.clickhouse import ClickHouseWarehouse

_TURNS_OF_AN_ACCEPT = 4
_COUNTED = ("documents_raw", "dead_letters_raw", "drift_windows_raw", "drift_alerts_raw")


class PageServer:
    """Serves at one port, can be taken away and brought back.

    Args:
        warehouse: what the panels ask; None for a process that lands nothing.
        now_ms: the time that presets count back from.
    """

    def __init__(self, warehouse: ClickHouseWarehouse | None, now_ms: Callable[[], int]) -> None:
        self._warehouse = warehouse
        self._now_ms = now_ms
        self._port = 0
        self._loop = asyncio.new_event_loop()
        self._runner: web.AppRunner | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="page-server")
        self._thread.start()
        self.start()

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self._port}/"

    def start(self) -> None:
        """Serve, at the same port as before."""
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(60)

    def stop(self) -> None:
        """Answer no more."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(60)

    def close(self) -> None:
        """Stop for good."""
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> None:
        application = web.Application()
        WebAccess("127.0.0.1").mount(application)
        panels = Panels(self._warehouse, self._now_ms) if self._warehouse is not None else None
        roles = {"enrich": True, "drift": True, "land": True}
        StatusPage(Metrics(), self._status, lambda: roles, dict, panels).mount(application)
        self._runner = web.AppRunner(application, shutdown_timeout=1)
        await self._runner.setup()
        assert self._runner.server is not None
        self._listener = await self._loop.create_server(
            self._runner.server, "127.0.0.1", self._port, reuse_address=True
        )
        self._port = int(self._listener.sockets[0].getsockname()[1])

    async def _stop(self) -> None:
        if self._runner is None:
            return
        # A browser may be knocking. asyncio drops a connection unclosed that was accepted just
        # before the listener closes: so accept no more, and let the last ones be made first.
        for listening in self._listener.sockets:
            self._loop.remove_reader(listening.fileno())
        for _ in range(_TURNS_OF_AN_ACCEPT):
            await asyncio.sleep(0)
        self._listener.close()
        await self._runner.cleanup()
        await asyncio.sleep(0)
        self._runner = None

    async def _status(self) -> Mapping[str, Any]:
        return {
            "where": "Kafka: none, the tests write to the database",
            "lands": self._warehouse is not None,
            "now": self._now_ms(),
            "revision": await asyncio.to_thread(self._revision),
            "trouble": None,
            "facts": {},
        }

    def _revision(self) -> str:
        if self._warehouse is None:
            return ""
        counts = (f"(SELECT count() FROM {table})" for table in _COUNTED)
        (row,) = self._warehouse.query(f"SELECT {', '.join(counts)}").rows
        return "-".join(map(str, row))
