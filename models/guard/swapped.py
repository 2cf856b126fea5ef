"""A sentence that its document has, but with another name or number in it.

The words of a wrong sentence may all stand in the document: "Google sued Oracle" where it says that
Oracle sued Google. So where a sentence of the summary is nearly one of the document's, what differs
must not be a name or number for a name or number.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from models.guard.numbers import numbers_in
from models.guard.text import FUNCTION_WORDS, fold, stem
from models.guard.verdict import Verdict, found

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.guard.text import Prose

_WORD = re.compile(r"[^\W_]+(?:[.,]\d+)*")
_NEAR = 0.7
_LONGER = 2  # at a likeness of 0.7, lengths differ by a factor of less than 1.9
_LEAST_WORDS = 6
_LONGEST_NAME = 4
_SHORTEST_ACRONYM = 3


def check_swapped(document: Prose, summary: Prose) -> Verdict:
    """Fail where a near copy exchanges names or numbers; the score is how many places."""
    originals = [(words, _bag(words)) for words in map(_WORD.findall, document.sentences)]
    evidence: list[str] = []
    for sentence in summary.sentences:
        words = _WORD.findall(sentence)
        bag = _bag(words)
        if len(words) < _LEAST_WORDS:
            continue
        near = [
            original
            for original, other in originals
            if len(original) <= _LONGER * len(words)
            and (len(bag & other) >= _NEAR * len(bag) or len(bag & other) >= len(bag) - 2)
        ]
        if near and all(any(_exchanged(original, words)) for original in near):
            evidence += next(list(_exchanged(original, words)) for original in near)
    return found("swapped", evidence)


def _bag(words: list[str]) -> frozenset[str]:
    return frozenset(fold(word) for word in words)


def _exchanged(original: list[str], words: list[str]) -> Iterator[str]:
    """Yield ``old -> new`` for each name or number in the place of another."""
    before, after = ([stem(fold(word)) for word in side] for side in (original, words))
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    if matcher.ratio() < _NEAR:
        return
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag != "replace" or max(b - a, d - c) > _LONGEST_NAME:
            continue
        old, new = original[a:b], words[c:d]
        if _exchange(old, new, first=c == 0):
            yield f"{' '.join(old)} -> {' '.join(new)}"
    yield from _reordered(original, words)


def _reordered(original: list[str], words: list[str]) -> Iterator[str]:
    """Yield the names that stand in another order between the very same other words."""
    sides = [[word for word in side if not _is_name(word)] for side in (original, words)]
    names = [[fold(word) for word in side if _is_name(word)] for side in (original, words)]
    both = set(names[0]) & set(names[1])
    before, after = ([name for name in side if name in both] for side in names)
    plain = [[fold(word) for word in side] for side in sides]
    if sorted(before) == sorted(after) and before != after and _same(*plain):
        yield f"{' '.join(before)} -> {' '.join(after)}"


def _same(one: list[str], other: list[str]) -> bool:
    """Tell whether the longer list only has more words at its ends."""
    short, long = sorted((one, other), key=len)
    width = len(short)
    return any(long[at : at + width] == short for at in range(len(long) - width + 1))


def _exchange(old: list[str], new: list[str], *, first: bool) -> bool:
    numbers = [_values(side) for side in (old, new)]
    if all(numbers):
        return not numbers[0] & numbers[1]
    names = [{fold(word) for word in side if _is_name(word)} for side in (old, new)]
    alike = any(a[:3] == b[:3] for a in names[0] for b in names[1])
    alike = alike or _initials(old, names[1]) or _initials(new, names[0])
    return all(names) and not first and not alike


def _initials(words: list[str], names: set[str]) -> bool:
    """Tell whether one of the names abbreviates the words in their order."""
    letters = "".join(fold(word)[0] for word in words)
    return any(len(name) >= _SHORTEST_ACRONYM and name in letters for name in names)


def _values(words: list[str]) -> frozenset[object]:
    return frozenset(value for number in numbers_in(" ".join(words)) for value in number.values)


def _is_name(word: str) -> bool:
    return any(letter.isupper() for letter in word) and fold(word) not in FUNCTION_WORDS
