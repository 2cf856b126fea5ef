"""Packages of npm that only tests need: fetched once by npm itself, judged by their hash."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(__file__).parents[2] / ".tidemark" / "npm"
_TIMEOUT_S = 150


class NotToBeHad(Exception):  # noqa: N818 - named by its consequence
    """The package cannot be fetched here; says why."""


@dataclass(frozen=True, slots=True)
class NpmPackage:
    """A pinned package: its name, version, and the SHA-256 of its archive."""

    name: str
    version: str
    sha256: str

    @property
    def folder(self) -> Path:
        """Where it lies once it is there."""
        return CACHE / f"{self.name.strip('@').replace('/', '-')}-{self.version}"

    def unpacked(self) -> Path:
        """Return the folder with the package's files, fetched first where it is not there.

        Raises:
            NotToBeHad: there is no npm, or it does not get the package.
        """
        if not self.folder.is_dir():
            CACHE.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
                self._fetch(Path(scratch))
        return self.folder

    def _fetch(self, scratch: Path) -> None:
        archive = self._pack(scratch)
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        assert found == self.sha256, f"{archive.name} is not what was pinned: {found}"
        with tarfile.open(archive) as opened:
            opened.extractall(scratch, filter="data")
        try:
            (scratch / "package").rename(self.folder)
        except OSError:
            assert self.folder.is_dir()  # another process was faster

    def _pack(self, scratch: Path) -> Path:
        npm = shutil.which("npm")
        if npm is None:
            raise NotToBeHad("npm is not installed")
        command = [npm, "pack", "--silent", f"{self.name}@{self.version}"]
        try:
            done = subprocess.run(
                command,
                cwd=scratch,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise NotToBeHad(f"npm did not get {self.name} in {_TIMEOUT_S} s") from None
        if done.returncode:
            raise NotToBeHad(f"npm does not get {self.name}: {done.stderr.strip()[-300:]}")
        (archive,) = scratch.glob("*.tgz")
        return archive
