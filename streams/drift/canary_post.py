"""The canaries of one partition: whole runs are put together, compared, and kept."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from streams.drift.answers import Answer
from streams.drift.canary import CanaryWatch
from streams.drift.codec import pack, unpack
from streams.errors import UnreadableState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.messages import DriftAlert, Enriched, Origin

HEAD = "head"
SPEAKER = 0
"""The partition whose owner raises the alerts; every partition would raise the same."""

_MOST_PENDING = 64
_MOST_BLAMED = 1_000


class CanaryPost:
    """State of one partition's canaries.

    Attributes:
        partition: of the enriched topic.
        changed: whether anything happened since the last snapshot.
    """

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.changed = False
        self._watch = CanaryWatch()
        self._marks: dict[str, tuple[int, int]] = {}
        self._pending: dict[str, list[Answer]] = {}
        self._blamed: dict[str, str] = {}
        self._stored: set[str] = set()

    def blamed(self, alert: DriftAlert) -> DriftAlert:
        """Return an alert of a user's segment, with a word on the pipeline where it is due.

        What began while a change of the pipeline was open is probably that change: it is said in
        every message of such an alert, to its end. What was open before is left as it is.
        """
        note = self._watch.note if alert.state == "open" else self._blamed.get(alert.alert_id, "")
        if not note:
            return alert
        self._blamed.pop(alert.alert_id, None)
        if alert.state != "closed":
            self._blamed[alert.alert_id] = note
            if len(self._blamed) > _MOST_BLAMED:
                self._blamed.pop(next(iter(self._blamed)))
        self.changed = True
        return replace(alert, message=f"{note} {alert.message}")

    def take(self, origin: Origin, document: Enriched) -> list[DriftAlert]:
        """Take in one canary document; alerts where it completes a run and something moved."""
        offset, newest = self._marks.get(origin.topic, (-1, -1))
        if origin.offset <= offset and origin.received_at <= newest:
            return []
        self._marks[origin.topic] = (origin.offset, max(newest, origin.received_at))
        self.changed = True
        answer = Answer.read(document)
        run = self._pending.pop(answer.worker, [])
        if run and run[0].run != answer.run:
            run = []  # the one before was never finished
        run = [*(one for one in run if one.doc_id != answer.doc_id), answer]
        if len(run) < answer.of:
            self._pending[answer.worker] = run
            if len(self._pending) > _MOST_PENDING:
                self._pending.pop(next(iter(self._pending)))
            return []
        alerts = self._watch.take(sorted(run, key=lambda one: one.doc_id), origin.received_at)
        return alerts if self.partition == SPEAKER else []

    def snapshot(self) -> list[tuple[str, bytes | None]]:
        """Return deletions, new parts, and at the end the head, as (name, payload or None)."""
        parts = self._watch.parts()
        written: list[tuple[str, bytes | None]] = [
            (name, parts[name]()) for name in parts if name not in self._stored
        ]
        pending = {worker: [asdict(one) for one in run] for worker, run in self._pending.items()}
        meta = {
            "watch": self._watch.head(),
            "pending": pending,
            "marks": self._marks,
            "blamed": self._blamed,
        }
        written.append((HEAD, pack(meta, {})))
        written += [(name, None) for name in sorted(self._stored - parts.keys())]
        self._stored, self.changed = set(parts), False
        return written

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Set the state from all parts that are stored for this partition.

        Raises:
            UnreadableState: a part is damaged or missing.
        """
        if HEAD not in parts:  # the first snapshot was never finished
            self._stored = set(parts)
            self.changed = bool(parts)
            return
        meta, _ = unpack(parts[HEAD])
        try:
            self._watch.restore(meta["watch"], parts)
            self._pending = {
                worker: [Answer.restored(one) for one in run]
                for worker, run in meta["pending"].items()
            }
            self._blamed = dict(meta["blamed"])
            self._marks = {topic: (mark[0], mark[1]) for topic, mark in meta["marks"].items()}
        except (KeyError, TypeError, ValueError) as error:
            raise UnreadableState(
                f"the canaries' state of partition {self.partition} does not fit this version: "
                f"{error!r}"
            ) from error
        self._stored = set(parts) - {HEAD}
        self.changed = self._stored != set(self._watch.parts())
