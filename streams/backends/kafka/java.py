"""Find a Java that can run Apache Kafka 4."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MINIMUM = 17
_INSTALLED = Path("/usr/lib/jvm")
_VERSION = re.compile(r'version "(\d[\w.+-]*)"')


@dataclass(frozen=True, slots=True)
class Java:
    """An executable, its major version, and the release as it names itself (``17.0.15``)."""

    executable: Path
    version: int
    release: str


def find_java(environment: Mapping[str, str], installed: Path = _INSTALLED) -> Java:
    """Return the first Java 17 or newer of ``JAVA_HOME``, ``PATH`` and the system's folder.

    Raises:
        Misconfigured: there is none; says what was found and what to install.
    """
    found: list[Java] = []
    for candidate in _candidates(environment, installed):
        java = probe(candidate)
        if java is not None and java.version >= MINIMUM:
            return java
        found.extend([java] if java else [])
    seen = ", ".join(f"Java {java.version} at {java.executable}" for java in found) or "no Java"
    raise Misconfigured(
        f"a local Apache Kafka needs Java {MINIMUM} or newer, found {seen}: install one (Debian: "
        "apt install openjdk-17-jre-headless) or set JAVA_HOME; or set TIDEMARK_KAFKA=in-process"
    )


def probe(executable: Path) -> Java | None:
    """Return what ``executable -version`` says, or None where it does not run."""
    try:
        answer = subprocess.run(  # noqa: S603 - a Java executable of this machine
            [str(executable), "-version"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    release = read_release(answer.stderr + answer.stdout)
    return None if release is None else Java(executable, _major(release), release)


def read_release(text: str) -> str | None:
    """Read the release from the output of ``java -version``, such as ``17.0.15``."""
    match = _VERSION.search(text)
    return match.group(1) if match else None


def _major(release: str) -> int:
    """Return 17 for ``17.0.15``, 8 for ``1.8.0_412``."""
    return int(re.split(r"\D", release.removeprefix("1."))[0])


def _candidates(environment: Mapping[str, str], installed: Path) -> Iterator[Path]:
    home = environment.get("JAVA_HOME")
    if home:
        yield Path(home) / "bin" / "java"
    on_path = shutil.which("java", path=environment.get("PATH", ""))
    if on_path:
        yield Path(on_path)
    yield from sorted(installed.glob("*/bin/java"))
