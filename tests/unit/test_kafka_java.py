"""Finding a Java that can run Apache Kafka."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from streams.backends.kafka.java import find_java, read_release
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from pathlib import Path


def fake_java(folder: Path, release: str) -> Path:
    """An executable that names itself as a Java of this release does."""
    path = folder / "bin" / "java"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\necho 'openjdk version \"{release}\" 2025-04-15' >&2\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("line", "release"),
    [
        ('openjdk version "17.0.15" 2025-04-15', "17.0.15"),
        ('java version "1.8.0_412"', "1.8.0_412"),
        ('openjdk version "24" 2025-03-18', "24"),
        ('openjdk version "21.0.3-ea" 2024-04-16', "21.0.3-ea"),
        ("command not found", None),
    ],
)
def test_the_release_is_read(line: str, release: str | None) -> None:
    """Every form in which a Java names itself is understood."""
    assert release == read_release(line)


def test_java_home_comes_before_the_path(tmp_path: Path) -> None:
    """JAVA_HOME is an explicit wish."""
    home = fake_java(tmp_path / "home", "21.0.3")
    on_path = fake_java(tmp_path / "path", "17.0.1")
    found = find_java(
        {"JAVA_HOME": str(tmp_path / "home"), "PATH": str(on_path.parent)}, tmp_path / "none"
    )
    assert (home, 21, "21.0.3") == (found.executable, found.version, found.release)


def test_an_old_java_is_passed_over(tmp_path: Path) -> None:
    """A Java 17 that is installed is found behind a Java 8 on the path."""
    old = fake_java(tmp_path / "old", "1.8.0_412")
    new = fake_java(tmp_path / "jvm" / "java-17", "17.0.15")
    found = find_java({"PATH": str(old.parent)}, tmp_path / "jvm")
    assert new == found.executable


def test_without_java_the_error_says_what_to_do(tmp_path: Path) -> None:
    """The line names what was found, what to install, and the way without Java."""
    old = fake_java(tmp_path / "old", "11.0.2")
    with pytest.raises(Misconfigured, match=r"found Java 11 at .*openjdk-17.*in-process"):
        find_java({"PATH": str(old.parent)}, tmp_path / "none")
    with pytest.raises(Misconfigured, match="found no Java"):
        find_java({"PATH": str(tmp_path), "JAVA_HOME": str(tmp_path)}, tmp_path / "none")
