"""Words that came and went, by log-odds with an informative Dirichlet prior.

Monroe, Colaresi and Quinn, "Fightin' Words" (Political Analysis 16, 2008), equations 15, 16 and
22, on document frequencies: a word counts once per document, so that one long document cannot
speak for all. The prior is the pooled share of the word and weighs as much as the smaller side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from schemas.messages import TermChange

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

_COMMON = 0.5
_LEAST_CHARACTERS = 3
_LEAST_DOCUMENTS = 3
_LEAST_Z = 1.96


def term_changes(
    before: Mapping[str, int],
    documents_before: int,
    after: Mapping[str, int],
    documents_after: int,
    top: int,
) -> tuple[tuple[TermChange, ...], tuple[TermChange, ...]]:
    """Return the words that came and those that went, strongest first, at most ``top`` of each.

    Args:
        before: documents of the reference that contain a word; absent words count 0.
        documents_before: documents of the reference.
        after: the same for the window.
        documents_after: documents of the window.
        top: longest list wanted.
    """
    words = sorted(term for term in {*before, *after} if speaks(term))
    old = np.array([before.get(term, 0) for term in words], np.float64)
    new = np.array([after.get(term, 0) for term in words], np.float64)
    share_old, share_new = old / documents_before, new / documents_after
    z = log_odds_z(old, documents_before, new, documents_after)
    z[(share_old > _COMMON) & (share_new > _COMMON)] = 0.0
    z[np.maximum(old, new) < _LEAST_DOCUMENTS] = 0.0
    ranked = np.argsort(-z, kind="stable").tolist()
    order = ranked if len(ranked) <= 2 * top else [*ranked[:top], *ranked[-top:]]
    changes = [
        TermChange(words[i], float(z[i]), float(share_old[i]), float(share_new[i])) for i in order
    ]
    came = tuple(change for change in changes[:top] if change.z >= _LEAST_Z)
    went = tuple(change for change in changes[-top:][::-1] if change.z <= -_LEAST_Z)
    return came, went


def log_odds_z(
    before: Floats, documents_before: int, after: Floats, documents_after: int
) -> Floats:
    """Return the z-score of each word's change; positive where it became more frequent."""
    pooled = (before + after + 0.5) / (documents_before + documents_after + 1)
    weight = min(documents_before, documents_after)
    prior = weight * pooled
    new, old = after + prior, before + prior
    change = np.log(new / (documents_after + weight - new)) - np.log(
        old / (documents_before + weight - old)
    )
    return np.asarray(change / np.sqrt(1 / new + 1 / old))


def speaks(term: str) -> bool:
    """Return whether a word can stand for what a text is about: not too short, no number."""
    return len(term) >= _LEAST_CHARACTERS and not any(map(str.isdigit, term))
