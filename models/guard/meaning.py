"""A summary about something else: as a whole, or in one of its sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.guard.text import FUNCTION_WORDS, Prose, stem
from models.guard.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.guard.vectors import Embedded

_LEAST_WORDS = 3


def check_meaning(document: Embedded, summary: Embedded, least_cosine: float) -> Verdict:
    """Fail where the summary's embedding is far from its document's; the score is their cosine."""
    cosine = float(document.whole @ summary.whole)
    failed = cosine < least_cosine
    return Verdict("meaning", failed, (f"cosine {cosine:.2f}",) if failed else (), cosine)


def check_foreign(
    document: Prose,
    summary: Prose,
    *,
    embedded: tuple[Embedded, Embedded] | None,
    least_support: float,
    least_words: float,
) -> Verdict:
    """Fail where a sentence has nothing to do with the document; the score is the least support.

    A sentence's support is its cosine to the document's nearest sentence plus the share of the
    letters of its content words that stand in words of the document, in any inflection: between
    papers of one field neither tells as much as their sum. Without embeddings the share stands
    alone. Sentences with fewer than three content words are let pass.

    Args:
        document: what is summarized.
        summary: what is checked.
        embedded: document and summary, or None.
        least_support: of a sentence with an embedding, -1 to 2.
        least_words: of a sentence without, 0 to 1.
    """
    supports = list(
        _word_supports(document, summary) if embedded is None else _supports(document, *embedded)
    )
    least = least_words if embedded is None else least_support
    evidence = tuple(sentence for sentence, support in supports if support < least)
    score = min((support for _, support in supports), default=least)
    return Verdict("foreign", bool(evidence), evidence, score)


def _supports(document: Prose, whole: Embedded, summary: Embedded) -> Iterator[tuple[str, float]]:
    for sentence, vector in zip(summary.sentences, summary.vectors, strict=True):
        share = covered(document, sentence)
        if share is not None and len(whole.vectors):
            yield sentence, float((whole.vectors @ vector).max()) + share


def _word_supports(document: Prose, summary: Prose) -> Iterator[tuple[str, float]]:
    for sentence in summary.sentences:
        share = covered(document, sentence)
        if share is not None:
            yield sentence, share


def covered(document: Prose, sentence: str) -> float | None:
    """Return the share of a sentence's content that its document has words for, or None.

    Words count by their letters, because long words say more. None below three of them.
    """
    words = [word for word in Prose(sentence).words if word not in FUNCTION_WORDS and len(word) > 1]
    if len(words) < _LEAST_WORDS:
        return None
    known = [word for word in words if word in document.known or stem(word) in document.stems]
    return sum(map(len, known)) / sum(map(len, words))
