"""What is fixed about an embedding model that is installed: by a manifest, or by its card."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from models.card import read_card
from models.classify.sequence import window_of
from models.convert import read_config
from models.installing import from_card
from models.manifest import pinned, read_manifest

if TYPE_CHECKING:
    from pathlib import Path

    from models.manifest import PinnedModel


def installed(folder: Path) -> PinnedModel:
    """Return the model in a folder; what nobody said of it is seen from its config.json.

    Args:
        folder: the model's, as ``Registry.folder`` returns it.

    Raises:
        Misconfigured: there is no such model.
    """
    known = read_manifest(folder.parent / "manifest.toml")
    card = None if folder.name in known else read_card(folder)
    model = pinned(folder.name, known) if card is None else from_card(card)
    config = read_config(folder)
    return replace(
        model,
        dimensions=model.dimensions or int(config.get("hidden_size", config.get("dim", 0))),
        max_tokens=model.max_tokens if card is None else window_of(config),
    )
