"""The messages of an alert's life as records."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from schemas.messages import DriftAlert
from streams.drift.hashing import hash_name
from streams.drift.severity import CRITICAL, severity
from streams.drift.wording import closed_message, evidence_query, message

if TYPE_CHECKING:
    from streams.drift.finding import Finding, Moment


def first(finding: Finding, number: int) -> DriftAlert:
    """Return the message that opens an alert.

    The id is that of the event, the same in every replay: which source, what is watched, the
    alert's number, and the document that passed the threshold.
    """
    moment = finding.moment
    kind = f"{finding.kind}/{finding.label}" if finding.label else finding.kind
    name = hash_name(finding.source, kind, number, moment.position, moment.received_at)
    return _alert(finding, name, "open", moment.received_at, moment.published_at)


def later(alert: DriftAlert, finding: Finding) -> DriftAlert:
    """Return an update of an alert; severity does not fall, and the version rises."""
    version = max(finding.moment.received_at, alert.version + 1)
    update = _alert(finding, alert.alert_id, "update", version, alert.detected_at)
    if update.severity != CRITICAL and alert.severity == CRITICAL:
        update = replace(update, severity=CRITICAL)
    return update


def closing(alert: DriftAlert, reason: str, moment: Moment, documents: int) -> DriftAlert:
    """Return the last message of an alert, with the evidence of the one before.

    Args:
        alert: as it was written last.
        reason: why it ends.
        moment: when it ends.
        documents: of the source since it was opened.
    """
    return replace(
        alert,
        version=max(moment.received_at, alert.version + 1),
        state="closed",
        reason=reason,
        as_of=moment.published_at,
        message=closed_message(alert, reason, moment.published_at, documents),
    )


def _alert(
    finding: Finding, alert_id: str, state: str, version: int, detected_at: int
) -> DriftAlert:
    told = finding.explain()
    start, end, documents = told.span or finding.span
    since = start if told.changed_at is None else told.changed_at
    return DriftAlert(
        alert_id=alert_id,
        version=version,
        source=finding.source,
        kind=told.kind or finding.kind,
        severity=severity(finding.score, finding.threshold, told),
        state=state,
        window_start=start,
        window_end=end,
        window_documents=documents,
        detected_at=detected_at,
        changed_at=told.changed_at,
        score=finding.score,
        threshold=finding.threshold,
        message=message(finding, told, since),
        terms_up=told.terms_up,
        terms_down=told.terms_down,
        labels=told.labels,
        new_documents=told.new_documents,
        old_documents=told.old_documents,
        reference_documents=finding.reference_documents,
        embedding_model=finding.model,
        sql=told.sql or evidence_query(finding.source, start, end, finding.label),
        as_of=finding.moment.published_at,
        changed_from=told.changed_from,
        changed_to=told.changed_to,
        expected_false_alarms=finding.expected_per_week,
        channels=told.channels,
        effect=told.effect,
        effect_by_mix=told.effect_by_mix,
        effect_within_labels=told.effect_within_labels,
        label_intervals=told.label_intervals,
        reference_id=finding.reference_id,
        label=finding.label,
    )
