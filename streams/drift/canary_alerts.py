"""The alert that says that model, tokenizer or precision changed, not the stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from schemas.messages import DriftAlert, Evidence
from streams.drift.answers import MOST_MEDIAN, Answers, Moved
from streams.drift.wording import sql_string, utc_minute
from streams.stages.canary import CANARY_SOURCE, canary_id, canary_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

KIND = "pipeline"
_WORKERS = 5
_EVIDENCE = 5
_BEFORE_MS = 3_600_000
_ENDINGS = {
    "": "",
    "returned": "; over: no worker answers so any more",
    "new-reference": "; over: after an hour taken for the reference",
}


class Stand(Protocol):
    """Answers with their times, as ``canary.Variant``."""

    answers: Answers
    since: int
    confirmed: int


@dataclass(frozen=True, slots=True)
class PipelineEvent:
    """Answers that departed from others.

    Attributes:
        before: answers until then.
        after: answers since.
        unchanged_at: when ``before`` was confirmed last; milliseconds since 1970, as all times.
        since: when ``after`` was seen first.
        at: now.
        workers: that answer so.
        reason: why it is over, as the life of alerts names it: ``returned``, ``new-reference``; or
            empty.
    """

    before: Answers
    after: Answers
    unchanged_at: int
    since: int
    at: int
    workers: Sequence[str]
    reason: str = ""

    @classmethod
    def of(
        cls, base: Stand, variant: Stand, workers: Sequence[str], at: int, reason: str = ""
    ) -> PipelineEvent:
        """Return the event of a variant that departed from another."""
        before, after = base.answers, variant.answers
        return cls(before, after, base.confirmed, variant.since, at, tuple(workers), reason)

    @property
    def declared(self) -> bool:
        """Whether the workers say themselves that it is another model."""
        return self.before.declared.lineage != self.after.declared.lineage

    @property
    def what(self) -> str:
        """What changed, where and since when."""
        workers = ", ".join(self.workers[:_WORKERS])
        more = len(self.workers) - _WORKERS
        where = f" on worker {workers}{f' and {more} more' if more > 0 else ''}" if workers else ""
        if self.declared:
            old, new = self.before.declared.model, self.after.declared.model
            changed = (
                f"from {old} to {new}" if old != new else f"of {new}: its labels or classifier"
            )
            return f"model changed {changed}{where} since {utc_minute(self.since)}"
        return (
            f"model, tokenizer or precision changed: {_causes(self.before, self.after)}"
            f"{where} since {utc_minute(self.since)}"
        )

    @property
    def sentence(self) -> str:
        """The whole story."""
        what = self.what[0].upper() + self.what[1:]
        if self.declared:
            return f"{what}; its answers are a reference of their own, and segments start anew"
        moved = Moved.between(self.before, self.after)
        count = len(self.after.labels)
        return (
            f"{what}; last unchanged answer {utc_minute(self.unchanged_at)}; declared is "
            f"{self.after.declared.model} as before; of {count} canary documents the embeddings "
            f"moved by a median cosine distance of {moved.median:.2g} (alarm above "
            f"{MOST_MEDIAN:g}; at most {moved.distances.max():.2g}), {moved.flips} labels, "
            f"{moved.word_pieces} counts of word pieces and {moved.words} of words are others"
            f"{_ENDINGS[self.reason]}"
        )


def pipeline_alert(event: PipelineEvent, alert_id: str, state: str) -> DriftAlert:
    """Return the alert of an event; ``state`` is ``open``, ``update`` or ``closed``."""
    score = 0.0 if event.declared else Moved.between(event.before, event.after).median
    return DriftAlert(
        alert_id=alert_id,
        version=event.at,
        source=CANARY_SOURCE,
        kind=KIND,
        severity="info" if event.declared else "critical",
        state=state,
        window_start=event.unchanged_at,
        window_end=event.at,
        window_documents=len(event.after.labels),
        detected_at=event.since,
        changed_at=event.since,
        score=score,
        threshold=0.0 if event.declared else MOST_MEDIAN,
        message=event.sentence,
        terms_up=(),
        terms_down=(),
        labels=(),
        new_documents=() if event.declared else _most_moved(event),
        old_documents=(),
        reference_documents=len(event.before.labels),
        embedding_model=event.after.declared.model,
        sql=_query(event),
        reason="new-model" if event.declared else event.reason,
        as_of=event.at,
        changed_from=event.unchanged_at,
        changed_to=event.since,
        reference_id=event.before.declared.lineage,
    )


def _causes(before: Answers, after: Answers) -> str:
    """Return what can be told of the cause, the surest first."""
    moved = Moved.between(before, after)
    old, new = before.declared.compute_type, after.declared.compute_type
    causes = []
    if old != new:
        causes.append(f"precision {old} became {new}")
    if moved.word_pieces:
        causes.append("the tokenizer cuts otherwise")
    if moved.words:
        causes.append("words are counted otherwise")
    if moved.embedding and not causes:
        causes.append("the weights answer otherwise")
    if moved.classifier and not moved.embedding:
        causes.append("the labels are given otherwise")
    return ", ".join(causes)


def _most_moved(event: PipelineEvent) -> tuple[Evidence, ...]:
    distances = Moved.between(event.before, event.after).distances
    texts = canary_texts()
    return tuple(
        Evidence(canary_id(index), event.since, texts[index]["text"] or "", float(distances[index]))
        for index in np.argsort(-distances, kind="stable")[:_EVIDENCE].tolist()
        if index < len(texts)
    )


def _query(event: PipelineEvent) -> str:
    """Return what every worker answered around the change, run by run."""
    start, end = event.unchanged_at - _BEFORE_MS, event.at
    return (
        "SELECT c.answered_at, c.worker, c.compute_type, quantileExact(0.5)(cosineDistance("
        "c.embedding, r.embedding)) AS median_distance, countIf(c.label != r.label) AS labels, "
        "countIf(c.word_pieces != r.word_pieces) AS word_pieces FROM canaries AS c INNER JOIN "
        "(SELECT doc_id, argMin(embedding, answered_at) AS embedding, argMin(label, answered_at) "
        "AS label, argMin(word_pieces, answered_at) AS word_pieces FROM canaries "
        f"WHERE answered_at >= fromUnixTimestamp64Milli({start:d}, 'UTC') AND embedding_model = "
        f"{sql_string(event.before.declared.model.partition('@')[0])} GROUP BY doc_id) AS r "
        "USING (doc_id) WHERE c.answered_at BETWEEN "
        f"fromUnixTimestamp64Milli({start:d}, 'UTC') AND fromUnixTimestamp64Milli({end:d}, 'UTC') "
        "GROUP BY c.answered_at, c.worker, c.compute_type ORDER BY c.answered_at, c.worker"
    )
