"""The documents that show a change best: near-copies once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from schemas.messages import Evidence

if TYPE_CHECKING:
    import numpy.typing as npt

    from streams.drift.documents import Kept
    from streams.drift.reference import Reference

    Floats = npt.NDArray[np.float64]

_DOCUMENTS = 5
_NEAR = 0.95  # cosine above which two documents tell the same


def typical(
    before: Kept, window: Kept, reference: Reference, weights: Floats
) -> tuple[tuple[Evidence, ...], tuple[Evidence, ...]]:
    """Return the documents most typical of the old and of the new side, at most five of each.

    A document's weight is the witness function of the two samples' mean difference (Gretton et al.,
    JMLR 13, 2012) for the linear kernel of the embedding's ridge, in deviations of quiet documents.

    Args:
        before: documents of the reference.
        window: documents after the change.
        reference: what scores are measured by.
        weights: of the embedding's coordinates in the statistic, shape ``(d,)``.
    """
    scores = reference.embedding_scores(window.vectors)
    direction = weights * scores.mean(axis=0)
    direction /= max(float(np.linalg.norm(direction)), 1e-12)
    old = -(reference.embedding_scores(before.vectors) @ direction)
    return _strongest(before, old), _strongest(window, scores @ direction)


def _strongest(documents: Kept, weights: Floats) -> tuple[Evidence, ...]:
    """Return the documents of highest weight, each doc_id, text and embedding once."""
    chosen: dict[str, Evidence] = {}
    texts: set[str] = set()
    vectors: list[npt.NDArray[np.float32]] = []
    for row in np.argsort(-weights, kind="stable").tolist():
        doc_id, summary = documents.doc_ids[row], documents.summaries[row]
        text = "".join(filter(str.isalnum, summary.casefold()))
        vector = documents.vectors[row]
        if doc_id in chosen or (text and text in texts) or _near(vector, vectors):
            continue
        chosen[doc_id] = Evidence(
            doc_id, int(documents.published_at[row]), summary, float(weights[row])
        )
        texts.add(text)
        vectors.append(vector)
        if len(chosen) == _DOCUMENTS:
            break
    return tuple(chosen.values())


def _near(vector: npt.NDArray[np.float32], others: list[npt.NDArray[np.float32]]) -> bool:
    if not others:
        return False
    lengths = np.linalg.norm(others, axis=1) * np.linalg.norm(vector)
    return bool((np.stack(others) @ vector >= _NEAR * np.maximum(lengths, 1e-12)).any())
