"""The drift detector of one segment: collect a reference, watch, alarm, come back or start anew.

``collecting``: the first ``reference_documents`` documents are the reference; nothing can alarm.
``watching``: every ``block_documents`` documents the scan gives a score: the log of the expected
number of documents between false alarms this strong. Above the threshold (the log of the run
length that the budget grants, ``budget.py``) an alert is opened.
``alarmed``: the old reference goes on being asked, so that a stream that comes back is told from
one that stays changed (``comeback.py``); the alert is updated meanwhile (``lifecycle.py``). If it
comes back, the alert is closed and the same reference watches on. If it has not after the cool-down
and as many documents as a reference has, these documents are the new normal (unless ``settles`` is
off): the alert is closed, and they become the next reference at once. The documents of the
cool-down are left out, so that a change under way does not end up in the middle of it. Each window
says which reference it was compared with, and why that was taken: the seam.

A new embedding model, revision, vector length or set of labels starts its own reference, after ten
documents of it in a row (so that two workers that overlap during a roll-out do not reset each other
for ever); until then its documents are left out of detection. ``rebaseline`` does so by hand, with
the next documents of the stream or with others that are handed in (``learn``). A rolling reference
(``renew_documents``) ages: the newest quiet documents follow it, and a drift slower than that is
never told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streams.drift.baseline import Baseline, collection
from streams.drift.budget import expected_per_week, log_run_length_target
from streams.drift.comeback import Departure
from streams.drift.discoveries import SILENT, caution
from streams.drift.explain import explain
from streams.drift.feed import runs
from streams.drift.finding import Finding, Moment, Span
from streams.drift.progress import Reading
from streams.drift.words import Words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from schemas.messages import DriftAlert, Enriched
    from streams.drift.feed import Feed, Run
    from streams.drift.lifecycle import Lifecycle, Reason
    from streams.drift.options import DriftOptions
    from streams.drift.shadow import Shadow
    from streams.drift.watch import Ahead, Coded, Verdict, Watch

KIND = "drift"
"""What the scan's events are called among those of the monitors."""


