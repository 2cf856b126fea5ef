"""ROUGE-1, -2 and -L as F-measures (Lin, 2004), without stemming."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_WORD = re.compile(r"[a-z0-9]+")


def rouge(summary: str, references: Sequence[str]) -> tuple[float, float, float]:
    """Return ROUGE-1, -2 and -L against the reference that ROUGE-L likes best."""
    mine = _WORD.findall(summary.lower())
    others = [_WORD.findall(reference.lower()) for reference in references]
    scores = [
        (_ngrams(mine, other, 1), _ngrams(mine, other, 2), _lcs(mine, other)) for other in others
    ]
    return max(scores, key=lambda score: score[2])


def _ngrams(left: Sequence[str], right: Sequence[str], n: int) -> float:
    counts = [Counter(zip(*(words[k:] for k in range(n)), strict=False)) for words in (left, right)]
    total = sum(counts[0].values()) + sum(counts[1].values())
    return 2 * (counts[0] & counts[1]).total() / total if total else 0.0


def _lcs(left: Sequence[str], right: Sequence[str]) -> float:
    previous = [0] * (len(right) + 1)
    for word in left:
        row = [0]
        for at, other in enumerate(right):
            row.append(previous[at] + 1 if word == other else max(row[-1], previous[at + 1]))
        previous = row
    return 2 * previous[-1] / (len(left) + len(right)) if left and right else 0.0
