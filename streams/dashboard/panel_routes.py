"""``/api/panels/NAME``, ``/api/alert``, ``/api/term``: what the page shows, not too often."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

from streams.dashboard.span import InvalidView, View
from streams.errors import TidemarkError
from streams.logs import logger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from streams.dashboard.panels import Panels

_FRESH_S = 1.5
_MOST_KEPT = 200
_NO_STORE = {"Cache-Control": "no-store"}


class PanelRoutes:
    """Serves the panels; without a database it says that there is none.

    All pages that look at the same thing share one question, and questions run one after the other
    in a thread of their own, so that no number of viewers slows the pipeline down.
    """

    def __init__(self, panels: Panels | None) -> None:
        self._panels = panels
        self._kept: dict[tuple[str, ...], tuple[float, asyncio.Task[bytes]]] = {}

    def mount(self, application: web.Application) -> None:
        """Add the routes."""
        application.router.add_get("/api/panels/{name}", self._panel)
        application.router.add_get("/api/alert", self._alert)
        application.router.add_get("/api/term", self._term)
        application.cleanup_ctx.append(self._lifetime)

    async def _lifetime(self, _application: web.Application) -> AsyncIterator[None]:
        self._pool = ThreadPoolExecutor(1, "page")
        yield
        await asyncio.gather(*(task for _, task in self._kept.values()), return_exceptions=True)
        self._pool.shutdown()

    async def _panel(self, request: web.Request) -> web.Response:
        name, panels = request.match_info["name"], self._panels
        if panels is not None and name not in panels.names:
            return _failure(404, f"there is no panel {name[:40]!r}")
        key = (name, *(f"{part}={request.query.get(part, '')}" for part in _VIEW))

        def ask(panels: Panels) -> dict[str, Any]:
            return panels.answer(name, View.parse(request.query))

        return await self._answer(key, ask)

    async def _alert(self, request: web.Request) -> web.Response:
        alert_id, source = request.query.get("id", ""), request.query.get("source", "")
        key = ("alert", alert_id, source)
        return await self._answer(key, lambda panels: panels.alert(alert_id, source))

    async def _term(self, request: web.Request) -> web.Response:
        term = request.query.get("term", "")
        key = ("term", term, *(request.query.get(part, "") for part in _VIEW))

        def ask(panels: Panels) -> dict[str, Any]:
            if len(term) > _LONGEST_TERM:
                raise InvalidView(f"a term has at most {_LONGEST_TERM} characters")
            return panels.term(View.parse(request.query), term)

        return await self._answer(key, ask)

    async def _answer(
        self, key: tuple[str, ...], ask: Callable[[Panels], dict[str, Any]]
    ) -> web.Response:
        panels = self._panels
        if panels is None:
            return _failure(404, "this process lands nothing: open the page of one that does")
        try:
            body = await asyncio.shield(self._shared(key, lambda: orjson.dumps(ask(panels))))
        except InvalidView as error:
            return _failure(400, str(error))
        except TidemarkError as error:
            return _failure(503, str(error))
        except Exception as error:  # noqa: BLE001 - a panel that fails takes no other with it
            logger().warning("a panel has no figures", panel=key[0], error=str(error))
            return _failure(500, "the question failed; the log says why")
        return web.Response(body=body, content_type="application/json", headers=_NO_STORE)

    def _shared(self, key: tuple[str, ...], ask: Callable[[], bytes]) -> asyncio.Task[bytes]:
        now = time.monotonic()
        kept = self._kept.get(key)
        if kept is not None and (now - kept[0] < _FRESH_S or not kept[1].done()):
            return kept[1]
        self._kept = {one: value for one, value in self._kept.items() if _worth(value, now)}
        task = asyncio.ensure_future(self._run(ask))
        task.add_done_callback(_look)  # who asked may have gone meanwhile
        if len(self._kept) < _MOST_KEPT:
            self._kept[key] = (now, task)
        return task

    async def _run(self, ask: Callable[[], bytes]) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(self._pool, ask)


_LONGEST_TERM = 256
_VIEW = ("clock", "source", "range", "from", "to", "revision")


def _worth(kept: tuple[float, asyncio.Task[bytes]], now: float) -> bool:
    return now - kept[0] < _FRESH_S or not kept[1].done()


def _look(task: asyncio.Task[bytes]) -> None:
    if not task.cancelled():
        task.exception()


def _failure(status: int, text: str) -> web.Response:
    body = orjson.dumps({"error": text})
    return web.Response(
        body=body, status=status, content_type="application/json", headers=_NO_STORE
    )
