"""Whether an installed model is what was installed, and was converted as it is today."""

from __future__ import annotations

import logging
import shlex
from typing import TYPE_CHECKING

from models.card import hashes, sizes
from models.convert import mends, read_config
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from pathlib import Path

    from models.card import Card
    from models.manifest import PinnedModel

CAME_CONVERTED = "none, it came converted"
"""What a card names as the converter of weights that were CTranslate2's already."""

_log = logging.getLogger(__name__)


def check(model: PinnedModel, folder: Path, card: Card, *, pinned: bool) -> None:
    """Compare an installed model with what it should be.

    Nobody knows how weights were made that came converted: they are only warned of.

    Args:
        model: what it should be.
        folder: where it lies.
        card: what lies there, as it says itself.
        pinned: whether a manifest has it; else it was made here.

    Raises:
        Misconfigured: it is damaged, or was converted wrongly; says what to do.
    """
    faults = _faults(model, folder, card)
    if faults:
        raise Misconfigured(
            f"{card.name} is damaged, run: {_mending(card, pinned=pinned)}; {faults[0]}"
        )
    config = read_config(folder) if (folder / "config.json").is_file() else {}
    came = card.converter == CAME_CONVERTED
    wrong = mends.wrong(config, 0 if came else card.conversion)
    if wrong and came:
        _log.warning(
            "%s came converted, and others convert such models wrongly (%s): if it writes "
            "nonsense, convert it from safetensors",
            *(card.name, wrong),
        )
    elif wrong:
        raise Misconfigured(
            f"{card.name} was converted by an earlier version, and wrongly ({wrong}); run: "
            f"{_mending(card, pinned=pinned)}"
        )


def _mending(card: Card, *, pinned: bool) -> str:
    """Return the command that installs a model anew."""
    if card.task == "head":
        return f"tidemark models train-classifier ... --name {card.name}"
    if pinned:
        return f"tidemark models pull {card.name}"
    source = shlex.quote(card.source.removeprefix("folder "))
    return f"tidemark models convert {source} --name {card.name}"


def _faults(model: PinnedModel, folder: Path, card: Card) -> list[str]:
    """Say what is not as it was installed; sizes first, so that nothing is hashed in vain."""
    wanted = {file.name: file.sha256 for file in model.files}
    faults = []
    if card.revision != model.revision or card.downloaded != wanted:
        faults.append(f"it is revision {card.revision}, not the pinned {model.revision}")
    found = sizes(folder)
    for name, size in card.sizes.items():
        if found.get(name) != size:
            faults.append(f"{name} has {found.get(name, 'no')} bytes, expected {size}")
    if faults:
        return faults
    actual = hashes(folder)
    for name, expected in card.installed.items():
        if actual.get(name) != expected:
            faults.append(f"{name} has sha256 {actual.get(name, 'missing')}, expected {expected}")
    return faults
