"""Get Apache Kafka's jars: from ``KAFKA_HOME``, from the data folder, or through Maven."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from streams.errors import Misconfigured, TidemarkError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PROJECT = Path(__file__).resolve().parents[3] / "compose" / "local-kafka"
_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_FETCH_SECONDS = 600
_VERSION = re.compile(r"<kafka\.version>([^<]+)<")
_SERVER_JAR = re.compile(r"kafka_2\.13-(\d+)\.")
_OLDEST_HOME = 4


def provide_jars(
    cache: Path,
    environment: Mapping[str, str],
    project: Path = PROJECT,
    tell: Callable[[str], None] = lambda _line: None,
) -> Path:
    """Return a folder with the jars of a Kafka broker, fetching them where necessary.

    Args:
        cache: folder that keeps the jars between starts, as ``jars-<version>``.
        environment: where ``KAFKA_HOME`` and ``PATH`` are looked up.
        project: folder of ``pom.xml`` and ``jars.sha256``.
        tell: told one line before a fetch, which can take a minute.

    Raises:
        Misconfigured: ``KAFKA_HOME`` holds no Kafka 4, or Maven is missing.
        Unavailable: Maven could not fetch them.
    """
    home = environment.get("KAFKA_HOME")
    if home:
        return _from_home(Path(home))
    target = cache / f"jars-{pinned_version(project)}"
    if target.is_dir() and not differences(target, project):
        return target
    tell(f"fetching Apache Kafka {pinned_version(project)} through Maven, once (44 MB)")
    return _fetch(target, environment, project)


def pinned_version(project: Path = PROJECT) -> str:
    """Return the version of Apache Kafka that ``pom.xml`` names."""
    match = _VERSION.search((project / "pom.xml").read_text(encoding="utf-8"))
    if match is None:
        raise Misconfigured(f"{project / 'pom.xml'} names no kafka.version")
    return match.group(1)


def differences(folder: Path, project: Path = PROJECT) -> list[str]:
    """Return the names of jars that are missing, unexpected, or not as pinned."""
    pins = (project / "jars.sha256").read_text(encoding="utf-8").split()
    pinned = dict(zip(pins[1::2], pins[::2], strict=True))
    actual = checksums(folder)
    return sorted(name for name in pinned | actual if pinned.get(name) != actual.get(name))


def checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every jar in the folder, in hexadecimal, by file name."""
    return {
        jar.name: hashlib.sha256(jar.read_bytes()).hexdigest()
        for jar in sorted(folder.glob("*.jar"))
    }


def _from_home(home: Path) -> Path:
    libs = home / "libs"
    versions = [_SERVER_JAR.match(jar.name) for jar in libs.glob("kafka_2.13-*.jar")]
    majors = [int(match.group(1)) for match in versions if match]
    if not majors or max(majors) < _OLDEST_HOME:
        raise Misconfigured(
            f"KAFKA_HOME={home} holds no Apache Kafka {_OLDEST_HOME} (no libs/kafka_2.13-4*.jar): "
            "correct it, or unset it to have the jars fetched through Maven"
        )
    return libs


def _fetch(target: Path, environment: Mapping[str, str], project: Path) -> Path:
    maven = shutil.which("mvn", path=environment.get("PATH", ""))
    if maven is None:
        raise Misconfigured(
            "a local Apache Kafka needs its jars: install Maven (Debian: apt install maven) or set "
            "KAFKA_HOME to an unpacked Apache Kafka 4; or set TIDEMARK_KAFKA=in-process"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".jars-", dir=target.parent) as scratch:
        fetched = Path(scratch) / "jars"
        run_maven(maven, project, fetched)
        wrong = differences(fetched, project)
        if wrong:
            raise Unavailable(
                f"Maven delivered other jars than compose/local-kafka/jars.sha256 pins ({wrong[0]}"
                f" and {len(wrong) - 1} more): the repository it uses is not to be trusted"
            )
        _put_in_place(fetched, target, project)
    return target


def run_maven(maven: str, project: Path, folder: Path) -> None:
    """Let Maven copy a project's dependencies into a folder.

    Raises:
        Unavailable: it could not fetch them; carries its first complaint.
    """
    command = [maven, "-B", "-q", "-Dstyle.color=never", "-f", str(project / "pom.xml"), _GOAL]
    try:
        answer = subprocess.run(  # noqa: S603 - Maven of this machine, fixed arguments
            [*command, f"-DoutputDirectory={folder}"],
            capture_output=True,
            text=True,
            timeout=_FETCH_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _unfetched(str(error)) from error
    if answer.returncode != 0:
        raise _unfetched(_first_error(answer.stdout + answer.stderr))


def _first_error(output: str) -> str:
    lines = [line for line in output.splitlines() if line.startswith("[ERROR]")]
    return (lines or output.splitlines() or ["no output"])[0].removeprefix("[ERROR]").strip()[:300]


def _unfetched(reason: str) -> TidemarkError:
    return Unavailable(
        f"Maven could not fetch Apache Kafka's jars ({reason}): connect this machine to a Maven "
        "repository once, or set KAFKA_HOME; or set TIDEMARK_KAFKA=in-process"
    )


def _put_in_place(fetched: Path, target: Path, project: Path) -> None:
    if target.is_dir() and differences(target, project):
        shutil.rmtree(target)
    try:
        fetched.rename(target)
    except OSError:
        # Another process was faster: its jars are as good as ours when they pass the same check.
        if not target.is_dir() or differences(target, project):
            raise


if __name__ == "__main__":
    for name, checksum in checksums(Path(sys.argv[1])).items():
        sys.stdout.write(f"{checksum}  {name}\n")
