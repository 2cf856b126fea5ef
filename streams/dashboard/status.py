"""The page, its figures, health and metrics, mounted on Faust's web server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

from streams.dashboard.assets import Assets
from streams.dashboard.panel_routes import PanelRoutes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from streams.dashboard.panels import Panels
    from streams.metrics import Metrics

_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
_HEADERS = {"Cache-Control": "no-store"}  # for the others see access.py


class StatusPage:
    """Routes ``/``, ``/static/...``, ``/api/...``, ``/health`` and ``/metrics``.

    Args:
        metrics: what ``/metrics`` shows.
        status: gathers what this process knows without asking, as JSON-ready values.
        healthy: role -> whether it runs; all must for ``/health`` to answer 200.
        waiting: role -> what it waits for. Such a role is well: nobody helps by restarting it.
        panels: answers the panels, where this process has a database.
    """

    def __init__(
        self,
        metrics: Metrics,
        status: Callable[[], Awaitable[Mapping[str, Any]]],
        healthy: Callable[[], Mapping[str, bool]],
        waiting: Callable[[], Mapping[str, str]] = dict,
        panels: Panels | None = None,
    ) -> None:
        self._metrics = metrics
        self._status = status
        self._healthy = healthy
        self._waiting = waiting
        self._assets = Assets()
        self._panels = PanelRoutes(panels)

    def mount(self, application: web.Application) -> None:
        """Add the routes."""
        self._assets.mount(application)
        self._panels.mount(application)
        router = application.router
        router.add_get("/api/status", self._api)
        router.add_get("/health", self._health)
        router.add_get("/metrics", self._exposition)

    async def _api(self, _request: web.Request) -> web.Response:
        return _json({**await self._status(), **self._judgement()}, 200)

    async def _health(self, _request: web.Request) -> web.Response:
        judgement = self._judgement()
        return _json(judgement, 503 if judgement["status"] == "failing" else 200)

    def _judgement(self) -> dict[str, Any]:
        roles = self._healthy()
        well = bool(roles) and all(roles.values())
        waiting = self._waiting() if well else {}
        status = ("degraded" if waiting else "ok") if well else "failing"
        return {"status": status, "roles": roles, **({"waiting": waiting} if waiting else {})}

    async def _exposition(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._metrics.exposition(), headers={"Content-Type": _PROMETHEUS})


def _json(value: Mapping[str, Any], status: int) -> web.Response:
    body = orjson.dumps(value, default=str)
    return web.Response(body=body, status=status, content_type="application/json", headers=_HEADERS)
