"""Who may see the pages: loopback by a name of this machine, or whoever has the token."""

from __future__ import annotations

import base64
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import CookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from streams.dashboard.access import WebAccess
from streams.dashboard.assets import read_assets
from streams.dashboard.status import StatusPage
from streams.errors import Misconfigured
from streams.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

KINDS = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
TOKEN = "a-token-for-the-tests/+="
EVERYWHERE = "0.0.0.0"  # noqa: S104 - nothing is bound to it here
PATHS = (
    "/",
    "/static/app.js",
    "/static/base.css",
    "/api/status",
    "/api/panels/ledger",
    "/api/alert",
    "/api/term",
    "/metrics",
    "/clickhouse/",
    "/none",
)
SERVED = ("/", "/static/app.js", "/api/status", "/metrics", "/clickhouse/")


async def _answer(_request: web.Request) -> web.Response:
    return web.Response(text="rows")


async def _status() -> Mapping[str, object]:
    return {"facts": {}}


@asynccontextmanager
async def _served(
    token: str | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    application, below = web.Application(), web.Application()
    WebAccess(host, token).mount(application)
    StatusPage(Metrics(), _status, lambda: {"land": True}).mount(application)
    below.router.add_get("/", _answer)
    application.add_subapp("/clickhouse", below)
    jar = CookieJar(unsafe=True)  # cookies of an IP address
    async with TestClient(TestServer(application), cookie_jar=jar) as client:
        yield client


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "192.0.2.1", "tidemark.example.org"])
def test_the_network_is_refused_without_a_token(host: str) -> None:
    """One line with the settings; with a token it may be."""
    with pytest.raises(Misconfigured, match=r"WEB_HOST=.*set TIDEMARK_WEB_TOKEN"):
        WebAccess(host)
    WebAccess(host, TOKEN)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
async def test_loopback_needs_no_token(host: str) -> None:
    """Whatever it is called."""
    async with _served(host=host) as client:
        assert (await client.get("/")).status == 200


@pytest.mark.parametrize("path", PATHS)
async def test_every_path_asks_for_the_token(path: str) -> None:
    """With what to do in the answer, for ClickHouse's clients too; and nothing of the page."""
    async with _served(TOKEN) as client:
        answer = await client.get(path)
        assert answer.status == 401
        assert answer.headers["X-ClickHouse-Exception-Code"] == "516"
        assert "TIDEMARK_WEB_TOKEN" in await answer.text()
        wrong = await client.get(path, params={"token": TOKEN[:-1]})
        assert (wrong.status, client.session.cookie_jar.filter_cookies(wrong.url)) == (401, {})


async def test_health_is_open() -> None:
    """Whoever restarts containers has no token."""
    async with _served(TOKEN) as client:
        assert (await client.get("/health")).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {TOKEN}"},
        {"Authorization": f"bearer {TOKEN}"},
        {"Authorization": _basic("default", TOKEN)},
        {"Authorization": _basic("", TOKEN)},
        {"X-ClickHouse-Key": TOKEN},
    ],
)
async def test_clients_send_the_token_in_their_own_ways(headers: dict[str, str]) -> None:
    """Prometheus, Grafana, clickhouse-connect, curl."""
    async with _served(TOKEN) as client:
        for path in SERVED:
            assert (await client.get(path, headers=headers)).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": _basic(TOKEN, "")},
        {"Authorization": "Basic !!!"},
        {"Authorization": f"Digest {TOKEN}"},
        {"X-ClickHouse-Key": ""},
        {"Cookie": f"tidemark-session={TOKEN}"},
        {"Cookie": "tidemark-session=\u00e9"},
        {"X-ClickHouse-Key": "\udcff"},
    ],
)
async def test_wrong_tokens_are_refused(headers: dict[str, str]) -> None:
    """None that is near, and none in the wrong place."""
    async with _served(TOKEN) as client:
        assert (await client.get("/metrics", headers=headers)).status == 401


