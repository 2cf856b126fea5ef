"""How to speak to the brokers: one neutral record, and its form for librdkafka."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from streams.errors import Misconfigured

if TYPE_CHECKING:
    from pathlib import Path

    from streams.config import Settings


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """Protocol, credentials and certificates; its ``repr`` shows no password.

    Attributes:
        protocol: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.
        mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; used with the SASL protocols.
        username: SASL user.
        password: SASL password.
        ca: PEM file of the authorities that sign the brokers' certificates; the system's if None.
        certificate: PEM file of the client's certificate.
        key: PEM file of the client's key.
    """

    protocol: str = "PLAINTEXT"
    mechanism: str = "SCRAM-SHA-512"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what is only half said.

        Raises:
            Misconfigured: names the setting that is missing or of no use.
        """
        _require_both("USERNAME", self.username, "PASSWORD", self.password)
        _require_both("CERTIFICATE", self.certificate, "KEY", self.key)
        if self.sasl and not self.username:
            raise Misconfigured(
                f"TIDEMARK_KAFKA_SECURITY_PROTOCOL={self.protocol} needs a user: set "
                "TIDEMARK_KAFKA_USERNAME and TIDEMARK_KAFKA_PASSWORD (or _PASSWORD_FILE)"
            )
        if self.username and not self.sasl:
            raise _unused("USERNAME", self.protocol, "SASL_SSL")
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
                context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            raise Misconfigured(f"the TLS files of TIDEMARK_KAFKA_* cannot be used: {error}") from (
                error
            )
        return context

    def _check_file(self, name: str, path: Path) -> None:
        if not self.tls:
            raise _unused(name, self.protocol, "SSL or SASL_SSL")
        if not path.is_file():
            raise Misconfigured(f"TIDEMARK_KAFKA_{name}={path}: there is no such file")


def librdkafka_config(security: KafkaSecurity) -> dict[str, str]:
    """Return the security part of a confluent-kafka configuration; holds secrets, never log it."""
    config = {"security.protocol": security.protocol}
    if security.sasl:
        config["sasl.mechanism"] = security.mechanism
        config["sasl.username"] = security.username or ""
        config["sasl.password"] = security.password or ""
    files = {
        "ssl.ca.location": security.ca,
        "ssl.certificate.location": security.certificate,
        "ssl.key.location": security.key,
    }
    return config | {name: str(path) for name, path in files.items() if path is not None}


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
    )


def _require_both(first: str, one: object, second: str, other: object) -> None:
    if bool(one) != bool(other):
        given, missing = (first, second) if one else (second, first)
        raise Misconfigured(f"TIDEMARK_KAFKA_{given} is set, TIDEMARK_KAFKA_{missing} is missing")


def _unused(name: str, protocol: str, needed: str) -> Misconfigured:
    return Misconfigured(
        f"TIDEMARK_KAFKA_{name} is set, but TIDEMARK_KAFKA_SECURITY_PROTOCOL={protocol} would not "
        f"use it: set the protocol to {needed}"
    )
