"""What goes wrong with a registry: one clear line each, and only outages are tried again."""

from __future__ import annotations

import datetime as dt
import ssl
from typing import TYPE_CHECKING

import pytest
import trustme

from schemas.codec import codec_for
from schemas.messages import Document
from schemas.registry_access import RegistryAccess
from streams.errors import Misconfigured, TidemarkError, Unavailable
from tests.support.fake_registry import FakeRegistry, fake_registry
from tests.support.front import Front, front

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCUMENT = Document("x", "a")


@pytest.fixture
def server() -> Iterator[FakeRegistry]:
    with fake_registry() as registry:
        yield registry


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca(authority: trustme.CA, tmp_path: Path) -> Path:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return tmp_path / "ca.pem"


def tls_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def refused(access: RegistryAccess) -> TidemarkError:
    """The error that the first message meets; one line, no secret."""
    with pytest.raises((Misconfigured, Unavailable)) as caught:
        codec_for(access).encode("docs", DOCUMENT)
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)
    return caught.value


def access_to(gate: Front, **more: object) -> RegistryAccess:
    given = {"host": "localhost"} | {k: v for k, v in more.items() if k in {"user", "host"}}
    url = gate.url(**given)  # type: ignore[arg-type]
    rest = {k: v for k, v in more.items() if k not in {"user", "host"}}
    return RegistryAccess(url, retries=0, **rest)  # type: ignore[arg-type]


def test_user_and_tls_are_used(server: FakeRegistry, authority: trustme.CA, ca: Path) -> None:
    """With the right password and CA messages pass; with a wrong password one line says so."""
    with front(server.url, tls_of(authority.issue_cert("localhost"))) as gate:
        gate.user = "ada:right:one"
        right = access_to(gate, username="ada", password="right:one", ca=ca)
        assert codec_for(right).encode("docs", DOCUMENT)
        inside = access_to(gate, user="ada:right%3Aone", ca=ca)
        assert codec_for(inside).encode("docs", DOCUMENT)
        wrong = refused(access_to(gate, username="ada", password="hunter2", ca=ca))
        nobody = refused(access_to(gate, ca=ca))
    for error in (wrong, nobody):
        assert isinstance(error, Misconfigured)
        assert "refuses the credentials" in str(error)


def test_a_certificate_that_is_not_to_be_trusted(
    server: FakeRegistry, authority: trustme.CA, ca: Path
) -> None:
    """Expired, for another host, or signed by somebody else: fatal, and it says which."""
    past = dt.datetime.now(dt.timezone.utc) - dt.timedelta(days=1)
    cases = [
        (authority.issue_cert("localhost", not_after=past), "certificate has expired"),
        (authority.issue_cert("elsewhere.example"), "mismatch"),
        (trustme.CA().issue_cert("localhost"), "unable to get local issuer"),
    ]
    for certificate, told in cases:
        with front(server.url, tls_of(certificate)) as gate:
            error = refused(access_to(gate, ca=ca))
        assert isinstance(error, Misconfigured)
        assert told in str(error)
        assert "TIDEMARK_SCHEMA_REGISTRY_CA" in str(error)


def test_a_client_certificate_is_shown_where_it_is_asked_for(
    server: FakeRegistry, authority: trustme.CA, ca: Path, tmp_path: Path
) -> None:
    """Without one, one line names the settings."""
    context = tls_of(authority.issue_cert("localhost"))
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    mine = authority.issue_cert("client.example")
    mine.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "me.pem"))
    with front(server.url, context) as gate:
        assert codec_for(access_to(gate, ca=ca, certificate=tmp_path / "me.pem")).encode(
            "docs", DOCUMENT
        )
        error = refused(access_to(gate, ca=ca))
    assert isinstance(error, Misconfigured)
    assert "TIDEMARK_SCHEMA_REGISTRY_CERTIFICATE" in str(error)


def test_https_to_a_server_without_tls_is_told(server: FakeRegistry) -> None:
    """A wrong scheme is a setting, not an outage."""
    error = refused(RegistryAccess(server.url.replace("http:", "https:"), retries=0))
    assert isinstance(error, Misconfigured)
    assert "no TLS" in str(error)


def test_a_host_without_address_is_told() -> None:
    """The name service may come back, so it is tried again; the line says what is wrong."""
    error = refused(RegistryAccess("http://no-such-host.invalid:8081", retries=0))
    assert isinstance(error, Unavailable)
    assert "cannot be found" in str(error)


@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        (401, Misconfigured, "refuses the credentials"),
        (403, Misconfigured, "refuses the credentials"),
        (404, Misconfigured, "no schema registry at"),
        (405, Misconfigured, "no schema registry at"),
        (408, Unavailable, "408"),
        (429, Unavailable, "429"),
        (500, Unavailable, "500"),
        (502, Unavailable, "502"),
    ],
)
def test_only_what_can_get_better_is_tried_again(
    server: FakeRegistry, status: int, kind: type[TidemarkError], told: str
) -> None:
    """A gate's own answers, which no registry gave: 4xx is fatal, 5xx an outage."""
    with front(server.url) as gate:
        gate.refuse = status
        error = refused(access_to(gate))
    assert type(error) is kind
    assert told in str(error)


def test_something_else_that_answers_is_no_registry(server: FakeRegistry) -> None:
    """A page of a web server with status 200."""
    with front(server.url) as gate:
        gate.refuse = 200
        error = refused(access_to(gate))
    assert isinstance(error, Misconfigured)
    assert "answers something else" in str(error)


def test_a_registry_that_stalls_is_unavailable(server: FakeRegistry) -> None:
    """A time-out bounds each request."""
    with front(server.url) as gate:
        gate.stalled.set()
        access = RegistryAccess(gate.url(), timeout_seconds=0.2, retries=0)
        error = refused(access)
        gate.stalled.clear()
    assert isinstance(error, Unavailable)
