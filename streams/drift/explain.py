"""What moved: the alert with its evidence."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from schemas.messages import DriftAlert, Evidence
from streams.drift.changepoint import blocks_since_change
from streams.drift.reference import decode_profile
from streams.drift.shares import share_changes
from streams.drift.terms import term_changes
from streams.drift.wording import evidence_query, sentence

if TYPE_CHECKING:
    import numpy.typing as npt

    from streams.drift.documents import Kept
    from streams.drift.reference import Reference
    from streams.drift.watch import Verdict

    Floats = npt.NDArray[np.float64]

_CRITICAL_MARGIN = float(np.log(100))  # a hundred times rarer than the budget asks for
_LEAST_BLOCKS = 2
_TERMS = 10
_DOCUMENTS = 5


@dataclass(frozen=True, slots=True)
class Alarm:
    """A score above its threshold.

    Attributes:
        verdict: channel, ridge and window that speak most clearly.
        blocks: the last blocks' sums of standard scores, oldest first, ``(blocks, columns)``.
        block_documents: documents of a block.
        detected_at: event time of the document that passed the threshold.
        version: when it arrived.
    """

    alert_id: str
    source: str
    model: str
    score: float
    threshold: float
    verdict: Verdict
    blocks: Floats
    block_documents: int
    detected_at: int
    version: int


def explain(alarm: Alarm, reference: Reference, profile: bytes, recent: Kept) -> DriftAlert:
    """Return the alert: since when, which words, labels and documents, and how to see them again.

    The window is what lies after the estimated moment of the change, at least 20 documents.
    """
    before = decode_profile(profile)
    verdict = alarm.verdict
    direction = reference.scan.weights[:, verdict.ridge] * verdict.window_mean
    blocks = blocks_since_change(alarm.blocks, direction, _LEAST_BLOCKS)
    towards = reference.scan.weights[:, verdict.embedding_ridge] * verdict.window_mean
    towards = towards[: reference.view.dimensions]
    window = recent.tail(blocks * alarm.block_documents)
    came, went = term_changes(
        before.terms, before.documents, _term_counts(window), len(window), _TERMS
    )
    labels = share_changes(before.labels, Counter(window.labels))
    start, end = int(window.published_at.min()), int(window.published_at.max())
    changed_at = int(window.published_at[0])
    text = sentence(
        alarm.source,
        changed_at,
        score=alarm.score,
        threshold=alarm.threshold,
        came=came,
        went=went,
        labels=labels,
    )
    critical = alarm.score - alarm.threshold >= _CRITICAL_MARGIN
    return DriftAlert(
        alert_id=alarm.alert_id,
        version=alarm.version,
        source=alarm.source,
        kind=verdict.channel,
        severity="critical" if critical else "warning",
        state="open",
        window_start=start,
        window_end=end,
        window_documents=len(window),
        detected_at=alarm.detected_at,
        changed_at=changed_at,
        score=alarm.score,
        threshold=alarm.threshold,
        message=text,
        terms_up=came,
        terms_down=went,
        labels=labels,
        new_documents=_typical(window, _witness(window, reference, towards)),
        old_documents=_typical(before.examples, -_witness(before.examples, reference, towards)),
        reference_documents=reference.documents,
        embedding_model=alarm.model,
        sql=evidence_query(alarm.source, start, end),
    )


def _term_counts(window: Kept) -> Counter[str]:
    return Counter(term for terms in window.terms for term in terms.split("\n") if term)


def _witness(documents: Kept, reference: Reference, direction: Floats) -> Floats:
    """Return how far each document lies along the change, in deviations of quiet documents.

    The witness function of the two samples' mean difference (Gretton et al., JMLR 13, 2012) for
    the linear kernel of the embedding's ridge.
    """
    scores = reference.embedding_scores(documents.vectors)
    return np.asarray(scores @ direction / max(float(np.linalg.norm(direction)), 1e-12))


def _typical(documents: Kept, weights: Floats) -> tuple[Evidence, ...]:
    """Return the documents of highest weight, each doc_id once."""
    chosen: dict[str, Evidence] = {}
    for row in np.argsort(-weights, kind="stable").tolist():
        doc_id = documents.doc_ids[row]
        if doc_id not in chosen:
            time, summary = int(documents.published_at[row]), documents.summaries[row]
            chosen[doc_id] = Evidence(doc_id, time, summary, float(weights[row]))
        if len(chosen) == _DOCUMENTS:
            break
    return tuple(chosen.values())
