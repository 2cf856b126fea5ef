"""Getting Apache Kafka's jars."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from streams.backends.kafka.jars import PROJECT, pinned_version, provide_jars
from streams.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from pathlib import Path

GOOD = b"a jar"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that pins one jar."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pom.xml").write_text("<kafka.version>4.9.9</kafka.version>")
    (folder / "jars.sha256").write_text(f"{hashlib.sha256(GOOD).hexdigest()}  kafka.jar\n")
    return folder


def fake_maven(tmp_path: Path, script: str) -> dict[str, str]:
    """An environment whose ``mvn`` runs the script with the output folder in ``$out``."""
    path = tmp_path / "bin" / "mvn"
    path.parent.mkdir()
    find_output = 'for a in "$@"; do case "$a" in -DoutputDirectory=*) out="${a#*=}";; esac; done'
    path.write_text(f"#!/bin/sh\n{find_output}\n{script}\n")
    path.chmod(0o755)
    return {"PATH": f"{path.parent}:/usr/bin:/bin"}


def test_the_pins_name_the_pinned_broker() -> None:
    """jars.sha256 belongs to the version in pom.xml."""
    pins = (PROJECT / "jars.sha256").read_text(encoding="utf-8").split()[1::2]
    assert f"kafka_2.13-{pinned_version()}.jar" in pins
    assert sorted(pins, key=str.lower) == sorted(set(pins), key=str.lower)


def test_maven_is_asked_once(tmp_path: Path, project: Path) -> None:
    """What was fetched and checked is used again, without Maven."""
    environment = fake_maven(tmp_path, 'mkdir -p "$out"; printf "a jar" > "$out/kafka.jar"')
    jars = provide_jars(tmp_path / "cache", environment, project)
    assert (tmp_path / "cache" / "jars-4.9.9") == jars
    assert jars == provide_jars(tmp_path / "cache", {"PATH": ""}, project)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["jars-4.9.9"]


def test_a_damaged_jar_is_fetched_again(tmp_path: Path, project: Path) -> None:
    """A truncated file is noticed at the next start."""
    environment = fake_maven(tmp_path, 'mkdir -p "$out"; printf "a jar" > "$out/kafka.jar"')
    jar = provide_jars(tmp_path / "cache", environment, project) / "kafka.jar"
    jar.write_bytes(b"a j")
    provide_jars(tmp_path / "cache", environment, project)
    assert jar.read_bytes() == GOOD


def test_other_jars_than_pinned_are_refused(tmp_path: Path, project: Path) -> None:
    """A repository that delivers something else is not trusted, and nothing is kept of it."""
    environment = fake_maven(tmp_path, 'mkdir -p "$out"; printf "evil" > "$out/kafka.jar"')
    with pytest.raises(Unavailable, match=r"kafka\.jar.*not to be trusted"):
        provide_jars(tmp_path / "cache", environment, project)
    assert list((tmp_path / "cache").iterdir()) == []


def test_no_network_is_one_clear_line(tmp_path: Path, project: Path) -> None:
    """Maven's first error line is shown, with the ways out."""
    environment = fake_maven(tmp_path, "echo '[ERROR] Unknown host'; echo '[ERROR] x'; exit 1")
    with pytest.raises(Unavailable, match=r"\(Unknown host\).*KAFKA_HOME.*in-process") as caught:
        provide_jars(tmp_path / "cache", environment, project)
    assert "\n" not in str(caught.value)


def test_without_maven_the_error_says_what_to_do(tmp_path: Path, project: Path) -> None:
    """Install Maven, or set KAFKA_HOME, or do without."""
    with pytest.raises(Misconfigured, match=r"install Maven.*KAFKA_HOME.*in-process"):
        provide_jars(tmp_path / "cache", {"PATH": str(tmp_path)}, project)


def test_kafka_home_is_used_as_it_is(tmp_path: Path) -> None:
    """An unpacked Apache Kafka 4 needs no Maven."""
    libs = tmp_path / "kafka" / "libs"
    libs.mkdir(parents=True)
    (libs / "kafka_2.13-4.0.1.jar").touch()
    assert libs == provide_jars(tmp_path, {"KAFKA_HOME": str(tmp_path / "kafka")})


@pytest.mark.parametrize("jar", ["kafka_2.13-3.9.0.jar", "other.jar"])
def test_a_wrong_kafka_home_is_named(tmp_path: Path, jar: str) -> None:
    """Kafka 3 still needs ZooKeeper's ways; a wrong folder has no jars at all."""
    libs = tmp_path / "libs"
    libs.mkdir()
    (libs / jar).touch()
    with pytest.raises(Misconfigured, match=f"KAFKA_HOME={tmp_path} holds no Apache Kafka 4"):
        provide_jars(tmp_path, {"KAFKA_HOME": str(tmp_path)})
