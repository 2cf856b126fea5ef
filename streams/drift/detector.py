"""The drift detector of one segment: collect a reference, watch, alarm, come back or start anew.

``collecting``: the first ``reference_documents`` documents are the reference; nothing can alarm.
``watching``: every ``block_documents`` documents the scan gives a score: the log of the expected
number of documents between false alarms this strong. Above the threshold (the log of the run
length that the budget grants, ``budget.py``) an alert is opened.
``alarmed``: the old reference goes on being asked, so that a stream that comes back is told from
one that stays changed (``comeback.py``); the alert is updated meanwhile (``lifecycle.py``). If it
comes back, the alert is closed and the same reference watches on. If it has not after the cool-down
and as many documents as a reference has, these documents are the new normal: the alert is closed,
and they become the next reference at once. The documents of the cool-down are left out, so that a
change under way does not end up in the middle of it. Each window says which reference it was
compared with, and why that was taken: the seam.

A new embedding model, revision, vector length or set of labels starts its own reference, after ten
documents of it in a row (so that two workers that overlap during a roll-out do not reset each other
for ever); until then its documents are left out of detection. ``rebaseline`` does so by hand.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.drift.budget import expected_per_week, log_run_length_target
from streams.drift.codec import pack, under, unpack
from streams.drift.comeback import Departure
from streams.drift.discoveries import SILENT, caution
from streams.drift.documents import DocumentLog
from streams.drift.explain import explain
from streams.drift.feed import Run, runs
from streams.drift.finding import Finding, Moment, Span
from streams.drift.hashing import hash_text
from streams.drift.reference import Reference, encode_profile, fit
from streams.drift.rollout import Rollout
from streams.drift.shadow import Shadow
from streams.drift.watch import Watch
from streams.drift.words import Words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from schemas.messages import DriftAlert, Enriched
    from streams.drift.lifecycle import Lifecycle, Reason
    from streams.drift.options import DriftOptions
    from streams.drift.watch import Ahead, Coded, Verdict

_CHUNK = 25


KIND = "drift"
"""What the scan's events are called among those of the monitors."""


class Reading(NamedTuple):
    """What the detector says after a document; ``score`` is None while there is none."""

    score: float | None
    threshold: float | None
    state: str
    reference_documents: int
    model: str
    reference_id: str = ""
    reference_reason: str = ""
    quiet: tuple[int, ...] = ()


