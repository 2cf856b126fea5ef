"""How much of a move is another mix of labels, and how much a change within the labels.

Along a direction, the mean of all documents is the sum over labels of share times mean. Its change
falls into a part for the shares and a part for the means (Kitagawa, JASA 50, 1955):

    mix    = sum (q - p) (a + b) / 2        p, q: shares before and after
    within = sum (p + q) / 2 (b - a)        a, b: means before and after

which add up to the whole change, whatever the labels. A label that one side lacks has no mean there
and counts as mix alone.

The direction is the documents' own move, and in 400 dimensions mostly noise, which would look like
a change within the labels. So the documents are halved: each half is measured along the move of the
other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


class Move(NamedTuple):
    """A move in standard deviations of quiet documents; ``mix`` and ``within`` add up to it."""

    total: float
    mix: float
    within: float


def halves(scores: Floats, weights: Floats) -> list[tuple[npt.NDArray[np.int64], Floats]]:
    """Return each half of the documents with the unit direction in which the other half moved.

    Args:
        scores: standard scores of the new documents, shape ``(n, d)``; quiet ones have mean 0.
        weights: of the coordinates in the statistic, shape ``(d,)``.
    """
    rows = np.arange(len(scores))
    if len(rows) == 1:
        return [(rows, _unit(weights * scores[0]))]
    return [(rows[half::2], _unit(weights * scores[1 - half :: 2].mean(axis=0))) for half in (0, 1)]


def decompose(
    scores: Floats,
    labels: Sequence[str],
    before: Mapping[str, int],
    means: Mapping[str, Floats],
    weights: Floats,
) -> Move:
    """Return the move and its two parts.

    Args:
        scores: standard scores of the new documents, shape ``(n, d)``; quiet ones have mean 0.
        labels: of the new documents.
        before: documents of each label in the reference.
        means: standard score of each label's mean in the reference, shape ``(d,)``.
        weights: of the coordinates in the statistic, shape ``(d,)``.
    """
    names = np.array(labels)
    parts = []
    for rows, direction in halves(scores, weights):
        old = {label: float(mean @ direction) for label, mean in means.items()}
        parts.append(split(scores[rows] @ direction, names[rows], before, old))
    mix, within = np.mean(parts, axis=0).tolist()
    return Move(mix + within, mix, within)


def split(
    values: Floats,
    labels: npt.NDArray[np.str_],
    before: Mapping[str, int],
    old: Mapping[str, float],
) -> tuple[float, float]:
    """Return the parts of the change of a mean: by the labels' shares, and within the labels.

    Args:
        values: of the new documents, shape ``(n,)``.
        labels: of the new documents.
        before: old documents of each label.
        old: mean of each label's old documents.
    """
    total = sum(before.values())
    mix = within = 0.0
    for label in sorted({*old, *labels.tolist()}):
        rows = labels == label
        share_old, share_new = before.get(label, 0) / total, float(rows.mean())
        new = float(values[rows].mean()) if rows.any() else old[label]
        mean = old.get(label, new)
        mix += (share_new - share_old) * (mean + new) / 2
        within += (share_old + share_new) / 2 * (new - mean)
    return mix, within


def _unit(direction: Floats) -> Floats:
    return np.asarray(direction / max(float(np.linalg.norm(direction)), 1e-12))
