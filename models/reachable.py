"""Asks, without downloading anything, whether a model could be fetched."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from models.manifest import FolderSource, HubSource
from models.sources import describe, hub_answers
from streams.errors import Unavailable

if TYPE_CHECKING:
    from models.manifest import PackageSource, PinnedModel

_SECONDS = 20.0


def unreachable(model: PinnedModel) -> list[str]:
    """Return why each source does not answer; an empty list as soon as one does."""
    reasons: list[str] = []
    for source in model.sources:
        try:
            if isinstance(source, HubSource):
                hub_answers(source, model)
            elif isinstance(source, FolderSource):
                _folder_is_there(source)
            else:
                _index_answers(source)
        except Unavailable as error:
            reasons.append(f"{describe(source)}: {error}")
        else:
            return []
    return reasons


def _folder_is_there(source: FolderSource) -> None:
    if not Path(source.path).is_dir():
        raise Unavailable("there is no such folder")


def _index_answers(source: PackageSource) -> None:
    """Ask pip's configured index for the versions of the package."""
    command = [sys.executable, "-m", "pip", "index", "versions", source.project]
    quiet = ["--disable-pip-version-check", "--timeout", "5", "--retries", "0", "--no-input"]
    try:
        answer = subprocess.run(  # noqa: S603 - pip of this environment, fixed arguments
            [*command, *quiet], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"pip's index did not answer within {_SECONDS:g} seconds") from error
    if answer.returncode:
        raise Unavailable((answer.stderr.strip().splitlines() or ["pip failed"])[-1])
