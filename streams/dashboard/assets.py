"""The page itself: a fixed set of files in the package; no build step, nothing from elsewhere."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping

_KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
_FOLDER = "static"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file with its type and the digest that tells whether it changed."""

    body: bytes
    kind: str
    tag: str


class Assets:
    """Serves ``/`` and ``/static/NAME``; browsers ask each time whether a file has changed.

    A new version of Tidemark is seen at once, an old one costs no transfer.
    """

    def __init__(self) -> None:
        self._files = read_assets()

    def mount(self, application: web.Application) -> None:
        """Add the routes."""
        application.router.add_get("/", self._page)
        application.router.add_get("/static/{name}", self._file)

    async def _page(self, request: web.Request) -> web.Response:
        return _answer(request, self._files["index.html"])

    async def _file(self, request: web.Request) -> web.Response:
        asset = self._files.get(request.match_info["name"])
        if asset is None:
            raise web.HTTPNotFound
        return _answer(request, asset)


def read_assets() -> Mapping[str, Asset]:
    """Return every file of the page by name."""
    folder = resources.files("streams.dashboard").joinpath(_FOLDER)
    files = {}
    for entry in folder.iterdir():
        kind = _KINDS.get("." + entry.name.rpartition(".")[2])
        if kind is not None and entry.is_file():
            body = entry.read_bytes()
            files[entry.name] = Asset(body, kind, hashlib.sha256(body).hexdigest()[:16])
    return files


def _answer(request: web.Request, asset: Asset) -> web.Response:
    headers = {"Cache-Control": "no-cache", "ETag": f'"{asset.tag}"'}
    asked = {tag.value for tag in request.if_none_match or ()}
    if asset.tag in asked:
        return web.Response(status=304, headers=headers)
    return web.Response(body=asset.body, content_type=asset.kind, charset="utf-8", headers=headers)
