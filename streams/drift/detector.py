"""The drift detector of one segment: collect a reference, watch, alarm, start anew.

``collecting``: the first ``reference_documents`` documents are the reference; nothing can alarm.
``watching``: every ``block_documents`` documents the scan gives a score: the log of the expected
number of documents between false alarms this strong. Above the threshold (the log of the run
length that the budget grants, ``budget.py``) one alert is raised.
``alarmed``: the documents of the cool-down are passed over, so that a change still under way does
not end up in the middle of the next reference. Then a new reference is collected: what the alert
reported is the new normal. The seam is on record: the state of the windows is ``collecting``
again, and their ``reference_documents`` start at 0.

A new embedding model, revision, vector length or set of labels starts its own reference, after ten
documents of it in a row (so that two workers that overlap during a roll-out do not reset each other
for ever); until then its documents are left out of detection.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from streams.drift.budget import log_run_length_target
from streams.drift.codec import pack, under, unpack
from streams.drift.documents import DocumentLog
from streams.drift.explain import Alarm, explain
from streams.drift.feed import Run, runs
from streams.drift.hashing import hash_name, hash_text
from streams.drift.reference import Reference, encode_profile, fit
from streams.drift.rollout import Rollout
from streams.drift.watch import Verdict, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from schemas.messages import DriftAlert, Enriched
    from streams.drift.lifecycle import Lifecycle
    from streams.drift.options import DriftOptions

    Coded = tuple[npt.NDArray[np.float32], npt.NDArray[Any], npt.NDArray[np.float32]]

_CHUNK = 25


class Reading(NamedTuple):
    """What the detector says after a document; ``score`` is None while there is none."""

    score: float | None
    threshold: float | None
    state: str
    reference_documents: int
    model: str


@dataclass(slots=True)
class Progress:
    """The detector's small state.

    Attributes:
        reference_id: counts the references of the segment.
        cooldown: documents still to be passed over after an alarm.
    """

    state: str = "collecting"
    reference_id: int = 0
    cooldown: int = 0
    score: float | None = None
    threshold: float | None = None


class Detector:
    """Drift detection for one source; deterministic given the documents in order."""

    def __init__(self, source: str, options: DriftOptions, events: Lifecycle) -> None:
        self.unusable = 0
        self._events = events
        self._first = 0
        self._source = source
        self._options = options
        self._progress = Progress()
        self._rollout = Rollout()
        self._collected = _collection()
        self._watch: Watch | None = None
        self._segments: Sequence[int] = ()
        self._terms: Sequence[npt.NDArray[np.uint64]] = ()
        self._readings: list[Reading] = []
        self._alerts: list[tuple[int, DriftAlert]] = []

    def advance(
        self,
        documents: Sequence[Enriched],
        terms: Sequence[npt.NDArray[np.uint64]],
        segments: Sequence[int],
        first: int = 0,
    ) -> tuple[list[Reading], list[tuple[int, DriftAlert]]]:
        """Take in documents; a reading after each, and alerts with the index of their document.

        Args:
            documents: of this source, in order.
            terms: hashes of each one's distinct words.
            segments: how many shared the partition's part of the budget when each document came.
            first: documents of the source before these.
        """
        self._first = first
        self._readings, self._alerts, self._segments = [], [], segments
        self._terms = terms
        for run in runs(documents):
            if not run.usable:
                self.unusable += len(run.documents)
                self._readings += [self._reading()] * len(run.documents)
                continue
            before = self._reading()
            skipped, changed = self._rollout.admit(run)
            self._readings += [before] * skipped
            if changed:
                self._rebaseline()
            self._advance(run, skipped)
        return self._readings, self._alerts

    def parts(self) -> dict[str, Callable[[], bytes]]:
        """Return the immutable state, by name; a name tells the content."""
        prefix = f"{self._progress.reference_id}/"
        named = {f"reference/{n}": encode for n, encode in self._collected.parts().items()}
        if self._watch is not None:
            watch = self._watch
            named |= {"fit": watch.reference.encode, "profile": lambda: watch.profile}
            named |= watch.parts()
        return {prefix + name: encode for name, encode in named.items()}

    def head(self) -> bytes:
        """Return the small moving state."""
        watch = self._watch
        meta: dict[str, object] = {
            "progress": asdict(self._progress),
            "rollout": asdict(self._rollout),
            "collected": len(self._collected),
            "watch": [watch.sums.count, watch.recent.count] if watch else None,
        }
        return pack(meta, {"collected": self._collected.tail(), **(watch.tail() if watch else {})})

    def restore(self, head: bytes, parts: Mapping[str, bytes]) -> None:
        """Set the state from what ``head`` and ``parts`` returned."""
        meta, tail = unpack(head)
        self._progress = Progress(**meta["progress"])
        self._rollout = Rollout(**meta["rollout"])
        prefix = f"{self._progress.reference_id}/"
        own = under(prefix, parts)
        self._collected.restore(meta["collected"], under("reference/", own), tail["collected"])
        if meta["watch"] is not None:
            reference = Reference.decode(own["fit"])
            self._watch = Watch(reference, own["profile"], self._options)
            blocks, documents = meta["watch"]
            self._watch.restore((blocks, documents), own, tail)

    def _advance(self, run: Run, first: int) -> None:
        coded: Coded | None = None
        total = len(run.documents)
        while first < total:
            if self._progress.state == "watching" and self._watch is not None:
                coded = coded or self._coded(self._watch, run)
                last = min(total, first + self._watch.missing)
                self._watch_on(self._watch, run, coded, last)
            elif self._progress.state == "collecting":
                missing = self._options.reference_documents - len(self._collected)
                last = min(total, first + missing)
                self._collect(run, first, last)
            else:
                last = min(total, first + self._progress.cooldown)
                self._cool_down(last - first)
            first = last

    def _collect(self, run: Run, first: int, last: int) -> None:
        rows = np.concatenate((run.vectors[first:last], run.facts[first:last]), axis=1)
        codes, scales = self._collected.encode(rows)
        for row in range(first, last):
            collected = len(self._collected) + row - first + 1
            self._readings.append(self._reading()._replace(reference_documents=collected))
        self._collected.append(run.documents[first:last], codes, scales)
        if len(self._collected) >= self._options.reference_documents:
            self._fit()

    def _fit(self) -> None:
        kept, facts = self._collected.kept().split(self._rollout.dimensions)
        names = (self._source, self._rollout.model, self._progress.reference_id)
        seed = hash_text("\x1f".join(map(str, names)))
        reference = fit(kept, facts, self._options, seed)
        self._watch = Watch(reference, encode_profile(kept), self._options)
        self._collected = _collection()
        self._progress.state = "watching"

    def _coded(self, watch: Watch, run: Run) -> Coded:
        """Return the numbers of the channels, and the embeddings as they are kept."""
        terms = self._terms[run.first : run.first + len(run.documents)]
        numbers = watch.reference.view.numbers(run.vectors, run.facts, terms)
        return numbers, *watch.recent.encode(run.vectors)

    def _watch_on(self, watch: Watch, run: Run, coded: Coded, last: int) -> None:
        """Watch the run's documents from where the readings end up to ``last``."""
        first = len(self._readings) - run.first
        stretch = slice(first, last)
        documents = run.documents[stretch]
        verdict = watch.take(documents, *(part[stretch] for part in coded))
        self._readings += [self._reading()] * (len(documents) - 1)
        if verdict is not None:
            self._note(watch, verdict, self._segments[len(self._readings)])
            self._alarm_if_due(watch, verdict, documents[-1])
        self._readings.append(self._reading())

    def _note(self, watch: Watch, verdict: Verdict, segments: int) -> None:
        options = self._options
        self._progress.score = verdict.score
        self._progress.threshold = log_run_length_target(
            watch.reference.volume,
            options.budget.of_segment(segments, "scan"),
            options.least_run_length,
            options.largest_run_length,
        )

    def _alarm_if_due(self, watch: Watch, verdict: Verdict, document: Enriched) -> None:
        progress = self._progress
        if progress.threshold is None or verdict.score <= progress.threshold:
            return
        blocks = watch.sums.count
        alarm = Alarm(
            alert_id=hash_name(self._source, self._rollout.model, progress.reference_id, blocks),
            source=self._source,
            model=self._rollout.model,
            score=verdict.score,
            threshold=progress.threshold,
            verdict=verdict,
            blocks=watch.sums.recent(),
            block_documents=self._options.block_documents,
            detected_at=document.published_at,
            version=document.received_at,
        )
        alert = explain(alarm, watch.reference, watch.profile, watch.recent.kept())
        self._alerts.append((len(self._readings), alert))
        progress.state = "alarmed"
        progress.cooldown = self._options.cooldown_documents
        if not progress.cooldown:
            self._rebaseline()

    def _cool_down(self, documents: int) -> None:
        self._readings += [self._reading()] * documents
        self._progress.cooldown -= documents
        if not self._progress.cooldown:
            self._rebaseline()

    def _rebaseline(self) -> None:
        progress = self._progress
        progress.reference_id += 1
        progress.state, progress.cooldown = "collecting", 0
        progress.score = progress.threshold = None
        self._collected = _collection()
        self._watch = None

    def _reading(self) -> Reading:
        progress = self._progress
        documents = self._watch.reference.documents if self._watch else len(self._collected)
        return Reading(
            progress.score, progress.threshold, progress.state, documents, self._rollout.model
        )


def _collection() -> DocumentLog:
    return DocumentLog(_CHUNK, None, coarse=False)
