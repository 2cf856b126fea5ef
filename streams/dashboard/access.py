"""Who may see the pages: loopback, or whoever has the token.

A page on the internet can make the visitor's browser ask a server on the visitor's machine, under a
name of its own (DNS rebinding); so on loopback the Host header has to be one of this machine. A
token comes as a bearer token, as the password of basic authentication (Grafana, clickhouse-connect,
Prometheus), as ``X-ClickHouse-Key``, or once in the address, which then sets a cookie.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
from typing import TYPE_CHECKING

from aiohttp import web
from yarl import URL

from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp.typedefs import Handler, Middleware

    from streams.config import Settings

COOKIE = "tidemark-session"
_OPEN = frozenset({"/health"})
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_AUTHENTICATION_FAILED = "516"
_WRONG_HOST = 421


class WebAccess:
    """Guards every path of an application but ``/health``.

    Args:
        host: address that the pages are served at.
        token: asked for, if given.

    Raises:
        Misconfigured: the pages would be open to the network.
    """

    def __init__(self, host: str, token: str | None = None) -> None:
        if token is None and not is_loopback(host):
            raise Misconfigured(
                f"TIDEMARK_WEB_HOST={host} would show your documents to the network: set "
                "TIDEMARK_WEB_TOKEN (or TIDEMARK_WEB_TOKEN_FILE), or serve at 127.0.0.1"
            )
        self._host = host
        self._token = token.encode() if token else None
        # Not the token itself: what a browser keeps is of no use elsewhere.
        kept = hmac.new(self._token, b"tidemark session", hashlib.sha256) if self._token else None
        self._session = kept.hexdigest() if kept else ""

    @classmethod
    def of(cls, settings: Settings) -> WebAccess:
        """Return the access that the settings ask for."""
        return cls(settings.web_host, settings.secret("web_token"))

    def mount(self, application: web.Application) -> None:
        """Guard an application; call it before the application starts."""
        application.middlewares.append(self._middleware())
        application.on_response_prepare.append(_add_headers)

    def _middleware(self) -> Middleware:
        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            if is_loopback(self._host) and not self._names_us(request.headers.get("Host", "")):
                return _refusal(_WRONG_HOST, "this server answers to localhost only: ask for that")
            if request.path in _OPEN or self._token is None:
                return await handler(request)
            if self._equal(request.query.get("token", "")) and request.method == "GET":
                return self._keep_session(request)
            if self._may(request):
                return await handler(request)
            return _refusal(
                web.HTTPUnauthorized.status_code,
                "this Tidemark asks for its token (TIDEMARK_WEB_TOKEN): send it as a bearer token "
                "or as the password of basic authentication; in a browser, add ?token= once",
            )

        return guard

    def _names_us(self, header: str) -> bool:
        host = header.rpartition(":")[0] if header.rpartition(":")[2].isdecimal() else header
        name = host.strip("[]").lower()
        return bool(name) and (name == self._host.lower() or is_loopback(name))

    def _may(self, request: web.Request) -> bool:
        # All are compared, whichever fits: how long it takes tells nothing.
        fits = [self._equal(given) for given in _tokens(request)]
        session = request.cookies.get(COOKIE, "")
        fits.append(hmac.compare_digest(_bytes(session), self._session.encode()))
        return any(fits)

    def _equal(self, given: str) -> bool:
        expected = self._token or b""
        return bool(expected) and hmac.compare_digest(_bytes(given), expected)

    def _keep_session(self, request: web.Request) -> web.Response:
        """Answer with a cookie and the same address without the token."""
        query = {name: value for name, value in request.query.items() if name != "token"}
        # One slash: two would name another host.
        path = "/" + request.rel_url.raw_path.lstrip("/")
        clean = URL(path, encoded=True).with_query(query)
        answer = web.Response(status=303, headers={"Location": str(clean)})
        answer.set_cookie(COOKIE, self._session, httponly=True, samesite="Strict", path="/")
        return answer


def is_loopback(host: str) -> bool:
    """Whether an address or name reaches this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _tokens(request: web.Request) -> Iterator[str]:
    yield request.headers.get("X-ClickHouse-Key", "")
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        yield value.strip()
    if scheme.lower() == "basic":
        try:
            yield base64.b64decode(value, validate=True).decode().partition(":")[2]
        except ValueError:
            return


def _bytes(header: str) -> bytes:
    """Return a header as it was sent; what is no UTF-8 in it came as lone surrogates."""
    return header.encode("utf-8", "surrogateescape")


def _refusal(status: int, text: str) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    if status == web.HTTPUnauthorized.status_code:
        headers["WWW-Authenticate"] = 'Bearer realm="tidemark"'
        # ClickHouse's clients read their error from here.
        headers["X-ClickHouse-Exception-Code"] = _AUTHENTICATION_FAILED
    return web.Response(status=status, text=f"{text}\n", headers=headers)


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
