"""``make audit``: what is locked is asked for, what is known is told, and a skip is no success."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests.audit import FOUND, NOT_ASKED, ROOT, Package, main, pinned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK = """
good==1.0 \\
    --hash=sha256:00
bad-one[extra]==2.1.0 ; python_full_version < '3.11' \\
    --hash=sha256:01
bad-one==2.2.0 ; python_full_version >= '3.11' \\
    --hash=sha256:02
"""
ABOUT = {
    "aliases": ["CVE-2026-0001"],
    "summary": "Takes what it is given",
    "affected": [{"ranges": [{"type": "ECOSYSTEM", "events": [{"fixed": "2.1.1"}]}]}],
}


class Service(ThreadingHTTPServer):
    """Knows one vulnerability of ``bad-one`` 2.1.0, and a second one on its second page."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.queries: list[dict[str, Any]] = []
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
        self.server.queries += asked
        self._answer({"results": [_result(query) for query in asked]})

    def do_GET(self) -> None:
        self._answer(ABOUT)

    def log_message(self, *_arguments: object) -> None:
        """Stay silent."""

    def _answer(self, found: object) -> None:
        payload = json.dumps(found).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)


def _result(query: dict[str, Any]) -> dict[str, Any]:
    if (query["package"]["name"], query["version"]) != ("bad-one", "2.1.0"):
        return {}
    if "page_token" in query:
        return {"vulns": [{"id": "PYSEC-2"}]}
    return {"vulns": [{"id": "GHSA-1"}], "next_page_token": "two"}


@contextmanager
def _service() -> Iterator[Service]:
    server = Service()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A lock and a project beside it."""
    (tmp_path / "pyproject.toml").write_text("")
    path = tmp_path / "some.lock"
    path.write_text(LOCK)
    return path


def _audit(lock: Path, url: str, *more: str) -> int:
    project = str(lock.with_name("pyproject.toml"))
    return main([str(lock), "--service", url, "--project", project, *more])


def test_every_pinned_package_is_read() -> None:
    """Those of other Pythons too; and all of this project's."""
    expected = [Package("bad-one", "2.1.0"), Package("bad-one", "2.2.0"), Package("good", "1.0")]
    assert pinned(LOCK) == expected
    text = (ROOT / "requirements-dev.lock").read_text()
    lines = {line.split()[0] for line in text.splitlines() if line[:1].isalnum()}
    assert sorted(lines) == sorted(f"{one.name}=={one.version}" for one in pinned(text))


def test_what_is_known_is_told(lock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its names and its repair, of every page; the exit code says so."""
    with _service() as service:
        assert _audit(lock, service.url) == FOUND
        asked = {(query["package"]["name"], query["version"]) for query in service.queries}
    assert asked == {("bad-one", "2.1.0"), ("bad-one", "2.2.0"), ("good", "1.0")}
    written = capsys.readouterr().out
    told = "GHSA-1 (CVE-2026-0001): Takes what it is given; repaired in 2.1.1"
    assert f"VULNERABLE bad-one 2.1.0: {told}" in written
    assert "PYSEC-2" in written
    assert "2 known vulnerabilities in 3 locked packages" in written


def test_nothing_known_is_success(lock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And says how much was looked at."""
    lock.write_text("good==1.0\n")
    with _service() as service:
        assert _audit(lock, service.url) == 0
    assert capsys.readouterr().out == "audit: no known vulnerability in 1 locked packages\n"


def test_findings_can_be_accepted_with_a_reason(
    lock: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reason is told each time."""
    accepted = '[tool.tidemark.audit]\n"GHSA-1" = "not called"\n"PYSEC-2" = "not reachable"\n'
    lock.with_name("pyproject.toml").write_text(accepted)
    with _service() as service:
        assert _audit(lock, service.url) == 0
    assert "accepted bad-one 2.1.0: GHSA-1: not called" in capsys.readouterr().out


@pytest.mark.parametrize(("more", "code"), [((), NOT_ASKED), (("--where-reachable",), 0)])
@pytest.mark.parametrize("status", [None, 500, 404])
def test_a_skip_does_not_look_like_success(
    more: tuple[str, ...],
    code: int,
    status: int | None,
    lock: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """``make audit`` fails where nobody answers, ``make check`` says that nothing was checked."""
    with _service() as service:
        service.status = status or 200
        url = service.url
        if status is not None:
            assert _audit(lock, url, *more) == code
    if status is None:
        assert _audit(lock, url, *more) == code
    written = capsys.readouterr().out
    assert written.startswith("audit: SKIPPED, nothing was checked: http://127.0.0.1:")
    assert "no known" not in written


def test_an_empty_lock_is_a_failure(lock: Path) -> None:
    """A lock that was not read would always be clean."""
    lock.write_text("# nothing\n")
    assert _audit(lock, "http://127.0.0.1:1", "--where-reachable") == FOUND
