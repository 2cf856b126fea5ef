"""Text that means nothing: what a broken decoder, a bot or a wrong field makes of documents."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_LETTERS = tuple(string.ascii_lowercase)


def garble(text: str, rng: np.random.Generator) -> str:
    """Return random letters in words as long as those of the text."""
    words = []
    for word in text.split():
        letters = rng.integers(0, len(_LETTERS), len(word)).tolist()
        words.append("".join(_LETTERS[letter] for letter in letters))
    return " ".join(words)
