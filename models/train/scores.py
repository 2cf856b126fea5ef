"""ROUGE (Lin, 2004) without stemming, to follow a run by; ``tidemark eval summarize`` judges."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_WORD = re.compile(r"[a-z0-9]+")


def rouge(wanted: Sequence[str], written: Sequence[str]) -> dict[str, float]:
    """Return the mean F-measures of ROUGE-1 and ROUGE-2, 0 to 1."""
    found = {}
    for length, name in ((1, "rouge1"), (2, "rouge2")):
        scores = [
            _f(_grams(one, length), _grams(other, length))
            for one, other in zip(wanted, written, strict=True)
        ]
        found[name] = sum(scores) / max(1, len(scores))
    return found


def _grams(text: str, length: int) -> Counter[str]:
    words = _WORD.findall(text.lower())
    return Counter(" ".join(words[at : at + length]) for at in range(len(words) - length + 1))


def _f(wanted: Counter[str], written: Counter[str]) -> float:
    both = sum((wanted & written).values())
    total = sum(wanted.values()) + sum(written.values())
    return 2 * both / total if total else 0.0
