"""The enrich stage: raw messages in, enriched documents and dead letters out; pure.

Its three steps mirror the model's ``pre``, ``core`` and ``post`` and are called from three
threads; everything that belongs to one batch travels with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from schemas.messages import DeadLetter, Enriched
from streams.errors import InvalidDocument
from streams.ports import Price, Text
from streams.stages.isolate import Failed, Isolator
from streams.stages.tokens import count_terms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from streams.clock import Clock
    from streams.ports import Enricher, Inference, ModelCard, RawMessage
    from streams.stages.ingest import Accepted
    from streams.stages.redact import Redactor
    from streams.stages.tokens import TermCounts

Step: TypeAlias = "object | Failed"
_FREE = Price()


@dataclass(frozen=True, slots=True)
class Entry:
    """A message that was accepted, with its words counted and its personal data taken out."""

    message: RawMessage
    document: Accepted
    terms: TermCounts
    redactions: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch on its way: what was accepted, what was refused, and the model with its state."""

    entries: tuple[Entry, ...]
    refused: tuple[DeadLetter, ...]
    started_at: int
    model: Step
    enricher: Enricher | None = None


@dataclass(frozen=True, slots=True)
class Enrichment:
    """What one batch gives: results in the order of their messages, and dead letters."""

    enriched: tuple[Enriched, ...]
    dead_letters: tuple[DeadLetter, ...]


class EnrichStage:
    """Decodes, validates, counts and infers.

    Args:
        ingest: turns a raw message into an accepted document or raises ``InvalidDocument``.
        enricher: the model.
        clock: wall-clock time for queueing and finishing times.
        pause: waits between two tries of a failing batch (seconds).
        redactor: takes personal data out before anything is counted or inferred; None for nothing.
        price: of this machine.
    """

    def __init__(
        self,
        ingest: Callable[[RawMessage], Accepted],
        enricher: Enricher,
        clock: Clock,
        pause: Callable[[float], None],
        redactor: Redactor | None = None,
        *,
        price: Price = _FREE,
    ) -> None:
        self._ingest = ingest
        self._enricher = enricher
        self._clock = clock
        self._redactor = redactor
        self._price = price
        self._pause = pause

    @property
    def card(self) -> ModelCard:
        """Identity of the model that the next batch is given to."""
        return self._enricher.card

    def change(self, enricher: Enricher) -> None:
        """Give the batches that begin from now on to another model, from any thread.

        Those on their way end with the one they began with.
        """
        self._enricher = enricher

    def pre(self, messages: Sequence[RawMessage]) -> Batch:
        """Decode and validate every message, count words, cut and tokenize."""
        started_at = self._clock.now_ms()
        entries: list[Entry] = []
        refused: list[DeadLetter] = []
        for message in messages:
            try:
                document = self._ingest(message)
            except InvalidDocument as error:
                refused.append(dead_letter(message, error, "enrich", self._clock.now_ms()))
            else:
                entries.append(self._entry(message, document))
        enricher = self._enricher  # read once: it may change at any moment
        model = _guarded(enricher.pre, _texts(entries)) if entries else []
        return Batch(tuple(entries), tuple(refused), started_at, model, enricher)

    def _entry(self, message: RawMessage, document: Accepted) -> Entry:
        redactions: Mapping[str, int] = {}
        if self._redactor is not None:
            document, redactions = self._redactor.document(document)
        return Entry(message, document, count_terms(document.title, document.text), redactions)

    def core(self, batch: Batch) -> Batch:
        """Run the model on a prepared batch."""
        if not batch.entries or isinstance(batch.model, Failed):
            return batch
        return replace(batch, model=_guarded(self._of(batch).core, batch.model))

    def post(self, batch: Batch) -> Enrichment:
        """Turn the model's output into records; a batch that failed is isolated here."""
        outcomes = self._outcomes(batch)
        now = self._clock.now_ms()
        enriched: list[Enriched] = []
        letters = list(batch.refused)
        for entry, outcome in zip(batch.entries, outcomes, strict=True):
            if isinstance(outcome, Failed):
                letters.append(
                    dead_letter(entry.message, _model_error(entry, outcome), "enrich", now)
                )
            else:
                if self._redactor is not None:
                    outcome = self._redactor.summary(outcome)  # noqa: PLW2901 - what is kept of it
                enriched.append(self._record(entry, outcome, batch, now))
        return Enrichment(tuple(enriched), tuple(letters))

    def _record(self, entry: Entry, outcome: Inference, batch: Batch, now: int) -> Enriched:
        card = self._of(batch).card
        return enriched_record(entry, outcome, card, batch, now, price=self._price)

    def _of(self, batch: Batch) -> Enricher:
        return batch.enricher or self._enricher

    def _outcomes(self, batch: Batch) -> Sequence[Inference | Failed]:
        if not batch.entries:
            return []
        if not isinstance(batch.model, Failed):
            results = _guarded(self._of(batch).post, batch.model)
            if isinstance(results, list) and len(results) == len(batch.entries):
                return results
        return Isolator(self._of(batch), self._pause)(_texts(batch.entries))