class Detector:
    """Drift detection for one segment; deterministic given the documents in order.

    Args:
        source: whose documents.
        options: of the detection.
        events: takes the findings.
        label: of all its documents; empty for a whole source.
    """

    def __init__(
        self, source: str, options: DriftOptions, events: Lifecycle, label: str = ""
    ) -> None:
        self.unusable = 0
        self._label = label
        self._events = events
        self._first = 0
        self._source = source
        self._options = options
        self._base = Baseline(source + label, options)
        self._segments: Sequence[float] = ()
        self._granted = ((-1.0, 0.0), 0.0)  # what the threshold was asked for, and what it was
        self._words = Words.said([])
        self._readings: list[Reading] = []
        self._alerts: list[tuple[int, DriftAlert]] = []

    def advance(
        self,
        documents: Sequence[Enriched],
        words: Words,
        segments: Sequence[float],
        first: int = 0,
        read: tuple[Feed, int] | None = None,
    ) -> tuple[list[Reading], list[tuple[int, DriftAlert]]]:
        """Take in documents; a reading after each, and alerts with the index of their document.

        Args:
            documents: of this source, in order.
            words: of the documents.
            segments: how many shared the partition's part of the budget when each document came;
                fewer than there are where several have an event, see ``discoveries.py``.
            first: documents of the source before these.
            read: where the documents have been read, and from which row on; None: not yet.
        """
        self._first = first
        self._readings, self._alerts, self._segments = [], [], segments
        self._words = words
        for run in runs(documents, read):
            if not run.usable:
                self.unusable += len(run.documents)
                self._readings += [self.reading] * len(run.documents)
                continue
            before, first = self.reading, not self._base.rollout.model
            skipped, changed = self._base.rollout.admit(run)
            self._readings += [before] * skipped
            if changed:
                self._close("new-model", run.documents[max(skipped - 1, 0)])
                self._base.rebaseline("first" if first else "new-model")
            self._advance(run, skipped)
        return self._readings, self._alerts

    def rebaseline(self) -> None:
        """Collect a new reference from the next document on; whoever calls closes the alerts."""
        self._base.rebaseline("by-hand")

    def rebaseline_with(self, documents: int) -> None:
        """Collect a new reference from so many documents that ``learn`` brings."""
        self._base.rebaseline("chosen")
        self._base.progress.awaited = documents

    def learn(self, document: Enriched) -> None:
        """Take in a document of the reference that is awaited; any other is passed over."""
        self._base.learn(document)

    @property
    def shadow(self) -> Shadow:
        """How often the score passes levels far below the threshold."""
        return self._base.shadow

    def parts(self) -> dict[str, Callable[[], bytes]]:
        """Return the immutable state, by name; a name tells the content."""
        return self._base.parts()

    def head(self) -> bytes:
        """Return the small moving state."""
        return self._base.head()

    def restore(self, head: bytes, parts: Mapping[str, bytes]) -> None:
        """Set the state from what ``head`` and ``parts`` returned."""
        self._base.restore(head, parts)

    @property
    def standing(self) -> float:
        """Log of the milliseconds between false alarms as strong as the score, with caution."""
        score, watch = self._base.progress.score, self._base.watch
        if score is None or watch is None or watch.reference.volume <= 0:
            return SILENT
        return score - float(np.log(watch.reference.volume * self.caution))

    @property
    def caution(self) -> float:
        """See ``discoveries.caution``."""
        volume = self._base.watch.reference.volume if self._base.watch else 0.0
        if volume <= 0:
            return 1.0
        part = self._options.budget.of_segment(1, "scan")
        return caution(part, max(self._options.scales) / volume)

    def _advance(self, run: Run, first: int) -> None:
        coded: Coded | None = None
        ahead: Ahead | None = None
        while first < len(run.documents):
            watch = self._base.watch
            if watch is None:
                last = self._collect(run, first)
            else:
                if coded is None or ahead is None:
                    coded = self._coded(watch, run)
                    ahead = watch.ahead(coded[0][first:])
                last = self._watch_on(watch, run, coded, ahead)
                if self._base.watch is not watch:
                    coded = ahead = None
            first = last

    def _prepare(self, run: Run, first: int, last: int) -> None:
        """Collect the next reference while the alarm lasts, after the cool-down."""
        progress = self._base.progress
        if progress.cooldown:
            progress.cooldown -= last - first
            return
        if not self._options.settles:
            return
        self._base.keep(run, first, last)
        if len(self._base.collected) >= self._options.reference_documents:
            self._close("new-reference", run.documents[last - 1])
            self._base.follow("new-reference")

    def _grow(self, run: Run, first: int, last: int) -> None:
        """Collect the next of the rolling references, where they roll."""
        progress, after = self._base.progress, self._options.renew_documents
        if after is None:
            return
        from_age = after - self._options.reference_documents
        progress.age += last - first
        start = last - min(last - first, progress.age - from_age)
        if start < last:
            self._base.keep(run, start, last)
        if progress.age >= after:
            self._base.follow("rolling")

    def _collect(self, run: Run, first: int) -> int:
        """Collect the reference; returns up to where."""
        collected, total = len(self._base.collected), len(run.documents)
        if self._base.progress.awaited:
            self._readings += [self.reading] * (total - first)
            return total
        last = min(total, first + self._options.reference_documents - collected)
        self._readings += [
            self.reading._replace(reference_documents=collected + row)
            for row in range(1, last - first + 1)
        ]
        self._base.keep(run, first, last)
        if len(self._base.collected) >= self._options.reference_documents:
            self._base.fit()
        return last

    def _coded(self, watch: Watch, run: Run) -> Coded:
        """Return the numbers of the channels, and the embeddings as they are kept."""
        words = self._words.part(run.first, run.first + len(run.documents))
        codes, scales = run.coded()
        vectors = run.vectors
        if watch.reference.coarse:
            vectors = codes.astype(np.float32) * scales[:, None]
        numbers = watch.reference.view.numbers(vectors, run.facts, words)
        return numbers, codes, scales

    def _watch_on(self, watch: Watch, run: Run, coded: Coded, ahead: Ahead) -> int:
        """Watch the run's documents from where the readings end; returns up to where."""
        first = len(self._readings) - run.first
        until = self._until(len(run.documents), first)
        if self._base.departure is None and self._base.progress.state == "watching":
            last = self._pass_quiet(watch, run, ahead, (first, until))
            if last > first:
                stretch = slice(first, last)
                watch.take(run.documents[stretch], _cut(coded, stretch), ahead)
                self._grow(run, first, last)
                return last
        last = min(until, first + self._stretch(watch))
        alarmed = self._base.progress.state == "alarmed"
        self._take_block(watch, run, coded, ahead, slice(first, last))
        if self._base.watch is watch and alarmed:
            self._prepare(run, first, last)
        elif self._base.watch is watch and self._base.progress.state == "watching":
            self._grow(run, first, last)
        return last

    def _until(self, total: int, first: int) -> int:
        """Return where the run ends, or the reference is renewed."""
        after, progress = self._options.renew_documents, self._base.progress
        if after is None or progress.state != "watching":
            return total
        return min(total, first + after - progress.age)

    def _pass_quiet(self, watch: Watch, run: Run, ahead: Ahead, part: tuple[int, int]) -> int:
        """Note readings up to the first block above its threshold; returns where that begins."""
        (first, total), block = part, self._options.block_documents
        reading, last, end = self.reading, first, first + watch.missing
        for score in ahead.scores[ahead.taken :]:
            if end > total:
                break
            if score is not None:
                threshold = self._threshold(watch, self._segments[run.first + end - 1])
                if score > threshold:
                    return last
                self._base.progress.score, self._base.progress.threshold = score, threshold
                self._base.shadow.take(score, block)
            self._readings += [reading] * (end - last - 1)
            reading = self.reading
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
        self._readings += [self.reading] * (len(documents) - 1)
        verdict = watch.verdict(ahead) if full else None
        if verdict is not None:
            segments = self._segments[len(self._readings)]
            self._base.progress.score = verdict.score
            self._base.progress.threshold = self._threshold(watch, segments)
            self._judge(watch, verdict, documents[-1])
        self._readings.append(self.reading)

    def _stretch(self, watch: Watch) -> int:
        """Return for how many documents nothing but the block's sums changes."""
        if self._base.progress.state == "watching":
            return watch.missing
        if not self._base.progress.cooldown and not self._options.settles:
            return watch.missing
        wanted = self._options.reference_documents - len(self._base.collected)
        return min(watch.missing, self._base.progress.cooldown or wanted)

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
        progress, departure = self._base.progress, self._base.departure
        threshold = progress.threshold or 0.0
        if departure is None:
            if progress.state == "watching" and verdict.score > threshold:
                self._base.shadow.drop()
                self._depart(watch, verdict, document)
            else:
                self._base.shadow.take(verdict.score, self._options.block_documents)
            return
        block = self._options.block_documents
        over = departure.returned(verdict, watch, threshold, block)
        if self._events.is_open(KIND):
            self._tell(self._finding(watch, verdict, document, over=over))
        if over:
            self._base.come_back(watch)

    def _depart(self, watch: Watch, verdict: Verdict, document: Enriched) -> None:
        if not self._tell(self._finding(watch, verdict, document, over=False)):
            return  # it rests after its last alert
        self._base.departure = Departure.at(verdict, watch)
        if len(self._base.collected):  # of a rolling reference: the change is in it
            self._base.collected = collection(self._options, coarse=True)
            self._base.progress.dropped += 1
        self._base.progress.state = "alarmed"
        self._base.progress.cooldown = self._options.cooldown_documents

    def _finding(
        self, watch: Watch, verdict: Verdict, document: Enriched, *, over: bool
    ) -> Finding:
        progress, options = self._base.progress, self._options
        index = len(self._readings)
        before = self._events.alert(KIND)
        return Finding(
            source=self._source,
            label=self._label,
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
            model=self._base.rollout.model,
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

    @property
    def reading(self) -> Reading:
        """What it says now."""
        progress = self._base.progress
        documents = (
            self._base.watch.reference.documents if self._base.watch else len(self._base.collected)
        )
        return Reading(
            progress.score,
            progress.threshold,
            progress.state,
            documents,
            self._base.rollout.model,
            str(progress.reference_id),
            progress.reason,
            self._base.shadow.totals,
        )


def _cut(coded: Coded, rows: slice) -> Coded:
    numbers, codes, scales = coded
    return numbers[rows], codes[rows], scales[rows]