async def test_a_browser_gets_a_cookie_once() -> None:
    """It is not the token, no script reads it, no other site sends it; the address is clean."""
    async with _served(TOKEN) as client:
        first = await client.get("/", params={"token": TOKEN, "range": "1h"}, allow_redirects=False)
        assert (first.status, first.headers["Location"]) == (303, "/?range=1h")
        cookie = first.headers["Set-Cookie"]
        assert TOKEN not in cookie
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
        assert first.headers["Referrer-Policy"] == "no-referrer"
        assert (await client.get("/")).status == 200


async def test_an_address_with_two_slashes_leads_nowhere_else() -> None:
    """``//host`` in a redirect would name another server."""
    async with _served(TOKEN) as client:
        url = client.make_url("/").with_path("//evil.example.org/").with_query(token=TOKEN)
        answer = await client.session.get(url, allow_redirects=False)
        assert answer.headers["Location"] == "/evil.example.org/"


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("localhost:6066", 200),
        ("LOCALHOST", 200),
        ("127.0.0.1:6066", 200),
        ("[::1]:6066", 200),
        ("rebound.example.org", 421),
        ("rebound.example.org:6066", 421),
        ("localhost.example.org", 421),
        ("192.0.2.1:6066", 421),
        ("", 421),
    ],
)
async def test_a_page_of_the_internet_cannot_ask_under_its_own_name(
    header: str, status: int
) -> None:
    """DNS rebinding: the browser asks this machine, and says whom it believes to ask."""
    async with _served() as client:
        for path in ("/api/status", "/clickhouse/"):
            answer = await client.get(path, headers={"Host": header})
            assert answer.status == status


async def test_behind_a_token_every_name_will_do() -> None:
    """In a network, servers are asked by their names there."""
    async with _served(TOKEN, EVERYWHERE) as client:
        headers = {"Host": "tidemark-land:6066", "Authorization": f"Bearer {TOKEN}"}
        assert (await client.get("/metrics", headers=headers)).status == 200


@pytest.mark.parametrize(
    "path", ["/", "/static/app.js", "/api/status", "/health", "/metrics", "/none"]
)
async def test_every_answer_carries_the_headers_of_security(path: str) -> None:
    """No script or style of elsewhere or inside the page, no frame, no guess of types."""
    async with _served() as client:
        headers = (await client.get(path)).headers
        policy = headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert {"default-src 'none'", "frame-ancestors 'none'"} <= set(policy.split("; "))
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"


async def test_the_page_lives_within_its_policy() -> None:
    """Neither script nor style stands inside it, and what it names is served."""
    async with _served() as client:
        page = await (await client.get("/")).text()
        assert "<style" not in page
        assert " style=" not in page
        assert page.count("<script") == page.count('<script src="/')
        named = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
        assert len(named) > 3
        for path in named:
            answer = await client.get(path)
            assert (answer.status, answer.content_type) == (200, KINDS[path.rpartition(".")[2]])


async def test_scripts_name_only_scripts_that_are_served() -> None:
    """Every import of every module leads to a file of the page, and to nothing elsewhere."""
    files = read_assets()
    for name, asset in files.items():
        text = asset.body.decode()
        imported = re.findall(r'from "([^"]+)"', text)
        assert {one.removeprefix("./") for one in imported} <= set(files), name
        outside = set(re.findall(r"https?://[^\s\"']+", text)) - {"http://www.w3.org/2000/svg"}
        assert outside == set(), name


async def test_a_file_that_has_not_changed_is_not_sent_again() -> None:
    """Browsers ask with the tag that they were given."""
    async with _served() as client:
        first = await client.get("/static/app.js")
        again = await client.get("/static/app.js", headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status, await again.read()) == (304, b"")
        assert (await client.get("/static/none.js")).status == 404
        assert (await client.get("/static/..%2fstatus.py")).status == 404