@dataclass(slots=True)
class Progress:
    """The detector's small state.

    Attributes:
        reference_id: counts the references of the segment.
        cooldown: documents still to be passed over before the next reference is collected.
        reason: why the reference was taken.
        returns: how often the stream has come back to this reference.
    """

    state: str = "collecting"
    reference_id: int = 0
    cooldown: int = 0
    score: float | None = None
    threshold: float | None = None
    reason: str = "first"
    returns: int = 0


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
        self._departure: Departure | None = None
        self._segments: Sequence[float] = ()
        self._granted = ((-1.0, 0.0), 0.0)  # what the threshold was asked for, and what it was
        self.shadow = Shadow(max(options.scales))
        self._words = Words.said([])
        self._readings: list[Reading] = []
        self._alerts: list[tuple[int, DriftAlert]] = []

    def advance(
        self,
        documents: Sequence[Enriched],
        words: Words,
        segments: Sequence[float],
        first: int = 0,
    ) -> tuple[list[Reading], list[tuple[int, DriftAlert]]]:
        """Take in documents; a reading after each, and alerts with the index of their document.

        Args:
            documents: of this source, in order.
            words: of the documents.
            segments: how many shared the partition's part of the budget when each document came;
                fewer than there are where several have an event, see ``discoveries.py``.
            first: documents of the source before these.
        """
        self._first = first
        self._readings, self._alerts, self._segments = [], [], segments
        self._words = words
        for run in runs(documents):
            if not run.usable:
                self.unusable += len(run.documents)
                self._readings += [self._reading()] * len(run.documents)
                continue
            before, first = self._reading(), not self._rollout.model
            skipped, changed = self._rollout.admit(run)
            self._readings += [before] * skipped
            if changed:
                self._close("new-model", run.documents[max(skipped - 1, 0)])
                self._rebaseline("first" if first else "new-model")
            self._advance(run, skipped)
        return self._readings, self._alerts

    def rebaseline(self) -> None:
        """Collect a new reference from the next document on; whoever calls closes the alerts."""
        self._rebaseline("by-hand")

    @property
    def standing(self) -> float:
        """Log of the milliseconds between false alarms as strong as the score, with caution."""
        score, watch = self._progress.score, self._watch
        if score is None or watch is None or watch.reference.volume <= 0:
            return SILENT
        return score - float(np.log(watch.reference.volume * self.caution))

    @property
    def caution(self) -> float:
        """See ``discoveries.caution``."""
        volume = self._watch.reference.volume if self._watch else 0.0
        if volume <= 0:
            return 1.0
        part = self._options.budget.of_segment(1, "scan")
        return caution(part, max(self._options.scales) / volume)

    def parts(self) -> dict[str, Callable[[], bytes]]:
        """Return the immutable state, by name; a name tells the content."""
        collected, watched = self._places()
        named = {collected + name: encode for name, encode in self._collected.parts().items()}
        if self._watch is not None:
            watch, prefix = self._watch, f"{self._progress.reference_id}/"
            named |= {prefix + "fit": watch.reference.encode}
            named |= {prefix + "profile": lambda: watch.profile}
            named |= {watched + name: encode for name, encode in watch.parts().items()}
        return named

    def head(self) -> bytes:
        """Return the small moving state."""
        watch, departure = self._watch, self._departure
        meta: dict[str, object] = {
            "progress": asdict(self._progress),
            "rollout": asdict(self._rollout),
            "collected": len(self._collected),
            "watch": [watch.sums.count, watch.recent.count] if watch else None,
            "departure": departure.numbers() if departure else None,
            "shadow": self.shadow.head(),
        }
        arrays = {"collected": self._collected.tail(), **(watch.tail() if watch else {})}
        if departure:
            arrays["direction"] = departure.direction
        return pack(meta, arrays)

    def restore(self, head: bytes, parts: Mapping[str, bytes]) -> None:
        """Set the state from what ``head`` and ``parts`` returned.

        A head of a version that passed over the cool-down and then collected has no departure:
        its alarm ends with a new reference, as it would have then.
        """
        meta, tail = unpack(head)
        self._progress = Progress(**meta["progress"])
        self._rollout = Rollout(**meta["rollout"])
        self.shadow.restore(meta.get("shadow"))
        collected, watched = self._places()
        self._collected.restore(meta["collected"], under(collected, parts), tail["collected"])
        if meta["watch"] is not None:
            prefix = f"{self._progress.reference_id}/"
            reference = Reference.decode(parts[prefix + "fit"])
            self._watch = Watch(reference, parts[prefix + "profile"], self._options)
            blocks, documents = meta["watch"]
            self._watch.restore((blocks, documents), under(watched, parts), tail)
        if meta.get("departure") is not None:
            self._departure = Departure.restored(meta["departure"], tail["direction"])

    def _places(self) -> tuple[str, str]:
        """Return under which names collected documents and the watch's state are stored.

        They tell the reference and how often the stream has come back to it: the same name never
        stands for two contents.
        """
        progress = self._progress
        prefix = f"{progress.reference_id}/"
        again = f"again{progress.returns}/" if progress.returns else ""
        collected = "reference/" if progress.state == "collecting" else f"next{progress.returns}/"
        return prefix + collected, prefix + again

    def _advance(self, run: Run, first: int) -> None:
        coded: Coded | None = None
        ahead: Ahead | None = None
        total = len(run.documents)
        while first < total:
            watch = self._watch
            if watch is None:
                missing = self._options.reference_documents - len(self._collected)
                last = min(total, first + missing)
                self._collect(run, first, last)
            else:
                if coded is None or ahead is None:
                    coded = self._coded(watch, run)
                    ahead = watch.ahead(coded[0][first:])
                last = self._watch_on(watch, run, coded, ahead)
                if self._watch is not watch:
                    coded = ahead = None
            first = last

    def _prepare(self, run: Run, first: int, last: int) -> None:
        """Collect the next reference while the alarm lasts, after the cool-down."""
        progress = self._progress
        if progress.cooldown:
            progress.cooldown -= last - first
            return
        self._keep(run, first, last)
        if len(self._collected) >= self._options.reference_documents:
            self._close("new-reference", run.documents[last - 1])
            progress.reference_id, progress.returns = progress.reference_id + 1, 0
            progress.reason = "new-reference"
            progress.score = progress.threshold = None
            self._fit()

    def _collect(self, run: Run, first: int, last: int) -> None:
        collected = len(self._collected)
        self._readings += [
            self._reading()._replace(reference_documents=collected + row)
            for row in range(1, last - first + 1)
        ]
        self._keep(run, first, last)
        if len(self._collected) >= self._options.reference_documents:
            self._fit()

    def _keep(self, run: Run, first: int, last: int) -> None:
        rows = np.concatenate((run.vectors[first:last], run.facts[first:last]), axis=1)
        self._collected.append(run.documents[first:last], *self._collected.encode(rows))

    def _fit(self) -> None:
        kept, facts = self._collected.kept().split(self._rollout.dimensions)
        names = (self._source, self._rollout.model, self._progress.reference_id)
        seed = hash_text("\x1f".join(map(str, names)))
        reference = fit(kept, facts, self._options, seed)
        self._watch = Watch(reference, encode_profile(kept), self._options)
        self._collected, self._departure = _collection(), None
        self._progress.state = "watching"

    def _coded(self, watch: Watch, run: Run) -> Coded:
        """Return the numbers of the channels, and the embeddings as they are kept."""
        words = self._words.part(run.first, run.first + len(run.documents))
        numbers = watch.reference.view.numbers(run.vectors, run.facts, words)
        return numbers, *watch.recent.encode(run.vectors)

    def _watch_on(self, watch: Watch, run: Run, coded: Coded, ahead: Ahead) -> int:
        """Watch the run's documents from where the readings end; returns up to where."""
        first = len(self._readings) - run.first
        if self._departure is None and self._progress.state == "watching":
            last = self._pass_quiet(watch, run, ahead, first)
            if last > first:
                stretch = slice(first, last)
                watch.take(run.documents[stretch], _cut(coded, stretch), ahead)
                return last
        last = min(len(run.documents), first + self._stretch(watch))
        alarmed = self._progress.state == "alarmed"
        self._take_block(watch, run, coded, ahead, slice(first, last))
        if alarmed and self._watch is watch:
            self._prepare(run, first, last)
        return last

    def _pass_quiet(self, watch: Watch, run: Run, ahead: Ahead, first: int) -> int:
        """Note readings up to the first block above its threshold; returns where that begins."""
        total, block = len(run.documents), self._options.block_documents
        reading, last, end = self._reading(), first, first + watch.missing
        for score in ahead.scores[ahead.taken :]:
            if score is not None:
                threshold = self._threshold(watch, self._segments[run.first + end - 1])
                if score > threshold:
                    return last
                self._progress.score, self._progress.threshold = score, threshold
                self.shadow.take(score, block)
            self._readings += [reading] * (end - last - 1)
            reading = self._reading()
            self._readings.append(reading)
            last, end = end, end + block
        self._readings += [reading] * (total - last)
        return total

    def _take_block(
        self, watch: Watch, run: Run, coded: Coded, ahead: Ahead, stretch: slice
    ) -> None:
        """Take in documents of one block, and look at it when it is full."""
        documents = run.documents[stretch]
        full = len(documents) == watch.missing
        watch.take(documents, _cut(coded, stretch), ahead)
        self._readings += [self._reading()] * (len(documents) - 1)
        verdict = watch.verdict(ahead) if full else None
        if verdict is not None:
            segments = self._segments[len(self._readings)]
            self._progress.score = verdict.score
            self._progress.threshold = self._threshold(watch, segments)
            self._judge(watch, verdict, documents[-1])
        self._readings.append(self._reading())

    def _stretch(self, watch: Watch) -> int:
        """Return for how many documents nothing but the block's sums changes."""
        if self._progress.state == "watching":
            return watch.missing
        wanted = self._options.reference_documents - len(self._collected)
        return min(watch.missing, self._progress.cooldown or wanted)

    def _threshold(self, watch: Watch, segments: float) -> float:
        """Return the score that is an alarm where so many segments share the budget."""
        asked, options = (watch.reference.volume, segments), self._options
        if self._granted[0] != asked:
            rate = options.budget.of_segment(segments, "scan")
            least, largest = options.least_run_length, options.largest_run_length
            self._granted = asked, log_run_length_target(asked[0], rate, least, largest)
        return self._granted[1]

    def _judge(self, watch: Watch, verdict: Verdict, document: Enriched) -> None:
        """Open, update or close the alert; go back to watching where the stream came back."""
        progress, departure = self._progress, self._departure
        threshold = progress.threshold or 0.0
        if departure is None:
            if progress.state == "watching" and verdict.score > threshold:
                self.shadow.drop()
                self._depart(watch, verdict, document)
            else:
                self.shadow.take(verdict.score, self._options.block_documents)
            return
        block = self._options.block_documents
        over = departure.returned(verdict, watch, threshold, block)
        if self._events.is_open(KIND):
            self._tell(self._finding(watch, verdict, document, over=over))
        if over:
            self._come_back(watch)

    def _depart(self, watch: Watch, verdict: Verdict, document: Enriched) -> None:
        if not self._tell(self._finding(watch, verdict, document, over=False)):
            return  # it rests after its last alert
        self._departure = Departure.at(verdict, watch)
        self._progress.state = "alarmed"
        self._progress.cooldown = self._options.cooldown_documents

    def _come_back(self, watch: Watch) -> None:
        """Watch on with the same reference, without the documents of the event."""
        progress = self._progress
        self._watch = Watch(watch.reference, watch.profile, self._options)
        self._collected, self._departure = _collection(), None
        progress.state, progress.cooldown = "watching", 0
        progress.score = progress.threshold = None
        progress.returns += 1

    def _finding(
        self, watch: Watch, verdict: Verdict, document: Enriched, *, over: bool
    ) -> Finding:
        progress, options = self._progress, self._options
        index = len(self._readings)
        before = self._events.alert(KIND)
        return Finding(
            source=self._source,
            kind=KIND,
            score=verdict.score,
            threshold=progress.threshold or 0.0,
            moment=Moment.after(document, self._first + index + 1),
            span=Span(document.published_at, document.published_at, verdict.documents),
            explain=lambda: explain(watch, verdict, options.block_documents, before),
            expected_per_week=expected_per_week(
                verdict.score,
                watch.reference.volume,
                options.budget,
                options.budget.of_segment(self._segments[index], "scan"),
            ),
            over=over,
            reference_documents=watch.reference.documents,
            reference_id=str(progress.reference_id),
            model=self._rollout.model,
        )

    def _tell(self, finding: Finding) -> bool:
        alert = self._events.take(finding)
        if alert is not None:
            self._alerts.append((finding.moment.position - self._first - 1, alert))
        return alert is not None

    def _close(self, reason: Reason, document: Enriched) -> None:
        """Close the alert after a document whose reading has been noted or is the next."""
        index = max(len(self._readings) - 1, 0)
        moment = Moment.after(document, self._first + index + 1)
        alert = self._events.close(KIND, reason, moment)
        if alert is not None:
            self._alerts.append((index, alert))

    def _rebaseline(self, reason: str) -> None:
        progress = self._progress
        progress.reference_id += 1
        progress.state, progress.cooldown, progress.returns = "collecting", 0, 0
        progress.score = progress.threshold = None
        progress.reason = reason
        self.shadow.drop()
        self._collected, self._departure = _collection(), None
        self._watch = None

    def _reading(self) -> Reading:
        progress = self._progress
        documents = self._watch.reference.documents if self._watch else len(self._collected)
        return Reading(
            progress.score,
            progress.threshold,
            progress.state,
            documents,
            self._rollout.model,
            str(progress.reference_id),
            progress.reason,
            self.shadow.totals,
        )


def _cut(coded: Coded, rows: slice) -> Coded:
    numbers, codes, scales = coded
    return numbers[rows], codes[rows], scales[rows]


def _collection() -> DocumentLog:
    return DocumentLog(_CHUNK, None, coarse=False)
