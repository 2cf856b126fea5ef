"""What moved: the evidence of an alert, gathered when the alert is about to be written."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from schemas.messages import ChannelScore
from streams.drift.changepoint import find_change
from streams.drift.decompose import decompose
from streams.drift.finding import Explanation, Span
from streams.drift.reference import decode_profile
from streams.drift.shares import share_changes, share_intervals
from streams.drift.telling import Moved, Unknown, what_moved
from streams.drift.terms import term_changes
from streams.drift.typical import typical
from streams.drift.words import Words

if TYPE_CHECKING:
    import numpy.typing as npt

    from schemas.messages import DriftAlert
    from streams.drift.changepoint import Change
    from streams.drift.decompose import Move
    from streams.drift.documents import Kept
    from streams.drift.reference import Profile, Reference
    from streams.drift.watch import Verdict, Watch

    Floats = npt.NDArray[np.float64]

_TERMS = 10
_MOSTLY = 0.5


@dataclass(frozen=True, slots=True)
class Since:
    """Event times of the change: at best, at the earliest, at the latest."""

    at: int
    low: int
    high: int


def explain(watch: Watch, verdict: Verdict, block: int, before: DriftAlert | None) -> Explanation:
    """Return the evidence of a score above its threshold.

    The window is what lies after the estimated moment of the change, at least 20 documents.

    Args:
        watch: with the recent documents.
        verdict: the scan's answer.
        block: documents of a block.
        before: the alert as it was written last; when the change has left the recent documents, its
            moment is that of before.
    """
    reference, profile = watch.reference, decode_profile(watch.profile)
    blocks = watch.sums.recent()
    weights = reference.scan.weights[:, verdict.ridge]
    change = find_change(blocks, verdict.documents // block, weights, block)
    recent = watch.recent.kept()
    window = recent.tail(change.blocks * block)
    since = _since(recent, change, len(blocks), block, before)
    labels = Counter(window.labels)
    came, went = term_changes(profile.terms, profile.documents, _words(window), len(window), _TERMS)
    shares = share_changes(profile.labels, labels)
    move = _move(window, profile, reference, verdict)
    channels = sorted(watch.channel_scores(verdict).items(), key=lambda item: -item[1])
    moved = Moved(came, went, shares, _unknown_words(window, reference), move)
    old, new = typical(profile.examples, window, reference, _embedding_weights(reference, verdict))
    start, end = int(window.published_at.min()), int(window.published_at.max())
    return Explanation(
        sentence=what_moved(moved),
        kind=verdict.channel,
        span=Span(start, end, len(window)),
        changed_at=since.at,
        changed_from=since.low,
        changed_to=since.high,
        effect=move.total if move else None,
        effect_by_mix=move.mix if move else None,
        effect_within_labels=move.within if move else None,
        channels=tuple(ChannelScore(name, score) for name, score in channels),
        terms_up=came,
        terms_down=went,
        labels=shares,
        label_intervals=share_intervals(profile.labels, labels),
        new_documents=new,
        old_documents=old,
    )


def _words(window: Kept) -> Counter[str]:
    return Counter(term for terms in window.terms for term in terms.split("\n") if term)


def _since(
    recent: Kept, change: Change, blocks: int, block: int, before: DriftAlert | None
) -> Since:
    """Return the moment of the change, give or take a block on each side."""
    # The change has left the blocks that are kept, or is about to: what was seen then stands.
    if change.most >= blocks - 1 and before is not None and before.changed_at is not None:
        at = before.changed_at
        return Since(at, before.changed_from or at, before.changed_to or at)
    times = recent.published_at
    at = int(times[-change.blocks * block])
    low = int(times[max(-(change.most + 1) * block, -len(times))])
    high = int(times[-max(change.least - 1, 1) * block])
    return Since(at, min(low, at), max(high, at))


def _embedding_weights(reference: Reference, verdict: Verdict) -> Floats:
    weights = reference.scan.weights[: reference.view.dimensions, verdict.embedding_ridge]
    return np.asarray(weights, np.float64)


def _move(window: Kept, profile: Profile, reference: Reference, verdict: Verdict) -> Move | None:
    """Return the embedding's move and its parts; None where the profile has no label means."""
    if not profile.label_means:
        return None
    means = {
        label: reference.embedding_scores(mean[None])[0]
        for label, mean in profile.label_means.items()
    }
    scores = reference.embedding_scores(window.vectors)
    weights = _embedding_weights(reference, verdict)
    return decompose(scores, window.labels, profile.labels, means, weights)


def _unknown_words(window: Kept, reference: Reference) -> Unknown:
    view = reference.view
    words = Words.said([terms.split("\n") if terms else [] for terms in window.terms])
    shares = view.new_shares(words)
    column = dict(view.channels)["words"].start
    strange = float((shares > _MOSTLY).mean())
    return Unknown(float(reference.means[column]), float(shares.mean()), strange)
