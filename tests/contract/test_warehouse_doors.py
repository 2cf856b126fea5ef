"""Who is let in by a ClickHouse server, over TLS and by password: one clear line for each refusal.

Every line names the setting to look at, and none shows the password.
"""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING

import pytest

from streams.backends.clickhouse import open_reader, open_warehouse
from streams.errors import Misconfigured, TidemarkError, Unavailable
from tests.support.certificates import Certificates, Identity, make_certificates
from tests.support.clickhouse_server import ServerTls, running_clickhouse
from tests.support.landed import document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.clickhouse_server import ClickHouseServer

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def guarded(
    made: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClickHouseServer]:
    """A server with a certificate for this machine."""
    tls = ServerTls(made.broker.certificate, made.broker.key, made.ca)
    with running_clickhouse(tmp_path_factory.mktemp("guarded") / "clickhouse", tls=tls) as server:
        yield server


@contextmanager
def _presenting(identity: Identity) -> Iterator[int]:
    """Shake hands with whoever comes, with this certificate; nobody here gets further."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(identity.certificate, identity.key)

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            try:
                with context.wrap_socket(self.request, server_side=True) as connection:
                    connection.recv(1)
            except (ssl.SSLError, ConnectionError):
                refused.append(self.client_address)

    refused: list[object] = []
    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
    assert refused


def _refusal(url: str, *, ca: Path | None = None, password: str | None = None) -> TidemarkError:
    with pytest.raises(TidemarkError) as caught:
        open_warehouse(url, ca=ca, password=password)
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)
    return caught.value


def test_the_right_authority(guarded: ClickHouseServer, made: Certificates) -> None:
    """With its CA a server is written to and asked over TLS."""
    with closing(open_warehouse(guarded.url, ca=made.ca)) as warehouse:
        warehouse.write_documents([document(1)])
    with closing(open_reader(guarded.address(), password=guarded.password, ca=made.ca)) as reader:
        assert reader.query("SELECT count() AS n FROM documents WHERE offset = 1").rows == [[1]]


@pytest.mark.parametrize("which", ["none", "other"])
def test_another_authority(guarded: ClickHouseServer, made: Certificates, which: str) -> None:
    """A CA that did not sign the certificate, or none but the system's."""
    error = _refusal(guarded.url, ca=made.other_ca if which == "other" else None)
    assert isinstance(error, Misconfigured)
    assert "TLS failed: the server's certificate is not signed by a CA" in str(error)
    assert "TIDEMARK_CLICKHOUSE_CA must name the file" in str(error)


def test_an_expired_certificate(made: Certificates) -> None:
    """The line says whose certificate has expired."""
    with _presenting(made.expired_broker) as port:
        error = _refusal(f"clickhouses://me:hunter2@127.0.0.1:{port}/tidemark", ca=made.ca)
    assert isinstance(error, Misconfigured)
    assert "TLS failed: the server's certificate has expired: give the server a new" in str(error)


def test_a_certificate_for_another_host(made: Certificates) -> None:
    """The line says where the host is named."""
    with _presenting(made.elsewhere) as port:
        error = _refusal(f"clickhouses://me:hunter2@127.0.0.1:{port}/tidemark", ca=made.ca)
    assert isinstance(error, Misconfigured)
    assert "is for another host: name the host in TIDEMARK_CLICKHOUSE" in str(error)


def test_a_client_without_tls(guarded: ClickHouseServer) -> None:
    """A server that hangs up on plain HTTP: the line says what to check."""
    error = _refusal(guarded.url.replace("clickhouses://", "clickhouse://"))
    assert isinstance(error, (Misconfigured, Unavailable))
    assert "TIDEMARK_CLICKHOUSE" in str(error)
    assert "clickhouses://" in str(error)


def test_tls_on_a_port_without(clickhouse_server: ClickHouseServer, made: Certificates) -> None:
    """The other way round."""
    url = clickhouse_server.url.replace("clickhouse://", "clickhouses://")
    error = _refusal(url, ca=made.ca)
    assert isinstance(error, Misconfigured)
    assert "check that the port speaks TLS" in str(error)


@pytest.mark.parametrize(("user", "password"), [("tidemark", "hunter2"), ("nobody", "hunter2")])
def test_a_wrong_user_or_password(
    clickhouse_server: ClickHouseServer, user: str, password: str
) -> None:
    """Servers do not say which of the two it is; neither can the line."""
    error = _refusal(clickhouse_server.address(user), password=password)
    assert isinstance(error, Misconfigured)
    assert "refuses the user or password: check the user in TIDEMARK_CLICKHOUSE" in str(error)
    with pytest.raises(Misconfigured, match="refuses the user or password"):
        open_reader(clickhouse_server.address(user), password=password)


def test_an_unknown_database(clickhouse_server: ClickHouseServer) -> None:
    """Nothing is made by a question or by a worker that must not migrate."""
    url, password = clickhouse_server.address(database="nosuch"), clickhouse_server.password
    with closing(open_warehouse(url, password=password, migrate=False)) as warehouse:
        with pytest.raises(Misconfigured, match=r"nosuch.*run `tidemark migrate`"):
            warehouse.write_documents([document(1)])
        with pytest.raises(Misconfigured, match=r"nosuch.*run `tidemark migrate`"):
            warehouse.query("SELECT 1")


def test_a_server_that_is_down(guarded: ClickHouseServer, made: Certificates) -> None:
    """Tried again later: it may come back."""
    with closing(open_warehouse(guarded.url, ca=made.ca)) as warehouse:
        guarded.kill()
        try:
            with pytest.raises(Unavailable, match="does not answer: connection refused"):
                warehouse.write_documents([document(2)])
            error = _refusal(guarded.url, ca=made.ca)
        finally:
            guarded.start()
        warehouse.write_documents([document(2)])
    assert isinstance(error, Unavailable)
    assert "check host and port in TIDEMARK_CLICKHOUSE" in str(error)


def test_the_command_line_says_it_in_one_line(
    clickhouse_server: ClickHouseServer, tmp_path: Path
) -> None:
    """``tidemark migrate`` with a wrong password in a file: exit code 1, one line, no secret."""
    secret = tmp_path / "password"
    secret.write_text("hunter2\n")
    settings = {
        "TIDEMARK_CLICKHOUSE": clickhouse_server.address(),
        "TIDEMARK_CLICKHOUSE_PASSWORD_FILE": str(secret),
    }
    done = subprocess.run(
        [sys.executable, "-m", "streams", "migrate"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, **settings, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 1
    assert "refuses the user or password" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
