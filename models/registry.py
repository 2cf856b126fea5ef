"""Installed models: pulled from pinned sources, verified, converted, whole or not there."""

from __future__ import annotations

import logging
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models import installing, soundness, sources
from models.card import CARD_FILE, Card, read_card
from models.files import locked, replace_folder
from models.installing import WEIGHTS_FOLDER
from models.manifest import HubSource, pinned, read_manifest
from streams.clock import SystemClock
from streams.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from models.manifest import PinnedModel, Source, Task
    from models.sources import Progress
    from streams.clock import Clock

_log = logging.getLogger(__name__)

__all__ = ["WEIGHTS_FOLDER", "Listed", "Pulled", "Registry"]


@dataclass(frozen=True, slots=True)
class Listed:
    """A pinned model and its card where it is installed."""

    model: PinnedModel
    folder: Path
    card: Card | None


@dataclass(frozen=True, slots=True)
class Pulled:
    """What ``pull`` did.

    Attributes:
        fresh: False when the model was there already.
        passed_over: the sources that failed before one served, with reasons.
    """

    card: Card
    folder: Path
    fresh: bool
    passed_over: tuple[str, ...] = ()


def _no_progress(step: str, done: int, total: int) -> None:
    """Tell nobody."""


class Registry:
    """The models below one data folder (``<root>/models/<name>``).

    Args:
        root: the data folder.
        clock: dates the model cards; the machine's clock if absent.
        manifest: the pinned models; if absent those of ``manifest.toml``, and those of a file of
            that name beside the models.
    """

    def __init__(
        self,
        root: Path,
        clock: Clock | None = None,
        manifest: Mapping[str, PinnedModel] | None = None,
    ) -> None:
        self._folder = root.resolve() / "models"
        self._clock = clock or SystemClock()
        own = self._folder / "manifest.toml"
        self._manifest = dict(read_manifest(own) if manifest is None else manifest)
        self._pinned = frozenset(self._manifest)
        for path in sorted(self._folder.glob(f"*/{CARD_FILE}")):
            card = self._readable_card(path.parent.name)
            if card is not None and path.parent.name not in self._pinned:
                self._manifest[path.parent.name] = installing.from_card(card)

    def list(self) -> list[Listed]:
        """Return every pinned model, installed or not, and those that were converted here."""
        return [
            Listed(model, self._folder / name, self._readable_card(name))
            for name, model in sorted(self._manifest.items())
        ]

    def adopt(
        self,
        path: Path,
        name: str,
        *,
        task: Task | None = None,
        prompt: str | None = None,
        licence: str = "unknown",
        progress: Progress | None = None,
    ) -> Pulled:
        """Convert a model that lies in a folder; afterwards it can be named like a pinned one.

        Args:
            path: a model of transformers with safetensors, or of CTranslate2.
            name: what it will be called.
            task: what it is for; seen from its files if absent.
            prompt: what a summarizer is asked; the usual one of its architecture if absent.
            licence: of the weights.
            progress: told what is going on.

        Raises:
            Misconfigured: the name is taken by a pinned model, or the folder holds no model.
        """
        if name in self._pinned or name != Path(name).name or name.startswith("."):
            raise Misconfigured(f"a model cannot be called {name!r} here; give another --name")
        folder = path.expanduser().resolve()
        model = installing.describe_folder(folder, name, task=task, prompt=prompt, licence=licence)
        self._manifest[name] = model
        return self.pull(name, progress)

    def folder(self, name: str) -> Path:
        """Return the folder of a model, pulled first where it is absent or damaged."""
        return self.pull(name).folder

    def verify(self, name: str) -> Card:
        """Compare every installed file with its size and hash, and its conversion with today's.

        Raises:
            Misconfigured: the model is not installed, a file is not what it was, or an earlier
                version converted it wrongly; says what to do.
        """
        model, folder = pinned(name, self._manifest), self._folder / name
        card = read_card(folder)
        if card is None:
            raise Misconfigured(f"{name} is not in {folder}; run: tidemark models pull {name}")
        soundness.check(model, folder, card, pinned=name in self._pinned)
        return card

    def pull(self, name: str, progress: Progress | None = None) -> Pulled:
        """Download, verify and convert a model, unless it is there and sound.

        Safe when several processes pull at once, and when it is killed at any moment.

        Raises:
            Misconfigured: there is no model of this name, or what was trained or converted here is
                damaged or outdated.
            Unavailable: no source served; says which folder to fill with which files.
        """
        model, tell = pinned(name, self._manifest), progress or _no_progress
        if not model.sources and name not in self._pinned:  # made here: no source has it
            return Pulled(self.verify(name), self._folder / name, fresh=False)
        found = self._sound(name)
        if found is not None:
            return Pulled(found, self._folder / name, fresh=False)
        try:
            return self._pull(model, tell)
        except OSError as error:
            raise Unavailable(f"cannot install {name} below {self._folder}: {error}") from error

    def _pull(self, model: PinnedModel, tell: Progress) -> Pulled:
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = self._folder / f".{model.name}.lock"
        with locked(lock, lambda: tell("waiting for another process", 0, model.size)):
            try:  # the other process may have pulled it meanwhile
                return Pulled(self.verify(model.name), self._folder / model.name, fresh=False)
            except Misconfigured as error:
                if (self._folder / model.name).is_dir():
                    _log.warning("%s: it is installed anew", error)
            return self._install(model, tell)

    def _readable_card(self, name: str) -> Card | None:
        try:
            return read_card(self._folder / name)
        except Misconfigured:
            return None

    def _sound(self, name: str) -> Card | None:
        try:
            return self.verify(name)
        except Misconfigured:
            return None

    def _install(self, model: PinnedModel, tell: Progress) -> Pulled:
        for leftover in self._folder.glob(f".{model.name}-*"):  # of a pull that was killed
            shutil.rmtree(leftover, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=f".{model.name}-") as scratch:
            work = Path(scratch)
            source, passed_over = self._fetch(model, work / "download", tell)
            tell("converting to int8", model.size, model.size)
            card = installing.build(
                model, work / "download", work / "new", source, self._clock.now_ms()
            )
            replace_folder(work / "new", self._folder / model.name)
        return Pulled(card, self._folder / model.name, fresh=True, passed_over=passed_over)

    def _fetch(
        self, model: PinnedModel, target: Path, tell: Progress
    ) -> tuple[str, tuple[str, ...]]:
        failures: list[str] = []
        by_hand = self._by_hand(model)
        if by_hand.is_dir():
            try:
                sources.copy_folder(by_hand, model, _empty(target))
            except Unavailable as error:
                failures.append(f"folder {by_hand}: {error}")
            else:
                return f"folder {by_hand.name}", ()
        for source in model.sources:
            try:
                self._from(source, model, target, tell)
            except Unavailable as error:
                failures.append(f"{sources.describe(source)}: {error}")
            else:
                return sources.describe(source), tuple(failures)
        raise Unavailable(self._advice(model, failures))

    def _from(self, source: Source, model: PinnedModel, target: Path, tell: Progress) -> None:
        """Fetch from one source; what the Hub has sent stays where a later pull resumes it."""
        if not isinstance(source, HubSource):
            sources.fetch(source, model, _empty(target), tell)
            return
        partial = self._folder / f".{model.name}.partial"
        partial.mkdir(exist_ok=True)
        try:
            sources.fetch(source, model, partial, tell)
        except sources.OtherBytes:
            shutil.rmtree(partial)
            raise
        finally:
            if partial.is_dir() and not any(partial.iterdir()):
                partial.rmdir()
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)

    def _by_hand(self, model: PinnedModel) -> Path:
        return self._folder / f"{model.name}.files"

    def _advice(self, model: PinnedModel, failures: Sequence[str]) -> str:
        files = ", ".join(f"{file.name} (sha256 {file.sha256})" for file in model.files)
        return (
            f"cannot pull {model.name}: {'; '.join(failures)}. Without a network, put these files "
            f"of {model.title}, revision {model.revision}, into {self._by_hand(model)}: {files}"
        )


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder
