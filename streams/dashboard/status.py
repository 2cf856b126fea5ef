"""The status page, health and metrics, mounted on Faust's web server."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from streams.metrics import Metrics

_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
_HEADERS = {"Cache-Control": "no-store"}  # for the others see access.py


class StatusPage:
    """Routes ``/``, ``/status.js``, ``/status.css``, ``/api/status``, ``/health`` and ``/metrics``.

    Args:
        metrics: what ``/metrics`` shows.
        status: gathers what the page shows, as JSON-ready values.
        healthy: role -> whether it runs; all must for ``/health`` to answer 200.
        waiting: role -> what it waits for. Such a role is well: nobody helps by restarting it.
    """

    def __init__(
        self,
        metrics: Metrics,
        status: Callable[[], Awaitable[Mapping[str, Any]]],
        healthy: Callable[[], Mapping[str, bool]],
        waiting: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._metrics = metrics
        self._status = status
        self._healthy = healthy
        self._waiting = waiting

    def mount(self, application: web.Application) -> None:
        """Add the routes."""
        router = application.router
        router.add_get("/", self._page)
        router.add_get("/status.js", self._script)
        router.add_get("/status.css", self._style)
        router.add_get("/api/status", self._api)
        router.add_get("/health", self._health)
        router.add_get("/metrics", self._exposition)

    async def _page(self, _request: web.Request) -> web.Response:
        return web.Response(text=_asset("status.html"), content_type="text/html", headers=_HEADERS)

    async def _script(self, _request: web.Request) -> web.Response:
        kind = "text/javascript"
        return web.Response(text=_asset("status.js"), content_type=kind, headers=_HEADERS)

    async def _style(self, _request: web.Request) -> web.Response:
        return web.Response(text=_asset("status.css"), content_type="text/css", headers=_HEADERS)

    async def _api(self, _request: web.Request) -> web.Response:
        return _json(await self._status(), 200)

    async def _health(self, _request: web.Request) -> web.Response:
        roles = self._healthy()
        well = bool(roles) and all(roles.values())
        waiting = self._waiting() if well else {}
        status = ("degraded" if waiting else "ok") if well else "failing"
        answer = {"status": status, "roles": roles, **({"waiting": waiting} if waiting else {})}
        return _json(answer, 200 if well else 503)

    async def _exposition(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._metrics.exposition(), headers={"Content-Type": _PROMETHEUS})


def _json(value: Mapping[str, Any], status: int) -> web.Response:
    body = orjson.dumps(value, default=str)
    return web.Response(body=body, status=status, content_type="application/json", headers=_HEADERS)


def _asset(name: str) -> str:
    return resources.files("streams.dashboard").joinpath(name).read_text(encoding="utf-8")
