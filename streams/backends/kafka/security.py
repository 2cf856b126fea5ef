"""How to speak to the brokers: one neutral record, and its form for librdkafka."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from streams.backends.kafka.oauth import OAuthClient, TokenSource
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from streams.config import Settings

OAUTH = "OAUTHBEARER"


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """Protocol, credentials and certificates; its ``repr`` shows no password.

    Attributes:
        protocol: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.
        mechanism: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER; used with the SASL protocols.
        username: SASL user.
        password: SASL password.
        ca: PEM file of the authorities that sign the brokers' certificates; the system's if None.
        certificate: PEM file of the client's certificate.
        key: PEM file of the client's key.
        key_password: password of the key, where it is encrypted.
        oauth: who asks for tokens, with OAUTHBEARER.
        tokens: gives all clients their tokens; made from ``oauth``.
    """

    protocol: str = "PLAINTEXT"
    mechanism: str = "SCRAM-SHA-512"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    key_password: str | None = field(default=None, repr=False)
    oauth: OAuthClient | None = None
    tokens: TokenSource | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse what is only half said.

        Raises:
            Misconfigured: names the setting that is missing or of no use.
        """
        _require_both("USERNAME", self.username, "PASSWORD", self.password)
        _require_both("CERTIFICATE", self.certificate, "KEY", self.key)
        if self.key_password and not self.key:
            raise Misconfigured("TIDEMARK_KAFKA_KEY_PASSWORD is set, TIDEMARK_KAFKA_KEY is missing")
        self._check_login()
        object.__setattr__(self, "tokens", TokenSource(self.oauth) if self.oauth else None)
        for name, path in (("CA", self.ca), ("CERTIFICATE", self.certificate), ("KEY", self.key)):
            if path is not None:
                self._check_file(name, path)

    @property
    def sasl(self) -> bool:
        """Whether a user logs in."""
        return self.protocol.startswith("SASL")

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.protocol.endswith("SSL")

    def _check_login(self) -> None:
        by_token = self.sasl and self.mechanism == OAUTH
        if self.oauth and not by_token:
            raise _unused("OAUTH_TOKEN_URL", self, f"SASL_SSL and the mechanism to {OAUTH}")
        if self.username and (by_token or not self.sasl):
            needed = "SASL_SSL and the mechanism to PLAIN or SCRAM-SHA-512"
            raise _unused("USERNAME", self, needed)
        if by_token and not self.oauth:
            raise Misconfigured(
                f"TIDEMARK_KAFKA_SASL_MECHANISM={OAUTH} needs an issuer: set "
                "TIDEMARK_KAFKA_OAUTH_TOKEN_URL, TIDEMARK_KAFKA_OAUTH_CLIENT_ID and "
                "TIDEMARK_KAFKA_OAUTH_CLIENT_SECRET (or _SECRET_FILE)"
            )
        if self.sasl and not by_token and not self.username:
            raise Misconfigured(
                f"TIDEMARK_KAFKA_SECURITY_PROTOCOL={self.protocol} needs a user: set "
                "TIDEMARK_KAFKA_USERNAME and TIDEMARK_KAFKA_PASSWORD (or _PASSWORD_FILE)"
            )

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return the context for clients that use Python's own TLS; None without TLS.

        Raises:
            Misconfigured: a certificate or key cannot be read.
        """
        if not self.tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.certificate is not None:
                # A text that is empty, too: without any, OpenSSL would ask at the terminal.
                context.load_cert_chain(self.certificate, self.key, self.key_password or "")
        except (OSError, ssl.SSLError) as error:
            raise Misconfigured(
                f"the TLS files of TIDEMARK_KAFKA_CA, _CERTIFICATE, _KEY and _KEY_PASSWORD cannot "
                f"be used: {error}"
            ) from error
        return context

    def _check_file(self, name: str, path: Path) -> None:
        if not self.tls:
            raise _unused(name, self, "SSL or SASL_SSL")
        if not path.is_file():
            raise Misconfigured(f"TIDEMARK_KAFKA_{name}={path}: there is no such file")


def librdkafka_config(security: KafkaSecurity) -> dict[str, Any]:
    """Return the security part of a confluent-kafka configuration; holds secrets, never log it.

    Raises:
        Misconfigured: the issuer of tokens refuses the client.
        Unavailable: the issuer does not answer.
    """
    config: dict[str, Any] = {"security.protocol": security.protocol}
    if security.sasl:
        config["sasl.mechanism"] = security.mechanism
    if security.tokens is not None:
        config["oauth_cb"] = _give_token(security.tokens)
    elif security.sasl:
        config["sasl.username"] = security.username or ""
        config["sasl.password"] = security.password or ""
    if security.key_password:
        config["ssl.key.password"] = security.key_password
    files = {
        "ssl.ca.location": security.ca,
        "ssl.certificate.location": security.certificate,
        "ssl.key.location": security.key,
    }
    return config | {name: str(path) for name, path in files.items() if path is not None}


def _give_token(tokens: TokenSource) -> Callable[[str], tuple[str, float]]:
    """Return what librdkafka calls, in a thread of its own, when it needs a token."""
    # Before the client is made: it would wait ten seconds for a token that does not come.
    tokens.token()

    def give(_config: str) -> tuple[str, float]:
        token = tokens.token()
        return token.value, token.expires_at

    return give


def security_from_settings(settings: Settings) -> KafkaSecurity:
    """Collect the security settings of Kafka.

    Raises:
        Misconfigured: they are only half there, or a file cannot be read.
    """
    return KafkaSecurity(
        protocol=settings.kafka_security_protocol,
        mechanism=settings.kafka_sasl_mechanism,
        username=settings.kafka_username,
        password=settings.secret("kafka_password"),
        ca=settings.kafka_ca,
        certificate=settings.kafka_certificate,
        key=settings.kafka_key,
        key_password=settings.secret("kafka_key_password"),
        oauth=_oauth_from_settings(settings),
    )


def _oauth_from_settings(settings: Settings) -> OAuthClient | None:
    given = {
        "TOKEN_URL": settings.kafka_oauth_token_url,
        "CLIENT_ID": settings.kafka_oauth_client_id,
        "CLIENT_SECRET": settings.secret("kafka_oauth_client_secret"),
    }
    others = {"SCOPE": settings.kafka_oauth_scope, "CA": settings.kafka_oauth_ca}
    set_ones = [name for name, value in (given | others).items() if value]
    if not set_ones:
        return None
    missing = [f"TIDEMARK_KAFKA_OAUTH_{name}" for name, value in given.items() if not value]
    if missing:
        raise Misconfigured(
            f"TIDEMARK_KAFKA_OAUTH_{set_ones[0]} is set, {' and '.join(missing)} missing"
        )
    ca = settings.kafka_oauth_ca
    if ca is not None and not ca.is_file():
        raise Misconfigured(f"TIDEMARK_KAFKA_OAUTH_CA={ca}: there is no such file")
    url, client, secret = (str(value) for value in given.values())
    return OAuthClient(url, client, secret, settings.kafka_oauth_scope, ca)


def _require_both(first: str, one: object, second: str, other: object) -> None:
    if bool(one) != bool(other):
        given, missing = (first, second) if one else (second, first)
        raise Misconfigured(f"TIDEMARK_KAFKA_{given} is set, TIDEMARK_KAFKA_{missing} is missing")


def _unused(name: str, security: KafkaSecurity, needed: str) -> Misconfigured:
    mechanism = f" with {security.mechanism}" if security.sasl else ""
    return Misconfigured(
        f"TIDEMARK_KAFKA_{name} is set, but TIDEMARK_KAFKA_SECURITY_PROTOCOL={security.protocol}"
        f"{mechanism} would not use it: set the protocol to {needed}"
    )
