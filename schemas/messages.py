"""The records that pass between stages, one frozen type per Avro schema.

Timestamps are integers: milliseconds since 1970-01-01T00:00:00Z (negative before). Field order and
names equal those of the ``.avsc`` files beside this module; a test holds them together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

_OFFSET_BITS = 20


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a message came from: topic, partition, offset and the broker's timestamp."""

    topic: str
    partition: int
    offset: int
    received_at: int

    @property
    def version(self) -> int:
        """Order of updates of one document, the same at every redelivery of the same message."""
        return (self.received_at << _OFFSET_BITS) | (self.offset & ((1 << _OFFSET_BITS) - 1))


@dataclass(frozen=True, slots=True)
class Document:
    """A document as a producer publishes it; ``None`` where the producer left the choice to us."""

    text: str
    doc_id: str | None = None
    source: str = "default"
    published_at: int | None = None
    title: str | None = None
    language: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Enriched:
    """A document with everything that the enrich role found out about it."""

    doc_id: str
    source: str
    published_at: int
    title: str | None
    text: str
    language: str | None
    metadata: Mapping[str, str]
    topic: str
    partition: int
    offset: int
    received_at: int
    version: int
    summary: str
    summary_method: str
    label: str
    confidence: float
    scores: Mapping[str, float]
    characters: int
    sentences: int
    tokens: int
    unique_tokens: int
    word_pieces: int
    unknown_tokens: int
    word_pieces_per_character: float
    cut_off: bool
    terms: tuple[str, ...]
    term_counts: tuple[int, ...]
    embedding: bytes
    embedding_model: str
    embedding_revision: str
    classifier: str
    device: str
    compute_type: str
    tokens_in: int
    tokens_out: int
    queue_ms: float
    tokenize_ms: float
    inference_ms: float
    enriched_at: int
    summary_flags: tuple[str, ...] = ()
    summary_rejected: str = ""
    redactions: Mapping[str, int] = field(default_factory=dict)
    summarizer: str = ""
    prompt: str = ""
    price_per_hour: float = 0.0
    currency: str = ""


@dataclass(frozen=True, slots=True)
class EmbeddingSketch:
    """Sums over the embeddings of one model in a window; ``streams.drift.sketches`` reads them."""

    embedding_model: str
    embedding_revision: str
    compute_type: str
    kernel: str
    documents: int
    embedding_sums: bytes
    feature_sums: bytes
    square_sums: bytes
    product_sums: bytes


@dataclass(frozen=True, slots=True)
class WindowTopic:
    """A topic in a window; ``streams.trends`` finds them."""

    topic_id: str
    name: str
    documents: int
    similarity: float
    central_doc_id: str
    central_summary: str
    central_similarity: float
    first_seen: int
    parent: str
    ended: str
    merged_into: str
    embedding_model: str


@dataclass(frozen=True, slots=True)
class WindowStats:
    """What one source said in one window of event time; the highest version counts."""

    source: str
    window_start: int
    window_seconds: int
    version: int
    documents: int
    late_documents: int
    tokens: int
    unique_tokens: int
    new_tokens: int
    word_pieces: int
    unknown_tokens: int
    characters: int
    tokens_mean: float
    tokens_deviation: float
    confidence_mean: float
    labels: Mapping[str, int]
    drift_score: float | None
    drift_threshold: float | None
    drift_state: str
    reference_documents: int
    embedding_model: str
    copies: int = 0
    near_copies: int = 0
    without_title: int = 0
    without_language: int = 0
    without_words: int = 0
    languages: Mapping[str, int] = field(default_factory=dict)
    language_word_pieces: Mapping[str, int] = field(default_factory=dict)
    language_characters: Mapping[str, int] = field(default_factory=dict)
    confidence_deviation: float = 0.0
    lateness_mean: float = 0.0
    length_sketch: Mapping[str, int] = field(default_factory=dict)
    confidence_sketch: Mapping[str, int] = field(default_factory=dict)
    lateness_sketch: Mapping[str, int] = field(default_factory=dict)
    token_sample: bytes = b""
    expected_unique_tokens: float | None = None
    monitor_state: str = "collecting"
    monitor_scores: Mapping[str, float] = field(default_factory=dict)
    monitor_threshold: float | None = None
    reference_id: str = ""
    reference_reason: str = ""
    embedding_sketches: tuple[EmbeddingSketch, ...] = ()
    quiet_counts: tuple[int, ...] = ()
    topics: tuple[WindowTopic, ...] = ()
    label_states: Mapping[str, str] = field(default_factory=dict)
    label_references: Mapping[str, int] = field(default_factory=dict)
    label_scores: Mapping[str, float] = field(default_factory=dict)
    label_thresholds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TermChange:
    """A word whose share of documents changed, with a signed z-score."""

    term: str
    z: float
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class ShareChange:
    """A label's share before and after, with the 95 % interval of the change."""

    label: str
    before: float
    after: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ChannelScore:
    """What one channel says, as the log of the documents between its false alarms."""

    channel: str
    score: float


