"""Tokens for SASL OAUTHBEARER by the client-credentials grant (RFC 6749, section 4.4).

Both clients, librdkafka and Faust's, ask the one source of their process: they send the same token,
renew it at the same time, and fail with the same line.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import re
import ssl
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlencode, urlsplit

from streams.clock import SystemClock
from streams.errors import Misconfigured, TidemarkError, Unavailable
from streams.secret_texts import hide

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from streams.clock import Clock

ANSWER_SECONDS = 10.0
_RENEW_AT = 0.75
_LARGEST_ANSWER = 1 << 20
_TOO_MANY_REQUESTS, _SERVER_ERROR = 429, 500
# What RFC 6750 allows; anything else could end the message that carries the token.
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """Who asks for tokens, and where.

    Attributes:
        token_url: endpoint; ``https``, or ``http`` on this machine.
        client_id: the client.
        client_secret: its secret.
        scope: what is asked for; None leaves it to the issuer.
        ca: PEM file of the authorities that sign the endpoint's certificate; the system's if None.
    """

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str | None = None
    ca: Path | None = None

    def __post_init__(self) -> None:
        """Refuse an address that would show the secret to the network.

        Raises:
            Misconfigured: names the setting.
        """
        parts = urlsplit(self.token_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise Misconfigured(
                "TIDEMARK_KAFKA_OAUTH_TOKEN_URL is no address: write "
                "https://issuer.example.org/oauth2/token"
            )
        if parts.username or parts.password:
            raise Misconfigured(
                "TIDEMARK_KAFKA_OAUTH_TOKEN_URL holds a user: use TIDEMARK_KAFKA_OAUTH_CLIENT_ID "
                "and TIDEMARK_KAFKA_OAUTH_CLIENT_SECRET"
            )
        if parts.scheme == "http" and not _on_this_machine(parts.hostname):
            raise Misconfigured(
                "TIDEMARK_KAFKA_OAUTH_TOKEN_URL would send the client's secret in the clear: use "
                "https"
            )

    @property
    def where(self) -> str:
        """The endpoint, for people."""
        return self.token_url.partition("?")[0]


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token; times in seconds since the epoch."""

    value: str = field(repr=False)
    expires_at: float
    renew_at: float


class TokenSource:
    """Keeps one token for all clients of a process; may be shared by threads."""

    def __init__(
        self,
        client: OAuthClient,
        clock: Clock | None = None,
        fetch: Callable[[OAuthClient], bytes] | None = None,
    ) -> None:
        self._client = client
        self._clock = clock or SystemClock()
        self._fetch = fetch or _fetch
        self._lock = threading.Lock()
        self._token: Token | None = None

    def token(self) -> Token:
        """Return a token that is still good; a new one when three quarters of its life are over.

        Raises:
            Misconfigured: the issuer refuses the client; names the settings to look at.
            Unavailable: the issuer does not answer, and no token is left.
        """
        with self._lock:
            now = self._now()
            if self._token is None or now >= self._token.renew_at:
                self._token = self._renewed(now)
            return self._token

    def _renewed(self, now: float) -> Token:
        try:
            return _parse(self._fetch(self._client), self._client.where, now)
        except Unavailable:
            # The issuer may be away for a moment: the old token is good until its end.
            if self._token is None or now >= self._token.expires_at:
                raise
            return self._token

    def _now(self) -> float:
        return self._clock.now_ms() / 1000


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The secret goes to the configured address and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _fetch(client: OAuthClient) -> bytes:
    form = {"grant_type": "client_credentials"} | ({"scope": client.scope} if client.scope else {})
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
    authorization = base64.b64encode(pair.encode()).decode()
    hide(authorization)
    request = urllib.request.Request(  # noqa: S310 - http(s) only, see OAuthClient
        client.token_url,
        urlencode(form).encode(),
        {"Authorization": f"Basic {authorization}", "Accept": "application/json"},
    )
    opener = urllib.request.build_opener(
        _NoRedirect, urllib.request.HTTPSHandler(context=_tls(client))
    )
    try:
        with opener.open(request, timeout=ANSWER_SECONDS) as answer:
            return bytes(answer.read(_LARGEST_ANSWER))
    except urllib.error.HTTPError as error:
        with error:
            raise _refused(client, error.code, error.read(_LARGEST_ANSWER)) from None
    except OSError as error:
        raise _unreached(client, error) from None


def _tls(client: OAuthClient) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=client.ca)
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured(f"TIDEMARK_KAFKA_OAUTH_CA={client.ca} cannot be used: {error}") from (
            error
        )


def _unreached(client: OAuthClient, error: OSError) -> TidemarkError:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, ssl.SSLError):
        told = getattr(reason, "verify_message", "") or reason.reason or str(reason)
        return Misconfigured(
            f"TLS with the token endpoint {client.where} fails ({told}): check "
            "TIDEMARK_KAFKA_OAUTH_CA and TIDEMARK_KAFKA_OAUTH_TOKEN_URL"
        )
    return Unavailable(
        f"the token endpoint {client.where} does not answer ({reason}): check "
        "TIDEMARK_KAFKA_OAUTH_TOKEN_URL and that the issuer runs"
    )


def _refused(client: OAuthClient, status: int, body: bytes) -> TidemarkError:
    told = f"HTTP {status}{_error_code(body)}"
    if status >= _SERVER_ERROR or status == _TOO_MANY_REQUESTS:
        return Unavailable(
            f"the token endpoint {client.where} gives no token now ({told}): try again later"
        )
    return Misconfigured(
        f"the token endpoint {client.where} refuses the client {client.client_id!r} ({told}): "
        "check TIDEMARK_KAFKA_OAUTH_CLIENT_ID, TIDEMARK_KAFKA_OAUTH_CLIENT_SECRET, "
        "TIDEMARK_KAFKA_OAUTH_SCOPE and TIDEMARK_KAFKA_OAUTH_TOKEN_URL"
    )


def _error_code(body: bytes) -> str:
    try:
        code = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return ""
    return f", {code}" if isinstance(code, str) and re.fullmatch(r"[\w.-]{1,64}", code) else ""


def _parse(body: bytes, where: str, now: float) -> Token:
    try:
        answer = json.loads(body)
        value = answer["access_token"]
        if not _TOKEN.fullmatch(value):
            raise ValueError("its form")  # noqa: TRY301 - all that is no token ends below
        life = float(answer.get("expires_in") or _expiry_inside(value) - now)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Misconfigured(
            f"{where} answers, but not with a token that says how long it lives: check "
            "TIDEMARK_KAFKA_OAUTH_TOKEN_URL"
        ) from None
    hide(value)
    return Token(value, now + life, now + _RENEW_AT * life)


def _expiry_inside(token: str) -> float:
    """Read ``exp`` of a JSON web token (RFC 7519); the broker checks its signature, not we."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return float(claims["exp"])
    except (IndexError, binascii.Error) as error:
        raise ValueError("no JSON web token") from error


def _on_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
