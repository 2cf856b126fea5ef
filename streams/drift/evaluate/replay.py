"""Streams of a pool's documents through the production detector.

The stage of the drift role sees what it would see in production: documents of one source that
arrive one after the other. A reference is collected and fitted once, and its snapshot restored for
each stream that starts from it.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from schemas.messages import Origin
from streams.drift.detector import Detector
from streams.drift.lifecycle import Lifecycle
from streams.drift.words import Words
from streams.stages.drift import DriftStage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from schemas.messages import DriftAlert, Enriched
    from streams.drift.evaluate.planting import Rows
    from streams.stages.drift import DriftOptions, StatePart

    Item = tuple[Origin, Enriched]

_TOPIC = "evaluation"
_BATCH = 128
EPOCH_MS = 1_600_000_000_000


class Replay:
    """Replays rows of a pool of documents, one document each ``step_ms`` of event time.

    Args:
        documents: the pool.
        options: of the detector; its budget counts in milliseconds of event time.
        step_ms: between two documents.
    """

    def __init__(
        self, documents: Sequence[Enriched], options: DriftOptions, step_ms: int = 1000
    ) -> None:
        self._documents = documents
        self._options = options
        self._step_ms = step_ms

    @property
    def documents(self) -> int:
        """Return the size of the pool."""
        return len(self._documents)

    def learn(self, source: str, reference: Rows) -> tuple[StatePart, ...]:
        """Return the state after the reference of a source; its name seeds the calibration."""
        stage = DriftStage(self._options)
        for batch in self.batches(source, reference, 0):
            stage.process(batch)
        return stage.snapshot()

    def first_alert(
        self, source: str, learned: Sequence[StatePart], reference: int, stream: Rows
    ) -> tuple[float, DriftAlert | None]:
        """Return how many documents of the stream came up to its first alert; inf without one.

        Args:
            source: its name.
            learned: what ``learn`` returned for it.
            reference: documents that were learned from.
            stream: rows of the documents to watch.
        """
        stage = DriftStage(self._options)
        stage.restore(learned)
        for batch in self.batches(source, stream, reference):
            alerts = stage.process(batch).alerts
            if alerts:
                return self._position(alerts[0]) - reference, alerts[0]
        return inf, None

    def batches(self, source: str, rows: Rows, first: int) -> Iterator[list[Item]]:
        """Yield the messages of these rows; ``first`` is the number of the first of them."""
        for start in range(0, len(rows), _BATCH):
            part = rows[start : start + _BATCH].tolist()
            yield [self._item(source, first + start + k, row) for k, row in enumerate(part)]

    def _position(self, alert: DriftAlert) -> int:
        return (alert.detected_at - EPOCH_MS) // self._step_ms + 1

    def _item(self, source: str, number: int, row: int) -> Item:
        moment = EPOCH_MS + number * self._step_ms
        document = replace(
            self._documents[row],
            doc_id=f"{source}-{number}",
            source=source,
            published_at=moment,
            topic=_TOPIC,
            partition=0,
            offset=number,
            received_at=moment,
        )
        return Origin(_TOPIC, 0, number, moment), document


class Scores:
    """The detector's score after every document of a stream, whatever the threshold.

    Args:
        documents: the pool.
        options: of the detector; its thresholds do not count here.
    """

    def __init__(self, documents: Sequence[Enriched], options: DriftOptions) -> None:
        self._documents = documents
        self._words = Words.of(documents)
        self._options = replace(options, least_run_length=inf, largest_run_length=inf)

    def learn(self, source: str, reference: Rows) -> Detector:
        """Return a detector that has learned from these documents."""
        detector = self._detector(source)
        self._feed(detector, reference)
        return detector

    def copy(self, source: str, learned: Detector) -> Detector:
        """Return a detector in the same state."""
        detector = self._detector(source)
        detector.restore(
            learned.head(), {name: encode() for name, encode in learned.parts().items()}
        )
        return detector

    def of(self, detector: Detector, stream: Rows) -> npt.NDArray[np.float32]:
        """Return the score after each document, shape ``(n,)``: the log of a run length."""
        return np.array(self._feed(detector, stream), np.float32)

    def _detector(self, source: str) -> Detector:
        return Detector(source, self._options, Lifecycle(self._options.cooldown_documents))

    def _feed(self, detector: Detector, rows: Rows) -> list[float]:
        scores: list[float] = []
        for start in range(0, len(rows), _BATCH):
            part = rows[start : start + _BATCH].tolist()
            readings, _ = detector.advance(
                [self._documents[row] for row in part],
                Words.joined([self._words.hashes(row, row + 1) for row in part]),
                [1] * len(part),
            )
            scores += [0.0 if each.score is None else each.score for each in readings]
        return scores
