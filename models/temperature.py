"""Writing a fitted temperature where a model's own entry stands: its card, and the manifest."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from models.card import CARD_FILE, read_card, write_card
from streams.errors import Misconfigured

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from pathlib import Path

_DIGITS = 4


def store_temperature(folder: Path, manifest: Path, temperature: float) -> list[Path]:
    """Write the temperature into the model's card, and into the user's manifest if it is there.

    Args:
        folder: the model's.
        manifest: the user's own; may be absent.
        temperature: divides the model's logits.

    Returns:
        The files that were written.

    Raises:
        Misconfigured: the model has no card, or a file cannot be written.
    """
    card = read_card(folder)
    if card is None:
        raise Misconfigured(f"{folder} is no installed model; run: tidemark models pull")
    value = round(temperature, _DIGITS)
    written = [folder / CARD_FILE]
    try:
        write_card(folder, replace(card, temperature=value))
        if manifest.is_file():
            text = manifest.read_text(encoding="utf-8")
            if card.name in tomllib.loads(text).get("models", {}):
                _replace(manifest, with_temperature(text, card.name, value))
                written.append(manifest)
    except OSError as error:
        raise Misconfigured(f"cannot write the temperature of {card.name}: {error}") from error
    return written


def with_temperature(text: str, name: str, value: float) -> str:
    """Return a manifest with one model's temperature set, all else as it was.

    Raises:
        Misconfigured: the entry is written in a way that cannot be edited; says what to add.
    """
    lines = text.splitlines(keepends=True)
    header = re.compile(rf"""\s*\[\s*models\s*\.\s*["']?{re.escape(name)}["']?\s*\]""")
    start = next((at for at, line in enumerate(lines) if header.match(line)), None)
    line = f"temperature = {value}\n"
    if start is not None:
        rest = range(start + 1, len(lines))
        end = next((at for at in rest if lines[at].lstrip().startswith("[")), len(lines))
        own = [at for at in range(start + 1, end) if re.match(r"\s*temperature\s*=", lines[at])]
        lines[start + 1 : start + 1] = [] if own else [line]
        for at in own:
            lines[at] = line
    changed = "".join(lines)
    expected = tomllib.loads(text)
    expected["models"][name]["temperature"] = value
    try:
        same = tomllib.loads(changed) == expected
    except tomllib.TOMLDecodeError:
        same = False
    if not same:
        raise Misconfigured(f"write into the manifest's entry of {name}: {line.strip()}")
    return changed


def _replace(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
