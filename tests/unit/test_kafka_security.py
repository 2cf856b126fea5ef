"""Security settings of Kafka: complete or refused, and never shown."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import pytest

from streams.backends.kafka.oauth import OAuthClient
from streams.backends.kafka.security import (
    KafkaSecurity,
    librdkafka_config,
    security_from_settings,
)
from streams.config import Settings
from streams.errors import Misconfigured
from tests.support.certificates import KEY_PASSWORD, make_certificates

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    """A file that exists."""
    path = tmp_path / "some.pem"
    path.write_text("no certificate")
    return path


def test_a_full_login_becomes_librdkafkas(pem: Path) -> None:
    """Protocol, mechanism, credentials and files reach the client."""
    security = KafkaSecurity("SASL_SSL", "SCRAM-SHA-256", "ada", "secret", ca=pem)
    assert librdkafka_config(security) == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.username": "ada",
        "sasl.password": "secret",
        "ssl.ca.location": str(pem),
    }


def test_plaintext_says_nothing_about_users() -> None:
    """Librdkafka warns of settings that it does not use."""
    assert librdkafka_config(KafkaSecurity()) == {"security.protocol": "PLAINTEXT"}


def test_the_password_is_not_shown() -> None:
    """Neither by repr nor by str."""
    security = KafkaSecurity("SASL_SSL", "PLAIN", "ada", "hush-hush")
    assert "hush-hush" not in f"{security!r} {security}"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"protocol": "SASL_SSL"}, "TIDEMARK_KAFKA_USERNAME"),
        ({"protocol": "SASL_SSL", "username": "ada"}, "TIDEMARK_KAFKA_PASSWORD is missing"),
        ({"protocol": "SASL_SSL", "password": "x"}, "TIDEMARK_KAFKA_USERNAME is missing"),
        ({"username": "ada", "password": "x"}, "PROTOCOL=PLAINTEXT would not use it"),
        ({"protocol": "SSL", "username": "ada", "password": "x"}, "PROTOCOL=SSL would not use it"),
        ({"protocol": "SSL", "certificate": "pem"}, "TIDEMARK_KAFKA_KEY is missing"),
        ({"protocol": "SSL", "key": "pem"}, "TIDEMARK_KAFKA_CERTIFICATE is missing"),
        ({"protocol": "SSL", "key_password": "x"}, "TIDEMARK_KAFKA_KEY is missing"),
        ({"protocol": "SASL_SSL", "mechanism": "OAUTHBEARER"}, "TIDEMARK_KAFKA_OAUTH_TOKEN_URL"),
        (
            {
                "protocol": "SASL_SSL",
                "mechanism": "OAUTHBEARER",
                "username": "ada",
                "password": "x",
            },
            "PROTOCOL=SASL_SSL with OAUTHBEARER would not use it",
        ),
        (
            {"protocol": "SASL_SSL", "username": "ada", "password": "x", "oauth": "client"},
            "OAUTH_TOKEN_URL is set.*with SCRAM-SHA-512 would not use it.*OAUTHBEARER",
        ),
        ({"ca": "pem"}, "set the protocol to SSL or SASL_SSL"),
        ({"protocol": "SSL", "ca": "absent"}, "there is no such file"),
    ],
)
def test_half_a_configuration_is_refused(given: dict[str, Any], named: str, pem: Path) -> None:
    """The line names the setting that is missing or of no use."""
    client = OAuthClient("https://issuer.example.org/token", "me", "x")
    files = {"pem": pem, "absent": pem.with_name("absent.pem"), "client": client}
    values: dict[str, Any] = {name: files.get(str(value), value) for name, value in given.items()}
    with pytest.raises(Misconfigured, match=named):
        KafkaSecurity(**values)


def test_settings_and_password_file_are_read(tmp_path: Path) -> None:
    """A password may stand in a file, as secrets of containers do."""
    (tmp_path / "password").write_text("from-file\n")
    settings = Settings(
        kafka_security_protocol="SASL_SSL",
        kafka_username="ada",
        kafka_password_file=tmp_path / "password",
    )
    security = security_from_settings(settings)
    assert (security.username, security.password) == ("ada", "from-file")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"token_url": "https://i.example.org/t"}, "_CLIENT_ID and .*_CLIENT_SECRET missing"),
        ({"client_id": "me", "client_secret": "x"}, "_CLIENT_ID is set, .*_TOKEN_URL missing"),
        ({"scope": "kafka"}, "_SCOPE is set, .*_TOKEN_URL and .*_CLIENT_ID and"),
    ],
)
def test_half_an_issuer_is_refused(given: dict[str, Any], named: str) -> None:
    """The line names what is there and what is not."""
    values = {f"kafka_oauth_{name}": value for name, value in given.items()}
    settings = Settings(
        kafka_security_protocol="SASL_SSL", kafka_sasl_mechanism="OAUTHBEARER", **values
    )
    with pytest.raises(Misconfigured, match=named):
        security_from_settings(settings)


def test_tokens_come_from_one_source(tmp_path: Path) -> None:
    """Both clients share it; the secret is not shown."""
    (tmp_path / "secret").write_text("hush-hush-client\n")
    settings = Settings(
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism="OAUTHBEARER",
        kafka_oauth_token_url="https://issuer.example.org/token",
        kafka_oauth_client_id="me",
        kafka_oauth_client_secret_file=tmp_path / "secret",
    )
    security = security_from_settings(settings)
    assert security.oauth is not None
    assert security.oauth.client_secret == "hush-hush-client"
    assert security.tokens is not None
    assert "hush-hush" not in f"{security!r} {security}"


def test_pythons_tls_context_checks_the_broker() -> None:
    """Certificates are verified, host names too."""
    context = KafkaSecurity("SSL").ssl_context()
    assert context is not None
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert KafkaSecurity().ssl_context() is None


def test_a_file_that_is_no_certificate_is_named(pem: Path) -> None:
    """Not a trace of OpenSSL, but which settings to look at."""
    with pytest.raises(Misconfigured, match="TLS files of TIDEMARK_KAFKA_CA"):
        KafkaSecurity("SSL", ca=pem).ssl_context()


def test_an_encrypted_key_needs_its_password(tmp_path: Path) -> None:
    """With it both clients can use the key; without it nobody is asked at the terminal."""
    certificates = make_certificates(tmp_path)
    client = certificates.client

    def having(password: str | None) -> KafkaSecurity:
        files = client.certificate, client.encrypted_key
        return KafkaSecurity("SSL", certificate=files[0], key=files[1], key_password=password)

    assert having(KEY_PASSWORD).ssl_context() is not None
    assert librdkafka_config(having(KEY_PASSWORD))["ssl.key.password"] == KEY_PASSWORD
    for wrong in (None, "wrong"):
        with pytest.raises(Misconfigured, match="_KEY_PASSWORD cannot be used"):
            having(wrong).ssl_context()
