"""An issuer of tokens on loopback: OAuth 2.0 client credentials, JSON web tokens by RS256."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote_plus

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.certificates import Identity

CLIENT, SECRET = "tidemark-client", "whispered-to-the-issuer/+=&"
ISSUER, AUDIENCE, KEY_ID = "https://issuer.example.org", "kafka", "one"


class TokenIssuer(ThreadingHTTPServer):
    """Gives tokens to one client.

    Attributes:
        life: seconds that a token lives.
        refuse: status of every answer, in place of a token.
        wrong_key: sign with a key that brokers do not know.
        asked: scope of each request that got a token.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.life = 300.0
        self.refuse: int | None = None
        self.wrong_key = False
        self.asked: list[str | None] = []
        self.issued: list[str] = []
        self.scheme = "http"
        self._key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
        self._other_key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}/oauth2/token"

    def write_keys(self, path: Path) -> None:
        """Write the public key where a broker reads it (RFC 7517)."""
        public = self._key.public_key().public_numbers()
        key = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID}
        key |= {"n": _number(public.n), "e": _number(public.e)}
        path.write_text(json.dumps({"keys": [key]}), encoding="utf-8")

    def make_token(self, subject: str) -> str:
        now = time.time()
        head = {"alg": "RS256", "typ": "JWT", "kid": KEY_ID}
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": subject,
            "iat": int(now),
            "exp": int(now + self.life),
            "scope": "kafka",
            "jti": str(len(self.issued)),
        }
        signed = ".".join(_text(json.dumps(part).encode()) for part in (head, claims))
        key = self._other_key if self.wrong_key else self._key
        signature = key.sign(signed.encode(), padding.PKCS1v15(), SHA256())
        token = f"{signed}.{_text(signature)}"
        self.issued.append(token)
        return token


@contextmanager
def token_issuer(identity: Identity | None = None) -> Iterator[TokenIssuer]:
    """Serve an issuer until the end of the block; over TLS where it has an identity."""
    server = TokenIssuer()
    if identity is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity.certificate, identity.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.scheme = "https"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: TokenIssuer

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if self.server.refuse is not None:
            self._answer(self.server.refuse, {"error": "temporarily_unavailable"})
        elif not self._known() or form.get("grant_type") != ["client_credentials"]:
            self._answer(401, {"error": "invalid_client"})
        else:
            self.server.asked.append(form.get("scope", [None])[0])
            token = self.server.make_token(CLIENT)
            life = int(self.server.life)
            self._answer(200, {"access_token": token, "token_type": "Bearer", "expires_in": life})

    def log_message(self, *_arguments: object) -> None:
        """Stay silent."""

    def _known(self) -> bool:
        encoded = self.headers.get("Authorization", "").removeprefix("Basic ")
        name, _, secret = base64.b64decode(encoded).decode().partition(":")
        return (unquote_plus(name), unquote_plus(secret)) == (CLIENT, SECRET)

    def _answer(self, status: int, found: Any) -> None:
        payload = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _number(value: int) -> str:
    return _text(value.to_bytes((value.bit_length() + 7) // 8, "big"))
