"""What the pure stages and the roles ask of the outside world, as small protocols.

The composition root (``runtime/wiring.py``) hands in the real backends; tests hand in the
in-memory ones. Nothing here imports Kafka, ClickHouse or Faust.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from schemas.messages import (
        DeadLetter,
        DriftAlert,
        Enriched,
        HumanLabel,
        Origin,
        ShadowResult,
        WindowStats,
    )
    from streams.errors import InvalidDocument
    from streams.stages.replays import Replayed


Landable: TypeAlias = "Enriched | WindowStats | DriftAlert | DeadLetter | HumanLabel | ShadowResult"
"""A record that a table holds."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RawMessage:
    """A Kafka message as it arrived."""

    origin: Origin
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A Kafka message to be produced; without a partition, the key decides."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes] = field(default_factory=dict)
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """What the model is given of a document; ``title`` may be empty."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Inference:
    """What one pass over one document found out.

    Attributes:
        embedding: unit vector of shape ``(dimensions,)``, float32.
        scores: probability of each label, adding up to 1.
        label: best label, or ``unsure`` below the configured confidence.
        confidence: probability of the best label.
        tokenize_ms: this document's share of the batch's tokenizing time.
        inference_ms: this document's share of the batch's inference time.
        summary_flags: guardrails that a generated summary broke; ``summary`` is then another.
        summary_rejected: that generated summary.
    """

    embedding: npt.NDArray[np.float32]
    label: str
    confidence: float
    scores: Mapping[str, float]
    summary: str
    summary_method: str
    sentences: int
    word_pieces: int
    unknown_tokens: int
    cut_off: bool
    tokens_in: int
    tokens_out: int
    tokenize_ms: float
    inference_ms: float
    summary_flags: tuple[str, ...] = ()
    summary_rejected: str = ""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Which model wrote a result, so that every row can say so.

    Attributes:
        summarizer: what was to write the summary; ``prompt`` with which words, and their version.
    """

    embedding_model: str
    embedding_revision: str
    classifier: str
    device: str
    compute_type: str
    dimensions: int
    summarizer: str = "extractive"
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class Price:
    """What an hour of the machine costs; ``per_hour`` is 0 where nobody said."""

    per_hour: float = 0.0
    currency: str = ""

    def of(self, milliseconds: float) -> float:
        """Return what so much of its time costs."""
        return milliseconds / 3_600_000 * self.per_hour


class Enricher(Protocol):
    """One-pass inference in three steps, each called from a thread of its own.

    The steps are apart so that tokenizing batch ``n + 1`` hides behind inference on batch ``n``.
    No step may depend on which documents share a batch. Steps raise no ``InvalidDocument``:
    everything that is a text has a result. Any other exception is the model's and may be retried.
    """

    @property
    def card(self) -> ModelCard:
        """Identity of the model, its device and compute type."""
        ...

    def pre(self, texts: Sequence[Text]) -> object:
        """Cut into sentences and tokenize; returns what ``core`` takes."""
        ...

    def core(self, prepared: object) -> object:
        """Run the model; returns what ``post`` takes."""
        ...

    def post(self, encoded: object) -> list[Inference]:
        """Pool, label and summarize; one result per text, in order."""
        ...


class Producer(Protocol):
    """Sends messages; nothing is durable before ``flush`` returns."""

    def refusal(self, message: Outgoing) -> InvalidDocument | None:
        """Return why a message can never be sent (it is too large), or None where it can."""
        ...

    def send(self, messages: Sequence[Outgoing]) -> None:
        """Hand over messages; may block while the broker or flow control holds back.

        Raises:
            Unavailable: the broker refused a message or did not answer in time.
        """
        ...

    def flush(self, timeout: float) -> None:
        """Wait until every message handed over is acknowledged by all in-sync replicas.

        Raises:
            Unavailable: at least one message was not acknowledged within ``timeout`` seconds.
        """
        ...

    def close(self) -> None:
        """Flush and release the connection."""
        ...


class StateStore(Protocol):
    """Keyed state of partitions, each of which has one owner at a time."""

    def claim(self, partition: int) -> Sequence[RawMessage]:
        """Become the owner; returns the newest value of each key, in the order of writing.

        Raises:
            Unavailable: the store does not answer.
        """
        ...

    def save(self, messages: Sequence[Outgoing]) -> None:
        """Write values of owned partitions; returns when they are durable.

        Raises:
            Superseded: another worker owns one of the partitions by now.
            Unavailable: the store does not answer; call again with the same messages.
        """
        ...

    def release(self, partitions: Collection[int]) -> None:
        """Own partitions no more."""
        ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """The fate of one message of the documents topic, for the ledger.

    ``outcome`` is ``landed`` or ``dead-lettered``.
    """

    topic: str
    partition: int
    offset: int
    received_at: int
    outcome: str
    source: str
    doc_id: str


@dataclass(frozen=True, slots=True)
class Labelled:
    """What a person said, and the place of the message in which they did: the last one counts."""

    origin: Origin
    label: HumanLabel


class Attempt(Protocol):
    """Calls a step of a longer work, and calls it again where that can help."""

    def __call__(self, step: Callable[[], T], /) -> T:
        """Return what the step returns."""
        ...


def once(step: Callable[[], T], /) -> T:
    """Call a step once: the ``Attempt`` of those who try again as a whole, or not at all."""
    return step()


class Warehouse(Protocol):
    """Durable, idempotent landing: writing the same records again changes no query's answer.

    Each call returns only when its rows are durable. A write may take several inserts, of which
    any may fail: ``attempt`` is given each of them, so that a database that fails every second one
    is got past.

    Raises:
        Unavailable: the database does not answer; try again later.
        Overloaded: it asks to slow down.
    """

    def refusal(self, record: Landable) -> InvalidDocument | None:
        """Return why a record can never be stored, or None where it can; asks nobody."""
        ...

    def write_documents(self, documents: Sequence[Enriched], attempt: Attempt = once) -> None:
        """Land enriched documents, then their deliveries."""
        ...

    def write_stats(self, stats: Sequence[WindowStats], attempt: Attempt = once) -> None:
        """Land window statistics."""
        ...

    def write_alerts(self, alerts: Sequence[DriftAlert], attempt: Attempt = once) -> None:
        """Land drift alerts."""
        ...

    def write_dead_letters(self, letters: Sequence[DeadLetter], attempt: Attempt = once) -> None:
        """Land dead letters, then their deliveries where they come from the documents topic."""
        ...

    def write_replays(self, replays: Sequence[Replayed], attempt: Attempt = once) -> None:
        """Land what became of dead letters that were put back."""
        ...

    def write_canaries(self, answers: Sequence[Enriched], attempt: Attempt = once) -> None:
        """Land what a worker answered to canary documents."""
        ...

    def write_labels(self, labels: Sequence[Labelled], attempt: Attempt = once) -> None:
        """Land what people say that documents are about."""
        ...

    def write_shadows(self, results: Sequence[ShadowResult], attempt: Attempt = once) -> None:
        """Land what challengers answered."""
        ...
