"""A real Confluent-compatible schema registry (Apicurio) on loopback, for tests."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tarfile
import tempfile
import threading
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from streams.backends.kafka.jars import run_maven
from streams.backends.kafka.java import find_java
from streams.backends.kafka.process import GuardedProcess, wait_for_lock
from streams.errors import Misconfigured, TidemarkError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parent / "apicurio"
_NAMED = "TIDEMARK_TEST_REGISTRY"
_START_SECONDS = 120.0
_GRACE_SECONDS = 10.0
_LISTENS = re.compile(r"Listening on: (http://127\.0\.0\.1:\d+)")


@dataclass(frozen=True, slots=True)
class RegistryServer:
    """A registry that runs; ``url`` is what TIDEMARK_SCHEMA_REGISTRY would be."""

    url: str

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Return the answer to a request that has to succeed."""
        request = urllib.request.Request(  # noqa: S310 - an http address on loopback
            self.url + path,
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/vnd.schemaregistry.v1+json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.load(answer)

    def demand(self, subject: str, compatibility: str) -> None:
        """Let a subject take only schemas with this compatibility, such as ``BACKWARD``."""
        self.ask("PUT", f"/config/{subject}", {"compatibility": compatibility})

    def register(self, subject: str, schema: Any) -> int:
        """Register an Avro schema and return its number."""
        body = {"schema": json.dumps(schema), "schemaType": "AVRO"}
        number: int = self.ask("POST", f"/subjects/{subject}/versions", body)["id"]
        return number


@contextmanager
def real_registry(folder: Path, program: Path) -> Iterator[RegistryServer]:
    """Run a registry with an empty store until the end of the block.

    Args:
        folder: where its log is kept.
        program: what ``provide_registry`` returned.

    Raises:
        Misconfigured: there is no Java.
        Unavailable: it ended or did not answer in time.
    """
    log = folder / "registry.log"
    command = [
        str(find_java(os.environ).executable),
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        "-Xmx384m",
        "-Dquarkus.http.host=127.0.0.1",
        "-Dquarkus.http.port=0",
        "-jar",
        str(next(program.glob("*-runner.jar"))),
    ]
    lock = wait_for_lock(folder / "registry.lock", _GRACE_SECONDS)
    try:
        with log.open("wb") as output:
            process = GuardedProcess(command, output, lock, _GRACE_SECONDS)
    finally:
        os.close(lock)
    try:
        yield RegistryServer(_address(process, log) + "/apis/ccompat/v7")
    finally:
        process.stop()


def provide_registry(cache: Path) -> Path:
    """Return the folder of the unpacked registry, fetched through Maven where necessary.

    Raises:
        Misconfigured: there is no Maven.
        Unavailable: it could not be fetched, or is not what archive.sha256 pins.
    """
    checksum, name = (PROJECT / "archive.sha256").read_text(encoding="utf-8").split()
    target = cache / checksum[:16]
    if target.is_dir():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=cache) as scratch:
        archive = _fetched(Path(scratch), name)
        if hashlib.sha256(archive.read_bytes()).hexdigest() != checksum:
            raise Unavailable(f"Maven delivered another {name} than archive.sha256 pins")
        unpacked = Path(scratch) / "unpacked"
        with tarfile.open(archive) as packed:
            packed.extractall(unpacked, filter="data")
        try:
            unpacked.rename(target)
        except OSError:
            # Another process was faster.
            if not target.is_dir():
                raise
    return target


@pytest.fixture(scope="session")
def registry_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The registry's folder, kept between sessions; skips without Java or Maven, not in CI."""
    if _NAMED in os.environ:
        return tmp_path_factory.getbasetemp()
    try:
        find_java(os.environ)
        return provide_registry(tmp_path_factory.getbasetemp().parent / "tidemark-registry")
    except TidemarkError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def schema_registry(
    registry_program: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RegistryServer]:
    """A real schema registry, one for the session: use subjects of your own.

    The one that TIDEMARK_TEST_REGISTRY names, else one that is started here.
    """
    if _NAMED in os.environ:
        yield RegistryServer(os.environ[_NAMED])
        return
    with real_registry(tmp_path_factory.mktemp("registry"), registry_program) as server:
        yield server


def _fetched(scratch: Path, name: str) -> Path:
    maven = shutil.which("mvn")
    if maven is None:
        raise Misconfigured("the schema registry of the tests is fetched through Maven: install it")
    run_maven(maven, PROJECT, scratch)
    return scratch / name


def _address(process: GuardedProcess, log: Path) -> str:
    deadline = time.monotonic() + _START_SECONDS
    pause = threading.Event()
    while True:
        written = log.read_text(encoding="utf-8", errors="replace")
        found = _LISTENS.search(written)
        if found is not None:
            return found.group(1)
        if not process.alive() or time.monotonic() > deadline:
            raise Unavailable(f"the schema registry did not start: {written[-500:]}")
        pause.wait(0.05)
