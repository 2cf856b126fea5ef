"""Alerts of the ledger: opened, changed and closed by what a look has found."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from schemas.messages import DriftAlert

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.stages.ledger import Gap, Mark, PartitionLedger

KIND = "ledger"
"""Kind of the ledger's alerts."""


def alert_id(mark: Mark, first_offset: int) -> str:
    """Return the identity of the alert that begins with a missing offset: the same every time."""
    what = f"{mark.topic}\0{mark.partition}\0{mark.since}\0{first_offset}"
    return f"ledger-{hashlib.blake2b(what.encode(), digest_size=8).hexdigest()}"


def alert_between(
    before: PartitionLedger, after: PartitionLedger, now_ms: int
) -> DriftAlert | None:
    """Return the alert that a change calls for; None where nothing has changed."""
    if before.missing == after.missing and before.alert_id == after.alert_id:
        return None
    identity = after.alert_id or before.alert_id
    if identity is None:
        return None
    if not after.missing:
        return _alert(identity, "closed", after, before.gaps, now_ms)
    state = "update" if before.alert_id == identity else "open"
    return _alert(identity, state, after, after.gaps, now_ms)


def _alert(
    identity: str, state: str, ledger: PartitionLedger, gaps: Sequence[Gap], now_ms: int
) -> DriftAlert:
    mark, lost = ledger.mark, [gap for gap in gaps if gap.lost]
    return DriftAlert(
        alert_id=identity,
        version=now_ms,
        source=mark.topic,
        kind=KIND,
        severity="critical",
        state=state,
        window_start=min((gap.found_at for gap in lost), default=now_ms),
        window_end=max((gap.found_at for gap in lost), default=now_ms),
        window_documents=ledger.missing,
        detected_at=min((gap.found_at for gap in lost), default=now_ms),
        changed_at=None,
        score=float(ledger.missing),
        threshold=1.0,
        message=_message(mark, lost, ledger.missing),
        terms_up=(),
        terms_down=(),
        labels=(),
        new_documents=(),
        old_documents=(),
        reference_documents=0,
        embedding_model="",
        sql="SELECT * FROM ledger_gaps WHERE reason != 'no-message' AND "
        f"topic = '{mark.topic}' AND partition = {mark.partition} ORDER BY first_offset",
    )


def _message(mark: Mark, lost: Sequence[Gap], missing: int) -> str:
    where = f"{mark.topic}, partition {mark.partition}"
    if not missing:
        return f"the ledger of {where} adds up again: every message landed or is dead-lettered"
    return (
        f"the ledger of {where} does not add up: {missing:,} message(s) neither landed nor were "
        f"dead-lettered: {'; '.join(_stretch(gap) for gap in lost[:3])}"
        f"{f'; and {len(lost) - 3} more stretches' if len(lost) > 3 else ''}"  # noqa: PLR2004
    )


def _stretch(gap: Gap) -> str:
    first, last = gap.first_offset, gap.next_offset - 1
    alone = first == last
    offsets = f"offset {first}" if alone else f"offsets {first} to {last}"
    if gap.reason == "deleted":
        return (
            f"{offsets} {'was' if alone else 'were'} deleted from the topic unprocessed (by "
            "retention, eviction or hand: publish again what was there)"
        )
    return (
        f"{offsets} {'is' if alone else 'are'} still in the topic but passed over (was the "
        f"consumer group moved? move it back to {first})"
    )
