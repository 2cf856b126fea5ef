"""Is it the world or is it us? What the canary documents of all enrich workers tell.

Kept for each partition of the enriched topic, since every partition is given every run: so each
drift worker knows, in the order of its own messages, what the pipeline did to them. Answers that
were seen are kept as variants; a worker whose answers fit one that is in force says nothing new.

=========================================  ======================================================
a run                                      leads to
=========================================  ======================================================
the first one                              a reference
fits a variant in force                    nothing
names another model, revision or labels    a reference of its own, and an informational alert
the same names, other answers              an alert, open while a worker answers so
fits a variant that was long given up      the same as another answer: the pipeline went back
=========================================  ======================================================

In force is what was confirmed within three intervals of the runs, and the newest of all. The alert
closes when no worker answers so any more; after an hour the new answers are taken for the reference
and it closes, too.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from streams.drift.answers import Answer, Answers, Moved
from streams.drift.canary_alerts import PipelineEvent, pipeline_alert
from streams.drift.hashing import hash_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from schemas.messages import DriftAlert

ADOPT_MS = 3_600_000
_INTERVALS = 3
_LEAST_MS = 60_000  # a run takes its time, and so do restarts
_LONG_AGO_MS = 10 * ADOPT_MS
_MOST_VARIANTS = 8
_MOST_WORKERS = 256


@dataclass(slots=True)
class Variant:
    """Answers that one or several workers give.

    Attributes:
        answers: of the first run.
        number: counts the variants of the partition.
        since: arrival of the first run, milliseconds since 1970.
        confirmed: arrival of the last run that fitted.
        base: the variant from which this one departs, while that is an open event; else None.
        event: alert of that event, or empty.
        told: workers that the alert has named.
    """

    answers: Answers
    number: int
    since: int
    confirmed: int
    base: int | None = None
    event: str = ""
    told: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Worker:
    """Where a worker stands: its last run."""

    variant: int
    seen: int
    every_ms: int


class CanaryWatch:
    """Compares runs; deterministic given them in order."""

    def __init__(self) -> None:
        self._variants: dict[int, Variant] = {}
        self._workers: dict[str, Worker] = {}
        self._count = 0

    @property
    def note(self) -> str:
        """What an alert of a user's segment must say now; nothing while all is as ever."""
        for variant in self._variants.values():
            if variant.event:
                base = self._variants[variant.base or 0]
                event = PipelineEvent.of(base, variant, variant.told, variant.confirmed)
                return f"Probably the pipeline, not the stream: {event.what} ({variant.event})."
        return ""

    def take(self, run: Sequence[Answer], now: int) -> list[DriftAlert]:
        """Take in a whole run, its documents in the order of the set.

        Args:
            run: of one worker.
            now: when the last of them arrived, by the broker's clock.
        """
        worker, every_ms = run[0].worker, run[0].every_ms
        answers = Answers.of(run)
        kept = _INTERVALS * every_ms + _LEAST_MS
        variant, declared = self._place(answers, now, kept)
        variant.confirmed = now
        self._workers.pop(worker, None)
        self._workers[worker] = Worker(variant.number, now, every_ms)
        alerts = []
        if declared is not None:
            event = PipelineEvent.of(declared, variant, [worker], now)
            alerts.append(pipeline_alert(event, _name("model", declared, variant), "closed"))
        if variant.event:
            alerts += self._go_on(variant, worker, now)
        alerts += self._end_those_gone(now)
        self._forget_oldest()
        return alerts

    def head(self) -> dict[str, Any]:
        """Return the small moving state."""
        plain = [
            {name: value for name, value in asdict(v).items() if name != "answers"}
            for v in self._variants.values()
        ]
        workers = {name: asdict(worker) for name, worker in self._workers.items()}
        return {"variants": plain, "workers": workers, "count": self._count}

    def parts(self) -> dict[str, Callable[[], bytes]]:
        """Return the answers, which do not change, by name."""
        return {f"variant/{v.number}": v.answers.encode for v in self._variants.values()}

    def restore(self, head: Mapping[str, Any], parts: Mapping[str, bytes]) -> None:
        """Set the state from what ``head`` and ``parts`` returned."""
        self._variants = {
            plain["number"]: Variant(Answers.decode(parts[f"variant/{plain['number']}"]), **plain)
            for plain in head["variants"]
        }
        self._workers = {name: Worker(**worker) for name, worker in head["workers"].items()}
        self._count = head["count"]

    def _place(self, answers: Answers, now: int, kept: int) -> tuple[Variant, Variant | None]:
        """Return the variant of these answers, and the one before where the model changed."""
        found, in_force = self._fitting(answers), self._in_force()
        if found is not None and (
            found.event or found is in_force or now - found.confirmed <= kept
        ):
            return found, None
        base = in_force if found else self._in_force(answers.declared.lineage) or in_force
        variant = found or self._add(answers)
        variant.since = now
        if base is None:
            return variant, None
        if base.answers.declared.lineage != answers.declared.lineage:
            return variant, base
        variant.base, variant.told = base.number, []
        variant.event = _name("pipeline", base, variant)
        return variant, None

    def _go_on(self, variant: Variant, worker: str, now: int) -> list[DriftAlert]:
        """Return what there is to say of an open event after a run that belongs to it."""
        if now - variant.since >= ADOPT_MS:
            alert = self._alert(variant, "closed", now, "new-reference")
            variant.event, variant.base = "", None
            return [alert]
        if worker in variant.told:
            return []
        state = "update" if variant.told else "open"
        variant.told = [*variant.told, worker][-_MOST_WORKERS:]
        return [self._alert(variant, state, now)]

    def _end_those_gone(self, now: int) -> list[DriftAlert]:
        alerts = []
        for variant in [v for v in self._variants.values() if v.event]:
            if not self._active(variant, now):
                alerts.append(self._alert(variant, "closed", now, "returned"))
                variant.event, variant.base = "", None
                # Not for ever: the next run that answers so is another event.
                variant.confirmed = min(variant.confirmed, now - _LONG_AGO_MS)
        return alerts

    def _alert(self, variant: Variant, state: str, now: int, reason: str = "") -> DriftAlert:
        base = self._variants[variant.base or 0]
        event = PipelineEvent.of(base, variant, self._active(variant, now), now, reason)
        return pipeline_alert(event, variant.event, state)

    def _fitting(self, answers: Answers) -> Variant | None:
        """Return the variant that these answers fit; of several the last confirmed."""
        lineage = answers.declared.lineage
        fitting = [
            v
            for v in self._variants.values()
            if v.answers.declared.lineage == lineage and not Moved.between(v.answers, answers).any
        ]
        return max(fitting, key=lambda v: v.confirmed, default=None)

    def _in_force(self, lineage: str = "") -> Variant | None:
        """Return the accepted variant that was confirmed last, of any lineage or of one."""
        accepted = [
            v
            for v in self._variants.values()
            if not v.event and lineage in ("", v.answers.declared.lineage)
        ]
        return max(accepted, key=lambda v: v.confirmed, default=None)

    def _active(self, variant: Variant, now: int) -> list[str]:
        """Return the workers that answer so, as far as one can know."""
        return [
            name
            for name, worker in self._workers.items()
            if worker.variant == variant.number
            and now - worker.seen <= _INTERVALS * worker.every_ms + _LEAST_MS
        ]

    def _add(self, answers: Answers) -> Variant:
        self._count += 1
        variant = self._variants[self._count] = Variant(answers, self._count, 0, 0)
        return variant

    def _forget_oldest(self) -> None:
        while len(self._workers) > _MOST_WORKERS:
            del self._workers[min(self._workers, key=lambda name: self._workers[name].seen)]
        needed = {v.base for v in self._variants.values()}
        spare = sorted(
            (v for v in self._variants.values() if not v.event and v.number not in needed),
            key=lambda v: v.confirmed,
        )
        for variant in spare[: max(0, len(self._variants) - _MOST_VARIANTS)]:
            del self._variants[variant.number]


def _name(kind: str, base: Variant, variant: Variant) -> str:
    return hash_name(
        kind, base.answers.declared.lineage, variant.answers.declared.lineage, variant.since
    )
