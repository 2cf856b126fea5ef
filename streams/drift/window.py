"""One window of one source: its sums, its distinct words and its documents."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import partial
from math import isfinite, sqrt
from typing import TYPE_CHECKING

import numpy as np

from schemas.messages import WindowStats
from streams.drift.codec import pack, under, unpack
from streams.drift.hashset import HashSet, IdSet
from streams.drift.sketches.sums import Sums

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from schemas.messages import Enriched
    from streams.drift.detector import Reading
    from streams.drift.hashset import Hashes
    from streams.drift.sketches.sums import Model

_NOT_SUMS = {"terms", "ids", "sketches"}
_COUNT_BITS = 20
_MOST_MODELS = 4


@dataclass(slots=True)
class Window:
    """Sums over the documents of a window; whole numbers, so that windows merge exactly.

    Attributes:
        start: event time, ms, included.
        version: newest broker timestamp of its documents, ms.
        late: documents that came after the window had been closed.
        new_tokens: words that this source had never used before; a word is new in the one window
            that held its first use, in order of arrival.
        confidence: sum of the labels' confidences.
        score: highest drift score so far.
        due: number of documents at which the window is emitted next.
        sent: number of documents at the last emission.
        reading: the detector's state after the last document.
    """

    start: int
    version: int = -(2**63)
    documents: int = 0
    late: int = 0
    tokens: int = 0
    tokens_squared: int = 0
    new_tokens: int = 0
    word_pieces: int = 0
    unknown_tokens: int = 0
    characters: int = 0
    confidence: float = 0.0
    labels: dict[str, int] = field(default_factory=dict)
    score: float | None = None
    due: int = 1
    sent: int = 0
    closed: bool = False
    reading: tuple[float | None, str, int, str] = (None, "collecting", 0, "")
    terms: HashSet = field(default_factory=lambda: HashSet(np.empty(0, np.uint64)))
    ids: IdSet = field(default_factory=IdSet)
    sketches: dict[Model, Sums] = field(default_factory=dict)

    def add(self, document: Enriched, reading: Reading) -> None:
        """Count a document; its words are counted apart."""
        tokens = document.tokens
        self.documents += 1
        self.late += self.closed
        self.tokens += tokens
        self.tokens_squared += tokens * tokens
        self.word_pieces += document.word_pieces
        self.unknown_tokens += document.unknown_tokens
        self.characters += document.characters
        self.confidence += document.confidence if isfinite(document.confidence) else 0.0
        self.labels[document.label] = self.labels.get(document.label, 0) + 1
        self.version = max(self.version, document.received_at)
        score, threshold, state, reference_documents, model = reading
        if score is not None and (self.score is None or score > self.score):
            self.score = score
        self.reading = (threshold, state, reference_documents, model)

    def sketch(self, model: Model, rows: npt.NDArray[np.float32]) -> None:
        """Count embeddings of a model; of more models than ``_MOST_MODELS`` none."""
        sums = self.sketches.get(model)
        if sums is None:
            if len(self.sketches) >= _MOST_MODELS:
                return
            sums = self.sketches[model] = Sums.empty(model)
        sums.add(rows)

    def emitted(self) -> None:
        """Note an emission: the next is due when the documents (the late ones) have doubled."""
        self.sent = self.documents
        self.due = self.documents + max(1, self.late if self.closed else self.documents)

    def stats(self, source: str, window_ms: int) -> WindowStats:
        """Return the record; deviations are those of the window as a whole population."""
        count = self.documents
        mean = self.tokens / count
        variance = (count * self.tokens_squared - self.tokens * self.tokens) / (count * count)
        threshold, state, reference_documents, model = self.reading
        return WindowStats(
            source=source,
            window_start=self.start,
            window_seconds=window_ms // 1000,
            version=self._record_version(),
            documents=count,
            late_documents=self.late,
            tokens=self.tokens,
            unique_tokens=len(self.terms),
            new_tokens=self.new_tokens,
            word_pieces=self.word_pieces,
            unknown_tokens=self.unknown_tokens,
            characters=self.characters,
            tokens_mean=mean,
            tokens_deviation=sqrt(variance),
            confidence_mean=self.confidence / count,
            labels=dict(self.labels),
            drift_score=self.score,
            drift_threshold=threshold,
            drift_state=state,
            reference_documents=reference_documents,
            embedding_model=model,
            embedding_sketches=tuple(sums.record() for sums in self.sketches.values()),
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
        meta["reading"] = tuple(meta["reading"])
        window = cls(**meta)
        window.terms = HashSet(arrays["terms"], decode_runs(under("terms/", parts)))
        frozen = HashSet(np.empty(0, np.uint64), decode_runs(under("ids/", parts)))
        window.ids = IdSet(set(arrays["ids"].tolist()), frozen)
        sketches = under("sketch/", parts)
        for name in sorted(sketches, key=lambda name: int(name.split("/")[0])):
            restored = Sums.decode(sketches[name])
            window.sketches[restored.model] = restored
        return window

    def _encode_sums(self) -> bytes:
        names = (each.name for each in fields(self))
        sums = {name: getattr(self, name) for name in names if name not in _NOT_SUMS}
        return pack(sums, {"terms": self.terms.recent, "ids": self.ids.recent_array()})


def decode_runs(parts: Mapping[str, bytes]) -> list[Hashes]:
    """Return the runs of a hash set in order of insertion."""
    names = sorted(parts, key=lambda name: int(name.split("-")[0]))
    return [unpack(parts[name])[1]["hashes"] for name in names]
