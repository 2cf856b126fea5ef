"""Guardrails within the one pass: what was written for a batch, against the batch's own vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from models.guard.vectors import embed, embedded_documents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.enricher import OnePassEnricher
    from models.guard.guard import Guard, Report
    from models.guard.vectors import Embedded
    from streams.ports import Text

Pairs: TypeAlias = "list[tuple[Embedded, Embedded] | None]"
"""Of each document: its embedding and its summary's, None where nobody asks."""

_ON_MEANING = frozenset({"meaning", "foreign"})


class Watch:
    """Checks the summaries of a batch; immutable, safe in several threads.

    Documents are not encoded again: their sentences' vectors are those of the one pass, and the
    summaries of a batch share one call of the same encoder.

    Args:
        enricher: the one pass; None where it is another's, whose vectors cannot be had: then the
            rules go by words alone.
        guard: the rules.
        prompt: what the model is told besides the document.
    """

    def __init__(self, enricher: OnePassEnricher | None, guard: Guard, prompt: str | None) -> None:
        self._enricher = enricher
        self._guard = guard
        self._prompt = prompt

    def embed(self, encoded: Any, summaries: Sequence[str]) -> Pairs:
        """Encode the summaries of a batch; without the GIL for the most part.

        Args:
            encoded: the batch, as the one pass's ``core`` returned it.
            summaries: what was written of each document; empty for none.
        """
        if self._enricher is None or not self._guard.rules & _ON_MEANING:
            return [None] * len(summaries)
        asked = [self._guard.asks_meaning(summary) for summary in summaries]
        texts = [summary for summary, asks in zip(summaries, asked, strict=True) if asks]
        found = iter(embed(self._enricher, texts) if texts else [])
        documents = embedded_documents(encoded)
        return [
            (document, next(found)) if asks else None
            for document, asks in zip(documents, asked, strict=True)
        ]

    def reports(
        self, texts: Sequence[Text], summaries: Sequence[str], pairs: Pairs
    ) -> list[Report]:
        """Ask every rule of every summary, in order."""
        return [
            self._guard.check(whole(text), summary, prompt=self._prompt, embedded=pair)
            for text, summary, pair in zip(texts, summaries, pairs, strict=True)
        ]


def whole(text: Text) -> str:
    """Return title and text as one: what is in neither is an invention."""
    return f"{text.title}.\n{text.text}" if text.title else text.text
