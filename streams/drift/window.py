"""One window of one source: its sums, its distinct words and its documents."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import partial
from math import sqrt
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from schemas.messages import WindowStats
from streams.drift.codec import pack, under, unpack
from streams.drift.hashset import HashSet, IdSet, smallest
from streams.drift.monitors.facts import FIXED_CONFIDENCE
from streams.drift.monitors.tally import Tally
from streams.drift.sketches.sums import Sums
from streams.trends.tally import TopicTally

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    import numpy.typing as npt

    from streams.drift.hashset import Hashes
    from streams.drift.monitors.facts import Part
    from streams.drift.progress import Reading
    from streams.drift.sketches.sums import Model

SAMPLE = 1024
"""Hashes of a window's ``token_sample``."""

_NOT_SUMS = {"terms", "ids", "tally", "sketches", "topics"}
_COUNT_BITS = 20
_RECEIVED = 1
_MOST_MODELS = 4


Said: TypeAlias = "tuple[float | None, str, int, str, str, str, tuple[int, ...]]"
_NOTHING_SAID: Said = (None, "collecting", 0, "", "", "", ())


@dataclass(slots=True)
class Window:
    """What is kept of a window.

    Attributes:
        start: event time, ms, included.
        version: newest broker timestamp of its documents, ms.
        late: documents that came after the window had been closed.
        new_tokens: words that this source had never used before; a word is new in the one window
            that held its first use, in order of arrival.
        growth: words and distinct words, copies left out, at its last three emissions while open.
        score: highest drift score so far.
        due: number of documents at which the window is emitted next.
        sent: number of documents at the last emission.
        reading: the detector's state after the last document.
        verdict: what the monitors said when the window closed: expected distinct words, state,
            scores and threshold.
    """

    start: int
    version: int = -(2**63)
    documents: int = 0
    late: int = 0
    new_tokens: int = 0
    growth: list[list[int]] = field(default_factory=list)
    score: float | None = None
    due: int = 1
    sent: int = 0
    closed: bool = False
    reading: Said = _NOTHING_SAID
    verdict: tuple[float | None, str, dict[str, float], float | None] = (None, "open", {}, None)
    tally: Tally = field(default_factory=Tally)
    terms: HashSet = field(default_factory=lambda: HashSet(np.empty(0, np.uint64)))
    ids: IdSet = field(default_factory=IdSet)
    sketches: dict[Model, Sums] = field(default_factory=dict)
    topics: TopicTally = field(default_factory=TopicTally)

    def add(self, facts: Part, codes: npt.NDArray[np.uint8], readings: Sequence[Reading]) -> None:
        """Add documents up; they were counted before, and their words are counted apart."""
        self.tally.add(facts, codes)
        self.version = max(self.version, int(facts.times[:, _RECEIVED].max()))
        last = None
        for reading in readings:
            if reading is not last and reading.score is not None:
                self.score = reading.score if self.score is None else max(self.score, reading.score)
            last = reading
        self.reading = readings[-1][1:]

    def sketch(self, model: Model, rows: npt.NDArray[np.float32]) -> None:
        """Count embeddings of a model; of more models than ``_MOST_MODELS`` none."""
        sums = self.sketches.get(model)
        if sums is None:
            if len(self.sketches) >= _MOST_MODELS:
                return
            sums = self.sketches[model] = Sums.empty(model)
        sums.add(rows)

    def emitted(self) -> None:
        """Note an emission: the next is due at four times the documents (twice the late ones)."""
        if self.documents == self.due and not self.closed:
            self.growth = [*self.growth, [self.tally.original("tokens"), len(self.terms)]][-3:]
        self.sent = self.documents
        self.due = self.documents + max(1, self.late if self.closed else 3 * self.documents)

    def sample(self) -> bytes:
        """Return the smallest 32-bit hashes of the words; see ``window_stats.avsc``."""
        return (smallest(self.terms, SAMPLE) >> np.uint64(32)).astype("<u4").tobytes()

    def stats(self, source: str, window_ms: int) -> WindowStats:
        """Return the record; deviations are those of the window as a whole population."""
        tally, count = self.tally, self.documents
        tokens, squares = tally.total("tokens"), tally.total("tokens_squared")
        confidence = tally.total("confidence") / FIXED_CONFIDENCE / count
        square = tally.total("confidence_squared") / FIXED_CONFIDENCE / count
        threshold, state, reference_documents, model, reference_id, reason, quiet = self.reading
        expected, monitor_state, scores, monitor_threshold = self.verdict
        lengths, confidences, lateness = (_keyed(sketch) for sketch in tally.sketches)
        return WindowStats(
            source=source,
            window_start=self.start,
            window_seconds=window_ms // 1000,
            version=self._record_version(),
            documents=count,
            late_documents=self.late,
            tokens=tokens,
            unique_tokens=len(self.terms),
            new_tokens=self.new_tokens,
            word_pieces=tally.total("word_pieces"),
            unknown_tokens=tally.total("unknown_tokens"),
            characters=tally.total("characters"),
            tokens_mean=tokens / count,
            tokens_deviation=sqrt(max(0, count * squares - tokens * tokens)) / count,
            confidence_mean=confidence,
            labels=dict(tally.labels),
            drift_score=self.score,
            drift_threshold=threshold,
            drift_state=state,
            reference_documents=reference_documents,
            embedding_model=model,
            reference_id=reference_id,
            reference_reason=reason,
            copies=tally.copies,
            near_copies=tally.near_copies,
            without_title=tally.total("without_title"),
            without_language=tally.total("without_language"),
            without_words=tally.total("without_words"),
            languages=dict(tally.languages),
            language_word_pieces=dict(tally.pieces),
            language_characters=dict(tally.characters),
            confidence_deviation=sqrt(max(0.0, square - confidence**2)),
            lateness_mean=tally.total("lateness") / count / 1000,
            length_sketch=lengths,
            confidence_sketch=confidences,
            lateness_sketch=lateness,
            token_sample=self.sample(),
            expected_unique_tokens=expected,
            monitor_state=monitor_state,
            monitor_scores=dict(scores),
            monitor_threshold=monitor_threshold,
            embedding_sketches=tuple(sums.record() for sums in self.sketches.values()),
            quiet_counts=quiet,
            topics=self.topics.records(),
        )

    def _record_version(self) -> int:
        """Order the emissions of this window: each one that counts more comes after the others.

        A document from a partition that lags leaves the newest timestamp as it is; and a worker
        that stood still may write an early emission after a later one.
        """
        return (self.version << _COUNT_BITS) | min(self.documents, (1 << _COUNT_BITS) - 1)

    def parts(self) -> dict[str, Callable[[], bytes]]:
        """Return the state by name; a name tells the content."""
        named: dict[str, Callable[[], bytes]] = {
            f"sums/{self.documents}.{self.sent}.{self.closed:d}": self._encode_sums
        }
        for kind, hashes in (("terms", self.terms), ("ids", self.ids.frozen)):
            for name, run in hashes.named_runs().items():
                named[f"{kind}/{name}"] = partial(pack, {}, {"hashes": run})
        for number, sums in enumerate(self.sketches.values()):
            named[f"sketch/{number}/{sums.documents}"] = sums.encode
        return named

    @classmethod
    def decode(cls, parts: Mapping[str, bytes]) -> Window:
        """Return the window that ``parts`` wrote."""
        (sums,) = under("sums/", parts).values()
        meta, arrays = unpack(sums)
        tally = Tally.decode(meta.pop("tally"), arrays)
        *said, quiet = meta["reading"]
        meta["reading"], meta["verdict"] = (*said, tuple(quiet)), tuple(meta["verdict"])
        topics = TopicTally.of(meta.pop("topics", ()))  # absent before there were topics
        window = cls(**meta, tally=tally, topics=topics)
        window.terms = HashSet(arrays["terms"].copy(), decode_runs(under("terms/", parts)))
        frozen = HashSet(np.empty(0, np.uint64), decode_runs(under("ids/", parts)))
        window.ids = IdSet(arrays["ids"].copy(), frozen)
        sketches = under("sketch/", parts)
        for name in sorted(sketches, key=lambda name: int(name.split("/")[0])):
            restored = Sums.decode(sketches[name])
            window.sketches[restored.model] = restored
        return window

    def _encode_sums(self) -> bytes:
        names = (each.name for each in fields(self))
        sums: dict[str, Any] = {n: getattr(self, n) for n in names if n not in _NOT_SUMS}
        sums["tally"], arrays = self.tally.head()
        sums["topics"] = self.topics.plain()
        own = {"terms": self.terms.recent, "ids": self.ids.recent_array()}
        return pack(sums, {**arrays, **own}, squeezed=True)


def _keyed(sketch: Mapping[int, int]) -> dict[str, int]:
    return {str(bucket): sketch[bucket] for bucket in sorted(sketch)}


def decode_runs(parts: Mapping[str, bytes]) -> list[Hashes]:
    """Return the runs of a hash set in order of insertion."""
    names = sorted(parts, key=lambda name: int(name.split("-")[0]))
    return [unpack(parts[name])[1]["hashes"] for name in names]
