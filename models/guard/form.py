"""What is wrong with a summary whatever its document says: nothing there, too much, in circles."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from models.guard.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.guard.text import Prose

_LONGEST_LOOP = 12
_PROMPT_GRAM = 5
_BESIDE_TEXT = re.compile(
    r"<\|[^|>]{1,40}\|>|</?s>|\[/?INST\]|<(?:start|end)_of_turn>|\{(?:document|text|title|input)\}"
    r"|^\s*(?:system|user|assistant)\s*:",
    re.IGNORECASE | re.MULTILINE,
)


def check_empty(summary: Prose) -> Verdict:
    """Fail without a word; the score is the number of words."""
    return Verdict("empty", not summary.words, score=float(len(summary.words)))


def check_length(document: Prose, summary: Prose, most_words: int, most_share: float) -> Verdict:
    """Fail where the summary is too long; the score is its words per word of the document.

    Args:
        document: what is summarized.
        summary: what is checked.
        most_words: more are too many.
        most_share: of the document's words, more are no summary; a short document is let pass
            as it is.
    """
    words, whole = len(summary.words), max(1, len(document.words))
    failed = words > most_words or (words > most_share * whole and words > whole)
    evidence = (f"{words} words of {whole}",) if failed else ()
    return Verdict("length", failed, evidence, words / whole)


def check_repetition(document: Prose, summary: Prose, most_share: float) -> Verdict:
    """Fail on loops; the score is the share of words that say again what was just said.

    A word is said again where a run of 1 to 12 words that it belongs to stands directly before that
    run too, or a run of 4 anywhere before, and the document does not say it as often.
    """
    words = summary.words
    again = [False] * len(words)
    whole = f" {' '.join(document.words)} "
    for size in range(1, _LONGEST_LOOP + 1):
        for at in range(2 * size, len(words) + 1):
            doubled = words[at - 2 * size : at]
            if doubled[:size] == doubled[size:] and f" {' '.join(doubled)} " not in whole:
                again[at - size : at] = [True] * size
    for gram, places in _repeated(words, 4).items():
        allowed = max(1, _count(document.words, gram))
        for at in places[allowed:]:
            again[at : at + 4] = [True] * 4
    share = sum(again) / max(1, len(words))
    said = " ".join(word for word, is_again in zip(words, again, strict=True) if is_again)
    failed = share > most_share
    return Verdict("repetition", failed, (said,) if failed else (), share)


def _repeated(words: Sequence[str], size: int) -> dict[tuple[str, ...], list[int]]:
    places: dict[tuple[str, ...], list[int]] = {}
    for at in range(len(words) - size + 1):
        places.setdefault(tuple(words[at : at + size]), []).append(at)
    return {gram: found for gram, found in places.items() if len(found) > 1}


def _count(words: Sequence[str], gram: tuple[str, ...]) -> int:
    grams = zip(*(words[at:] for at in range(len(gram))), strict=False)
    return Counter(grams)[gram]


def check_prompt(
    document: Prose, summary: Prose, prompt: Prose | None, most_share: float
) -> Verdict:
    """Fail where the summary repeats its instructions; the score is the share of its words there.

    Only runs of five words that stand in the prompt and not in the document count, and the marks
    of chat templates, of which one is enough.
    """
    marks = [
        mark.strip() for mark in _BESIDE_TEXT.findall(summary.text) if mark not in document.text
    ]
    if marks:
        return Verdict("prompt", failed=True, evidence=tuple(dict.fromkeys(marks)), score=1.0)
    if prompt is None:
        return Verdict("prompt", failed=False)
    own = _grams(prompt.words) - _grams(document.words)
    copied = [False] * len(summary.words)
    for at in range(len(copied) - _PROMPT_GRAM + 1):
        if tuple(summary.words[at : at + _PROMPT_GRAM]) in own:
            copied[at : at + _PROMPT_GRAM] = [True] * _PROMPT_GRAM
    share = sum(copied) / max(1, len(copied))
    said = " ".join(w for w, is_copy in zip(summary.words, copied, strict=True) if is_copy)
    failed = share > most_share
    return Verdict("prompt", failed, (said,) if failed else (), share)


def _grams(words: Sequence[str]) -> set[tuple[str, ...]]:
    return {tuple(words[at : at + _PROMPT_GRAM]) for at in range(len(words) - _PROMPT_GRAM + 1)}
