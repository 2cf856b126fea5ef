"""The one-pass enricher with another classifier or a writing summarizer plugged in.

The embedding, the token statistics and the extractive summary stay those of the one pass: drift is
watched on them, and a generated summary that fails has something to fall back to.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from models.guard import choose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.classify.decision import Decision, Doubles
    from models.classify.sequence import Rows
    from models.guard import Report
    from models.guard.watch import Pairs, Watch
    from models.summarize.generative import Written
    from streams.ports import Enricher, Inference, ModelCard, Text


class Classifier(Protocol):
    """Labels documents by a model of its own."""

    @property
    def decision(self) -> Decision:
        """Labels, and how logits are read."""
        ...

    def tokenize(self, texts: Sequence[Text]) -> Rows:
        """Return what ``logits`` takes."""
        ...

    def logits(self, rows: Rows) -> Doubles:
        """Return the logits, shape ``(documents, labels)``."""
        ...


class Summarizer(Protocol):
    """Writes a summary of each document."""

    @property
    def method(self) -> str:
        """Model, revision and prompt, as rows name them."""
        ...

    @property
    def instructions(self) -> str:
        """What it is told besides documents; empty where that is nothing."""
        ...

    def write(self, texts: Sequence[Text]) -> list[Written]:
        """Return one summary per document, in order."""
        ...


@dataclass(frozen=True, slots=True)
class _Prepared:
    base: object
    texts: Sequence[Text]
    rows: Rows | None
    milliseconds: float


@dataclass(frozen=True, slots=True)
class _Encoded:
    base: Any
    texts: Sequence[Text]
    logits: Doubles | None
    written: list[Written] | None
    tokens: int
    tokenize_ms: float
    inference_ms: float
    embedded: Pairs = field(default_factory=list)


class PluggedEnricher:
    """One pass, and beside it the models that were plugged in.

    Args:
        base: the one-pass enricher.
        card: what every row says of the models.
        classifier: labels instead of the one pass, or None.
        summarizer: writes summaries instead of taking sentences, or None.
        watch: checks what it writes; None keeps whatever that is.
    """

    def __init__(
        self,
        base: Enricher,
        card: ModelCard,
        *,
        classifier: Classifier | None = None,
        summarizer: Summarizer | None = None,
        watch: Watch | None = None,
    ) -> None:
        self._base = base
        self._card = card
        self._classifier = classifier
        self._summarizer = summarizer
        self._watch = watch

    @property
    def card(self) -> ModelCard:
        """Identity of the models, their device and compute type."""
        return self._card

    @property
    def base(self) -> Enricher:
        """The one pass itself."""
        return self._base

    @property
    def instructions(self) -> str | None:
        """What the summarizer is told besides documents; None where that is nothing."""
        return (self._summarizer.instructions or None) if self._summarizer else None

    def pre(self, texts: Sequence[Text]) -> _Prepared:
        """Tokenize for all models."""
        base = self._base.pre(texts)
        began = time.perf_counter()
        rows = self._classifier.tokenize(texts) if self._classifier else None
        return _Prepared(base, texts, rows, (time.perf_counter() - began) * 1000)

    def core(self, prepared: object) -> _Encoded:
        """Run all models.

        Args:
            prepared: what ``pre`` returned.
        """
        if not isinstance(prepared, _Prepared):
            raise TypeError("core takes what pre returned")
        base: Any = self._base.core(prepared.base)
        began = time.perf_counter()
        logits = None
        if self._classifier and prepared.rows is not None:
            logits = self._classifier.logits(prepared.rows)
        written = self._summarizer.write(prepared.texts) if self._summarizer else None
        embedded: Pairs = []
        if self._watch and written is not None:
            embedded = self._watch.embed(base, [one.text for one in written])
        passed = (time.perf_counter() - began) * 1000
        tokens = prepared.rows.tokens if prepared.rows else 0
        times = (prepared.milliseconds, passed)
        return _Encoded(base, prepared.texts, logits, written, tokens, *times, embedded)

    def post(self, encoded: object) -> list[Inference]:
        """Put the plugged models' results in the place of the one pass's.

        Args:
            encoded: what ``core`` returned.
        """
        if not isinstance(encoded, _Encoded):
            raise TypeError("post takes what core returned")
        found = self._base.post(encoded.base)
        if not found:
            return found
        found = [self._timed(one, encoded, len(found)) for one in found]
        if self._classifier and encoded.logits is not None:
            found = _labelled(found, encoded.logits, self._classifier.decision)
        if self._summarizer and encoded.written is not None:
            found = self._summarized(found, encoded, encoded.written, self._summarizer.method)
        return found

    def _summarized(
        self, found: list[Inference], encoded: _Encoded, written: list[Written], method: str
    ) -> list[Inference]:
        if self._watch is None:
            pairs = zip(found, written, strict=True)
            return [_unwatched(one, text, method) for one, text in pairs]
        texts = [one.text for one in written]
        reports = self._watch.reports(encoded.texts, texts, encoded.embedded)
        tokens = [0 if pair is None else pair[1].tokens for pair in encoded.embedded]
        columns = zip(found, written, reports, tokens, strict=True)
        return [_watched(one, text, report, method, read) for one, text, report, read in columns]

    @staticmethod
    def _timed(one: Inference, encoded: _Encoded, documents: int) -> Inference:
        return replace(
            one,
            tokens_in=one.tokens_in + encoded.tokens // documents,
            tokenize_ms=one.tokenize_ms + encoded.tokenize_ms / documents,
            inference_ms=one.inference_ms + encoded.inference_ms / documents,
        )


def _labelled(found: list[Inference], logits: Doubles, decision: Decision) -> list[Inference]:
    probabilities = decision.probabilities(logits)
    columns: Any = (found, decision.choose(probabilities), probabilities.tolist())
    return [
        replace(
            one,
            label=label,
            confidence=confidence,
            scores=dict(zip(decision.labels, scores, strict=True)),
        )
        for one, (label, confidence), scores in zip(*columns, strict=True)
    ]


def _counted(one: Inference, written: Written, tokens: int = 0) -> Inference:
    return replace(
        one,
        tokens_in=one.tokens_in + written.tokens_in + tokens,
        tokens_out=written.tokens_out,
    )


def _watched(
    one: Inference, written: Written, report: Report, method: str, tokens: int
) -> Inference:
    """Take what was written and broke no rule; else the extractive summary stays, and says why."""
    if report.passed and not written.text:  # where the rule `empty` is not asked
        return _unwatched(one, written, method)
    chosen = choose(report, written.text, method, one.summary)
    return replace(
        _counted(one, written, tokens),
        summary=chosen.summary,
        summary_method=chosen.method,
        summary_flags=chosen.flags,
        summary_rejected=chosen.rejected or "",
    )


def _unwatched(one: Inference, written: Written, method: str) -> Inference:
    """Take what was written; where that is nothing, the extractive summary stays and says so."""
    counts = _counted(one, written)
    if not written.text:
        return replace(counts, summary_method=f"{one.summary_method} ({method} wrote nothing)")
    return replace(counts, summary=written.text, summary_method=method)
