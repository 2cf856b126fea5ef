"""The job that every contender does, around a model that costs nothing.

A document is decoded, checked, its words are counted, a constant inference result with a
384-dimensional embedding is put beside it, and the enriched record is encoded. It is Tidemark's
own code in all of them, so that what differs is what carries it: this module imports nothing but
the pure stages and the codec.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from schemas.codec import codec_for
from streams.ports import Inference, ModelCard, RawMessage, Text
from streams.stages.enrich import Batch, Entry, enriched_record
from streams.stages.ingest import Ingest
from streams.stages.tokens import count_terms

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from schemas.messages import Origin

DIMENSIONS = 384
COMMIT_S = 1.0
"""Seconds between two commits, the same for all contenders."""

MAX_MESSAGE_BYTES = 8 << 20
LINGER_MS = 5
CARD = ModelCard("no-op", "0" * 12, "no-op", "cpu", "int8", DIMENSIONS)
_VECTORS = 64  # different ones, so that statistics over them are no degenerate case


@dataclass(frozen=True)
class Place:
    """Where a contender works, as its command line says."""

    bootstrap: str
    source: str
    target: str
    group: str

    @classmethod
    def from_arguments(cls) -> Place:
        return cls(*sys.argv[1:5])


class NoopEnricher:
    """A model that answers at once; the answers are the same for texts of the same length."""

    card = CARD

    def __init__(self) -> None:
        vectors = np.random.default_rng(7).standard_normal((_VECTORS, DIMENSIONS)).astype("<f4")
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        self._answers = [_answer(vector) for vector in vectors]

    def pre(self, texts: Sequence[Text]) -> object:
        started()
        return texts

    def core(self, prepared: object) -> object:
        return prepared

    def post(self, encoded: object) -> list[Inference]:
        assert isinstance(encoded, list)
        return [self.answer(text.text) for text in encoded]

    def answer(self, text: str) -> Inference:
        return self._answers[len(text) % _VECTORS]


class Job:
    """One message in, key and value of the enriched message out."""

    def __init__(self) -> None:
        self._codec = codec_for()
        self._ingest = Ingest(self._codec.decode, 4 << 20, 86_400_000)
        self._model = NoopEnricher()

    def __call__(self, value: bytes, origin: Origin) -> tuple[bytes, bytes]:
        started()
        now = time.time_ns() // 1_000_000
        message = RawMessage(origin, None, value)
        document = self._ingest(message)
        entry = Entry(message, document, count_terms(document.title, document.text))
        answer = self._model.answer(document.text)
        record = enriched_record(entry, answer, CARD, Batch((), (), now, None), now)
        return record.source.encode(), self._codec.encode("", record)


def _answer(vector: npt.NDArray[np.float32]) -> Inference:
    return Inference(
        embedding=vector,
        label="none",
        confidence=1.0,
        scores={"none": 1.0},
        summary="",
        summary_method="no-op",
        sentences=1,
        word_pieces=1,
        unknown_tokens=0,
        cut_off=False,
        tokens_in=1,
        tokens_out=0,
        tokenize_ms=0.0,
        inference_ms=0.0,
    )


_said: list[bool] = []


def started() -> None:
    """Tell the stop-watch, once, that the first message has come."""
    if not _said:
        _said.append(True)
        tell("started")


def tell(event: str) -> None:
    """Tell the driver an event with the time and the processor seconds used so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    line = {"event": event, "at": time.time(), "cpu": used.ru_utime + used.ru_stime}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
