"""Whether a summary that a person wrote says only what its document says: a rule of its own.

It shares no code with the guardrails, so that they are not measured by themselves. A summary is
*stated* when each of its numbers (digits, or "two" to "twelve") stands in the document in digits or
words, and each of its names (a word with a capital letter, at the beginning of a sentence only if
it has another one or a digit) stands there in any case, in one or several words, in the singular or
plural, or as the initials of neighbouring words, small words left out or not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_NUMBERS = {
    word: str(value)
    for value, word in enumerate(
        "two three four five six seven eight nine ten eleven twelve".split(),  # noqa: SIM905
        start=2,
    )
}
_SMALL = frozenset({"a", "an", "and", "as", "by", "for", "from", "in", "of", "on", "the", "to"})
_SHORT = 2  # letters that stand together in any text
_WORD = re.compile(r"[^\W_]+")
_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")
_BEGINS = re.compile(r"(?:^|[.?!:]\s|\n)\W*$")


def stated(document: str, summary: str) -> bool:
    """Tell whether all numbers and names of a summary stand in its document.

    >>> stated("A recurrent neural network of 3 layers.", "We train three-layer RNNs.")
    True
    >>> stated("A recurrent network.", "A recurrent network beats ELMo."), stated("Two.", "5.")
    (False, False)
    """
    words = [word.lower() for word in _WORD.findall(document)]
    whole, joined = set(words), "".join(words)
    initials = (
        "".join(word[0] for word in words),
        "".join(word[0] for word in words if word not in _SMALL),
    )
    digits = {number.replace(",", "") for number in _DIGITS.findall(document)}
    digits |= {_NUMBERS[word] for word in whole if word in _NUMBERS}
    return all(number in digits for number in _numbers(summary)) and all(
        name in (joined if len(name) > _SHORT else whole) or any(name in of for of in initials)
        for name in _names(summary)
    )


def _numbers(text: str) -> Iterator[str]:
    yield from (number.replace(",", "") for number in _DIGITS.findall(text))
    yield from (_NUMBERS[word] for word in _WORD.findall(text.lower()) if word in _NUMBERS)


def _names(text: str) -> Iterator[str]:
    for match in _WORD.finditer(text):
        word = match.group()
        begins = _BEGINS.search(text[: match.start()]) is not None
        if any(letter.isupper() for letter in (word[1:] if begins else word)):
            yield word.lower().removesuffix("s")
