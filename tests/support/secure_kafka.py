"""A real Apache Kafka with TLS, client certificates and every SASL mechanism that Tidemark knows.

| listener | protocol | what it is for |
|---|---|---|
| ``PLAINTEXT`` | PLAINTEXT | the broker itself, and the tests' own set-up |
| ``LOGIN`` | SASL_SSL | SCRAM-SHA-256, SCRAM-SHA-512, PLAIN, OAUTHBEARER |
| ``MUTUAL`` | SSL | client certificates are required |
| ``OPEN`` | SASL_PLAINTEXT | the same users without TLS |
| ``EXPIRED`` | SSL | a certificate that has expired |
| ``ELSEWHERE`` | SSL | a certificate of another host |
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from streams.backends.kafka.local import LocalKafka, start_test_kafka
from streams.backends.kafka.oauth import OAuthClient
from streams.backends.kafka.ports import choose_ports
from streams.backends.kafka.properties import Listener
from streams.backends.kafka.security import KafkaSecurity
from tests.support.certificates import KEY_PASSWORD, Certificates, make_certificates
from tests.support.token_issuer import AUDIENCE, CLIENT, ISSUER, SECRET, TokenIssuer, token_issuer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.certificates import Identity

USER, PASSWORD = "ada", "lovelace-1843-notes"
OUTSIDER = "babbage"
"""Has the same password, and may join no consumer group."""

_PROTOCOLS = {
    "LOGIN": "SASL_SSL",
    "MUTUAL": "SSL",
    "OPEN": "SASL_PLAINTEXT",
    "EXPIRED": "SSL",
    "ELSEWHERE": "SSL",
}
_MODULES = "org.apache.kafka.common.security"
_VALIDATOR = f"{_MODULES}.oauthbearer.OAuthBearerValidatorCallbackHandler"
_JAAS = {
    "scram-sha-256": f"{_MODULES}.scram.ScramLoginModule required;",
    "scram-sha-512": f"{_MODULES}.scram.ScramLoginModule required;",
    "plain": f'{_MODULES}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";',
    "oauthbearer": f"{_MODULES}.oauthbearer.OAuthBearerLoginModule required;",
}


@dataclass(frozen=True, slots=True)
class SecureKafka:
    """The broker, its ports, its certificates and its issuer of tokens."""

    kafka: LocalKafka
    ports: dict[str, int]
    certificates: Certificates
    issuer: TokenIssuer

    def at(self, listener: str) -> str:
        """Address of a listener."""
        return f"127.0.0.1:{self.ports[listener]}"

    def login(self, mechanism: str, password: str = PASSWORD, user: str = USER) -> KafkaSecurity:
        """A user over TLS."""
        return KafkaSecurity("SASL_SSL", mechanism, user, password, ca=self.certificates.ca)

    def by_token(self, secret: str = SECRET) -> KafkaSecurity:
        """A client with a token over TLS."""
        ca = self.certificates.ca
        oauth = OAuthClient(self.issuer.url, CLIENT, secret, "kafka", ca)
        return KafkaSecurity("SASL_SSL", "OAUTHBEARER", ca=ca, oauth=oauth)

    def mutual(self, identity: Identity | None = None, *, sealed: bool = False) -> KafkaSecurity:
        """A client with a certificate; its key may be encrypted."""
        one = identity or self.certificates.client
        return KafkaSecurity(
            "SSL",
            ca=self.certificates.ca,
            certificate=one.certificate,
            key=one.encrypted_key if sealed else one.key,
            key_password=KEY_PASSWORD if sealed else None,
        )


@contextmanager
def secure_kafka(folder: Path, jars: Path) -> Iterator[SecureKafka]:
    """Run the broker until the end of the block."""
    certificates = make_certificates(folder / "certificates")
    ports = dict(zip(_PROTOCOLS, choose_ports(folder / "listeners", len(_PROTOCOLS)), strict=True))
    with token_issuer(certificates.broker) as issuer:
        keys = folder / "jwks.json"
        issuer.write_keys(keys)
        listeners = [Listener(name, _PROTOCOLS[name], port) for name, port in ports.items()]
        with start_test_kafka(
            folder / "kafka",
            jars=jars,
            properties=_properties(certificates, keys),
            listeners=listeners,
            system={"org.apache.kafka.sasl.oauthbearer.allowed.urls": keys.as_uri()},
        ) as kafka:
            add_user(kafka.bootstrap, USER, PASSWORD)
            add_user(kafka.bootstrap, OUTSIDER, PASSWORD)
            forbid_groups(kafka.bootstrap, OUTSIDER)
            yield SecureKafka(kafka, ports, certificates, issuer)


def add_user(bootstrap: str, user: str, password: str) -> None:
    """Make or change a SCRAM user, for both hashes."""
    client = AdminClient({"bootstrap.servers": bootstrap})
    for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
        # One by one: a request may name a user only once.
        info = ScramCredentialInfo(mechanism, 4096)
        change = UserScramCredentialUpsertion(user, info, password.encode())
        for future in client.alter_user_scram_credentials([change]).values():
            future.result(30)


def forbid_groups(bootstrap: str, user: str) -> None:
    """Let everybody but this user join consumer groups."""
    client = AdminClient({"bootstrap.servers": bootstrap})
    rules = [("User:*", AclPermissionType.ALLOW), (f"User:{user}", AclPermissionType.DENY)]
    every = (ResourceType.GROUP, "*", ResourcePatternType.LITERAL)
    acls = [AclBinding(*every, who, "*", AclOperation.ALL, what) for who, what in rules]
    for future in client.create_acls(acls).values():
        future.result(30)


def _properties(certificates: Certificates, keys: Path) -> dict[str, str]:
    identities = {
        "login": certificates.broker,
        "mutual": certificates.broker,
        "expired": certificates.expired_broker,
        "elsewhere": certificates.elsewhere,
    }
    found: dict[str, str] = {
        "sasl.enabled.mechanisms": ",".join(_JAAS).upper(),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "true",
        "super.users": "User:ANONYMOUS",
    }
    for name, identity in identities.items():
        found |= {
            f"listener.name.{name}.ssl.keystore.type": "PEM",
            f"listener.name.{name}.ssl.keystore.location": str(identity.both),
            f"listener.name.{name}.ssl.truststore.type": "PEM",
            f"listener.name.{name}.ssl.truststore.location": str(certificates.ca),
        }
    found["listener.name.mutual.ssl.client.auth"] = "required"
    for name in ("login", "open"):
        for mechanism, module in _JAAS.items():
            found[f"listener.name.{name}.{mechanism}.sasl.jaas.config"] = module
        prefix = f"listener.name.{name}.oauthbearer.sasl"
        found |= {
            f"{prefix}.server.callback.handler.class": _VALIDATOR,
            f"{prefix}.oauthbearer.jwks.endpoint.url": keys.as_uri(),
            f"{prefix}.oauthbearer.expected.audience": AUDIENCE,
            f"{prefix}.oauthbearer.expected.issuer": ISSUER,
            # A connection ends with its token, where the client does not renew it.
            f"listener.name.{name}.oauthbearer.connections.max.reauth.ms": "600000",
        }
    return found


def as_settings(address: str, security: KafkaSecurity) -> dict[str, object]:
    """The settings that lead a command to a broker in the same way."""
    given: dict[str, object] = {
        "kafka": address,
        "kafka_security_protocol": security.protocol,
        "kafka_sasl_mechanism": security.mechanism,
        "kafka_username": security.username,
        "kafka_password": security.password,
        "kafka_ca": security.ca,
        "kafka_certificate": security.certificate,
        "kafka_key": security.key,
        "kafka_key_password": security.key_password,
    }
    if security.oauth is not None:
        given |= {
            "kafka_oauth_token_url": security.oauth.token_url,
            "kafka_oauth_client_id": security.oauth.client_id,
            "kafka_oauth_client_secret": security.oauth.client_secret,
            "kafka_oauth_scope": security.oauth.scope,
            "kafka_oauth_ca": security.oauth.ca,
        }
    return {name: value for name, value in given.items() if value is not None}
