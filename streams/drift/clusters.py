"""Topics of a reference: spherical k-means (Dhillon and Modha 2001), seeded, without a library."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats32 = npt.NDArray[np.float32]

_MOST = 32
_DOCUMENTS_EACH = 20
_ROUNDS = 12
_TEMPERATURE = np.float32(0.05)  # of cosines: near ones share a document, far ones have nothing


def find_centres(vectors: Floats32, seed: int, most: int = _MOST) -> Floats32:
    """Return unit centres, shape ``(k, d)``: one for 20 documents, at most 32; none for one."""
    wanted = min(most, len(vectors) // _DOCUMENTS_EACH)
    if wanted <= 1:
        return np.empty((0, vectors.shape[1]), np.float32)
    rng = np.random.default_rng(seed)
    centres = vectors[rng.choice(len(vectors), wanted, replace=False)].astype(np.float32)
    for _ in range(_ROUNDS):
        nearest = (vectors @ centres.T).argmax(axis=1)
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, vectors)
        filled = np.bincount(nearest, minlength=wanted) > 0
        centres[filled] = sums[filled]
        centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-12)
    return centres


def soft_assignment(vectors: Floats32, centres: Floats32) -> Floats32:
    """Return each document's share of each centre, shape ``(n, k)``; rows add up to 1."""
    logits = vectors @ centres.T / _TEMPERATURE
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=1, keepdims=True)
    return logits
