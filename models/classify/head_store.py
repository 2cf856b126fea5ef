"""Installing a trained head below the data folder, whole or not there."""

from __future__ import annotations

import tempfile
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from models.card import Card, hashes, read_card, write_card
from models.classify.head import TASK, WEIGHTS_FILE, write_head
from models.files import locked, replace_folder, sha256_of
from models.manifest import read_manifest
from streams.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from models.classify.head import Notes
    from models.classify.logistic import Linear

_RESERVED = frozenset({"zero-shot", "extractive"})


def check_name(data: Path, name: str) -> Path:
    """Return the folder of a head of this name.

    Raises:
        Misconfigured: the name cannot be a folder's, or is another model's.
    """
    folder = data.resolve() / "models" / name
    if name != Path(name).name or name.startswith(".") or name in _RESERVED:
        raise Misconfigured(f"a head cannot be called {name!r}; give another --name")
    taken = name in read_manifest(folder.parent / "manifest.toml")
    card = None if taken else read_card(folder)
    if taken or (card is not None and card.task != TASK):
        raise Misconfigured(f"{name!r} is another model's name; give another --name")
    return folder


def install_head(data: Path, name: str, linear: Linear, notes: Notes, now_ms: int) -> Card:
    """Write a head with its card in the place of an earlier one of the same name.

    Raises:
        Misconfigured: the name cannot be used.
        Unavailable: the folder cannot be written.
    """
    target = check_name(data, name)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            locked(target.parent / f".{name}.lock", lambda: None),
            tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{name}-") as scratch,
        ):
            new = Path(scratch) / "new"
            new.mkdir()
            write_head(new, linear, notes)
            card = _card(new, name, notes, now_ms)
            write_card(new, card)
            replace_folder(new, target)
    except OSError as error:
        raise Unavailable(f"cannot write the head {name} to {target}: {error}") from error
    return card


def _card(folder: Path, name: str, notes: Notes, now_ms: int) -> Card:
    installed = hashes(folder)
    own = sha256_of(folder / WEIGHTS_FILE) + "\0".join(notes.labels)
    return Card(
        name=name,
        title=f"head on {notes.embedding_model}",
        source=f"trained on {notes.documents} documents",
        revision=sha256(own.encode()).hexdigest()[:40],
        licence="your own",
        compute_type="float32",
        converter="tidemark models train-classifier",
        downloaded={},
        installed=installed,
        installed_at=now_ms,
        size=sum((folder / file).stat().st_size for file in installed),
        task="head",
        temperature=notes.temperature,
    )
