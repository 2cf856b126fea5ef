"""The model card: what lies in a model's folder, where it came from and how it was made."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from models.files import sha256_of
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from models.manifest import Task

CARD_FILE = "card.json"


@dataclass(frozen=True, slots=True)
class Card:
    """Written beside the weights when they are installed.

    Attributes:
        source: where the files came from, in words.
        downloaded: sha256 by name of the files that were downloaded.
        installed: sha256 by relative path of the files that lie in the folder.
        compute_type: stored type of the weights.
        installed_at: milliseconds since 1970-01-01T00:00:00Z.
        size: bytes of the installed files.
        task: what the model is for, as in the manifest; so are the three that follow.
        sizes: bytes by relative path of the installed files; cards of before have none.
        conversion: revision of its family's conversion (``models.convert.mends``).
    """

    name: str
    title: str
    source: str
    revision: str
    licence: str
    compute_type: str
    converter: str
    downloaded: Mapping[str, str]
    installed: Mapping[str, str]
    installed_at: int
    size: int
    task: Task = "embedding"
    temperature: float = 1.0
    prompt: str = ""
    generation: Mapping[str, Any] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    conversion: int = 0


def write_card(folder: Path, card: Card) -> None:
    """Write the card into a model's folder."""
    text = json.dumps(asdict(card), indent=2, ensure_ascii=False)
    (folder / CARD_FILE).write_text(text + "\n", encoding="utf-8")


def read_card(folder: Path) -> Card | None:
    """Return the card of an installed model, or None where there is none.

    Raises:
        Misconfigured: the card cannot be read.
    """
    path = folder / CARD_FILE
    try:
        return Card(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise Misconfigured(f"cannot read {path} ({error}); run: tidemark models pull") from error


def hashes(folder: Path) -> dict[str, str]:
    """Return the sha256 of every file of a model's folder but the card, by relative path."""
    return {name: sha256_of(path) for name, path in _files(folder)}


def sizes(folder: Path) -> dict[str, int]:
    """Return the bytes of every file of a model's folder but the card, by relative path."""
    return {name: path.stat().st_size for name, path in _files(folder)}


def _files(folder: Path) -> list[tuple[str, Path]]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    named = [(path.relative_to(folder).as_posix(), path) for path in paths]
    return [(name, path) for name, path in named if name != CARD_FILE]