def dead_letter(
    message: RawMessage, error: InvalidDocument, role: str, failed_at: int
) -> DeadLetter:
    """Wrap a message as it arrived, with the reason it was refused."""
    origin = message.origin
    return DeadLetter(
        topic=origin.topic,
        partition=origin.partition,
        offset=origin.offset,
        received_at=origin.received_at,
        key=message.key,
        value=message.value,
        headers=message.headers,
        code=error.code,
        reason=str(error),
        role=role,
        doc_id=error.doc_id,
        source=error.source,
        failed_at=failed_at,
    )


def _texts(entries: Sequence[Entry]) -> list[Text]:
    return [Text(entry.document.title or "", entry.document.text) for entry in entries]


def _guarded(function: Callable[..., object], argument: object) -> Step:
    try:
        return function(argument)
    except Exception as error:  # noqa: BLE001 - the isolation that follows finds the culprit
        return Failed(error)


def _model_error(entry: Entry, failed: Failed) -> InvalidDocument:
    return InvalidDocument(
        "model-error",
        f"the model fails on this document alone: {type(failed.error).__name__}: {failed.error}; "
        "shorten or clean the text and publish it again",
        doc_id=entry.document.doc_id,
        source=entry.document.source,
    )


def enriched_record(
    entry: Entry,
    inference: Inference,
    card: ModelCard,
    batch: Batch,
    now: int,
    *,
    price: Price = _FREE,
) -> Enriched:
    """Put together all that is known of a document; ``now`` is in milliseconds since 1970."""
    document, origin, terms = entry.document, entry.message.origin, entry.terms
    characters = len(document.text)
    return Enriched(
        doc_id=document.doc_id,
        source=document.source,
        published_at=document.published_at,
        title=document.title,
        text=document.text,
        language=document.language,
        metadata=document.metadata,
        topic=origin.topic,
        partition=origin.partition,
        offset=origin.offset,
        received_at=origin.received_at,
        version=origin.version,
        summary=inference.summary,
        summary_method=inference.summary_method,
        label=inference.label,
        confidence=inference.confidence,
        scores=inference.scores,
        characters=characters,
        sentences=inference.sentences,
        tokens=terms.tokens,
        unique_tokens=len(terms.terms),
        word_pieces=inference.word_pieces,
        unknown_tokens=inference.unknown_tokens,
        word_pieces_per_character=inference.word_pieces / max(characters, 1),
        cut_off=inference.cut_off,
        terms=terms.terms,
        term_counts=terms.counts,
        embedding=inference.embedding.astype("<f4", copy=False).tobytes(),
        embedding_model=card.embedding_model,
        embedding_revision=card.embedding_revision,
        classifier=card.classifier,
        device=card.device,
        compute_type=card.compute_type,
        tokens_in=inference.tokens_in,
        tokens_out=inference.tokens_out,
        queue_ms=float(max(0, batch.started_at - origin.received_at)),
        tokenize_ms=inference.tokenize_ms,
        inference_ms=inference.inference_ms,
        enriched_at=now,
        summary_flags=inference.summary_flags,
        summary_rejected=inference.summary_rejected,
        redactions=dict(entry.redactions),
        summarizer=card.summarizer,
        prompt=card.prompt,
        price_per_hour=price.per_hour,
        currency=price.currency,
    )