@dataclass(frozen=True, slots=True)
class AlsoMoved:
    """What another statistic saw of the same event."""

    kind: str
    score: float
    threshold: float
    message: str
    sql: str


@dataclass(frozen=True, slots=True)
class ShareInterval:
    """The 95 % intervals of a label's share before and after."""

    label: str
    before_low: float
    before_high: float
    after_low: float
    after_high: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """A document that speaks for one side of a change."""

    doc_id: str
    published_at: int
    summary: str
    weight: float


@dataclass(frozen=True, slots=True)
class DriftAlert:
    """The stream of one source no longer looks like its reference; explained."""

    alert_id: str
    version: int
    source: str
    kind: str
    severity: str
    state: str
    window_start: int
    window_end: int
    window_documents: int
    detected_at: int
    changed_at: int | None
    score: float
    threshold: float
    message: str
    terms_up: tuple[TermChange, ...]
    terms_down: tuple[TermChange, ...]
    labels: tuple[ShareChange, ...]
    new_documents: tuple[Evidence, ...]
    old_documents: tuple[Evidence, ...]
    reference_documents: int
    embedding_model: str
    sql: str
    reason: str = ""
    as_of: int | None = None
    changed_from: int | None = None
    changed_to: int | None = None
    expected_false_alarms: float | None = None
    channels: tuple[ChannelScore, ...] = ()
    effect: float | None = None
    effect_by_mix: float | None = None
    effect_within_labels: float | None = None
    label_intervals: tuple[ShareInterval, ...] = ()
    reference_id: str = ""
    acknowledged_at: int | None = None
    acknowledged_by: str = ""
    note: str = ""
    also: tuple[AlsoMoved, ...] = ()
    label: str = ""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not be processed, as it arrived, with the reason."""

    topic: str
    partition: int
    offset: int
    received_at: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]
    code: str
    reason: str
    role: str
    doc_id: str | None
    source: str | None
    failed_at: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one message, for the producer that asked; ``elapsed_ms`` in milliseconds."""

    status: str
    correlation_id: str | None
    doc_id: str | None
    source: str | None
    topic: str
    partition: int
    offset: int
    received_at: int
    code: str | None
    reason: str | None
    elapsed_ms: int


@dataclass(frozen=True, slots=True)
class HumanLabel:
    """What a person says that a document is about; no labels take back what they said before."""

    doc_id: str
    source: str
    labels: tuple[str, ...]
    labelled_by: str
    labelled_at: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class ShadowResult:
    """What a challenger answered to a document, beside the champion whose results are used."""

    doc_id: str
    source: str
    published_at: int
    topic: str
    partition: int
    offset: int
    received_at: int
    version: int
    shadow: str
    task: str
    summary: str
    summary_method: str
    label: str
    confidence: float
    scores: Mapping[str, float]
    embedding_model: str
    embedding_revision: str
    classifier: str
    device: str
    compute_type: str
    tokens_in: int
    tokens_out: int
    queue_ms: float
    tokenize_ms: float
    inference_ms: float
    enriched_at: int
    summary_flags: tuple[str, ...] = ()
    summarizer: str = ""
    prompt: str = ""
    price_per_hour: float = 0.0
    currency: str = ""


Message: TypeAlias = (
    Document
    | Enriched
    | WindowStats
    | DriftAlert
    | DeadLetter
    | Receipt
    | HumanLabel
    | ShadowResult
)
