"""The models in use, chosen while workers run: a file in the data folder over the settings.

``tidemark models use`` writes it, workers of that data folder watch it, and a worker that starts
later begins with it: what was chosen outlives a restart.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from streams.config import Settings

FIELDS = ("model", "classifier", "summarizer", "compute_type")
"""What can be chosen: settings of these names, with the same meaning."""

_NAME = "models-in-use.json"


def choice_file(data: Path) -> Path:
    """Return where the choice of a data folder stands."""
    return data / _NAME


def read_choice(data: Path) -> dict[str, str]:
    """Return what was chosen; nothing where nobody has.

    Raises:
        Misconfigured: the file is no such choice.
    """
    path = choice_file(data)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"cannot read {path}: {error}") from error
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(
        name in FIELDS and isinstance(value, str) and value for name, value in found.items()
    ):
        raise Misconfigured(
            f"{path} is no choice of models: write it with `tidemark models use`, or delete it"
        )
    return found


def write_choice(data: Path, choice: Mapping[str, str]) -> None:
    """Write a choice whole, or take it back where it is empty; workers follow within seconds.

    Raises:
        Misconfigured: the folder cannot be written to.
    """
    path = choice_file(data)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        if not choice:
            path.unlink(missing_ok=True)
            return
        data.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(dict(choice), indent=2) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise Misconfigured(f"cannot write {path}: {error}") from error


def with_choice(settings: Settings) -> Settings:
    """Return the settings with the models that were chosen.

    Raises:
        Misconfigured: the file is no choice.
    """
    return settings.model_copy(update=read_choice(settings.data))
