"""Capitalised names of the summary that its document does not contain.

A name is looked up word by word, without case, marks and inflection: ``Iraqis`` is in a document
that says ``Iraq``, ``Zürich's`` in one with ``Zurich``, ``Bush, George`` is ``George Bush``. An
acronym is also found by the initials of the words that it stands for, and the words by their
acronym. The first word of a sentence has its capital letter from its place, and in a headline all
words have: those count only where they are no ordinary English words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from models.guard.abbreviations import stands_for
from models.guard.lexicon import is_derived, is_ordinary
from models.guard.text import FUNCTION_WORDS, fold, stem
from models.guard.verdict import Verdict, found

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.guard.text import Prose

_TOKEN = re.compile(r"(?:[^\W\d_]\.){2,}|[^\W_]+(?:'[^\W_]+)?")
_OPENS = re.compile(r"(?:^|[:?!\"“(\[*•]|\.\s|\s-)\s*$")  # what a new beginning stands behind
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_CONTRACTED = re.compile(r"(?:'(?:s|m|d|ll|re|ve)|n't)$")
_TOGETHER = frozenset({" ", "-"})
_HEADLINE_SHARE = 0.6
_HEADLINE_WORDS = 3
_LONG_WORD = 4
_SHORTEST_PREFIX = 4
_LONG_NAME = 6
_SHORTEST_PART = 3
_SHORTEST_SHORT = 4
_LONGEST_DIFFERENCE = 4
_SHORTEST_ACRONYM, _LONGEST_ACRONYM = 3, 8  # two letters stand before any two words
# Calendar words are the business of the dates.
# Dimensions, norms and the state of the art.
_NO_NAMES = frozenset({"1d", "2d", "3d", "4d", "l0", "l1", "l2", "lp", "sota", "ok", "vs", "etc"})
_CALENDAR = frozenset(
    """
    january february march april may june july august september october november december jan feb
    mar apr jun jul aug sep sept oct nov dec monday tuesday wednesday thursday friday saturday
    sunday mon tue tues wed thu thur thurs fri sat sun i
    """.split()  # noqa: SIM905 - a list of words reads best as words
)


@dataclass(frozen=True, slots=True)
class Name:
    """A capitalised word of a text.

    Attributes:
        said: how it stands there.
        placed: whether its place in the sentence or headline explains the capital letter.
        beside: the capitalised words directly before and behind it, folded.
    """

    said: str
    placed: bool
    beside: tuple[str, ...] = ()

    @property
    def folded(self) -> str:
        """Without case, marks, full stops and the possessive."""
        plain = fold(self.said).replace(".", "")
        return _CONTRACTED.sub("", plain).replace("'", "")

    @property
    def singular(self) -> str:
        """Folded, without the small s of many acronyms."""
        return self.folded.removesuffix("s") if self.said.endswith("s") else self.folded

    @property
    def is_acronym(self) -> bool:
        """Capitals behind the first letter: nobody writes an ordinary word like that."""
        return any(letter.isupper() for letter in self.said.removesuffix("'S")[1:])


def names_in(prose: Prose) -> Iterator[Name]:
    """Yield the capitalised words of a text, in order."""
    for sentence in prose.sentences:
        tokens = list(_TOKEN.finditer(sentence))
        headline = _is_headline([match.group() for match in tokens])
        for at, match in enumerate(tokens):
            word = match.group()
            if not _is_capital(word):
                continue
            opens = _OPENS.search(sentence[max(0, match.start() - 4) : match.start()])
            shouted = headline and word.isupper() and len(word) > _LONG_WORD
            name = Name(word, headline or opens is not None, tuple(_beside(sentence, tokens, at)))
            yield replace(name, placed=shouted) if name.is_acronym else name


def _beside(sentence: str, tokens: list[re.Match[str]], at: int) -> Iterator[str]:
    for one, two in ((at - 1, at), (at, at + 1)):
        if one >= 0 and two < len(tokens):
            gap = sentence[tokens[one].end() : tokens[two].start()]
            other = tokens[one if two == at else two].group()
            if gap in _TOGETHER and other[0].isupper():
                yield Name(other, placed=False).folded


def _is_capital(word: str) -> bool:
    return any(letter.isupper() for letter in word)


def _is_headline(words: list[str]) -> bool:
    long = [word for word in words if len(word) >= _LONG_WORD and word[0].isalpha()]
    capital = sum(word[0].isupper() for word in long)
    return len(long) >= _HEADLINE_WORDS and capital >= _HEADLINE_SHARE * len(long)


def check_names(document: Prose, summary: Prose) -> Verdict:
    """Fail on names that the document does not contain; the score is how many words."""
    missing = [name for name in names_in(summary) if not knows(document, name)]
    spelled = _spelled_out(document, summary, missing)
    return found("names", [name.said for name in missing if name.folded not in spelled])


def knows(document: Prose, name: Name) -> bool:
    """Tell whether a document contains a name, in some form."""
    word = name.folded
    if word in document.known or word in FUNCTION_WORDS or word in _CALENDAR or word.isdecimal():
        return True
    if len(word) == 1 and not name.is_acronym:
        return True
    if is_derived(word) or word in _NO_NAMES or (name.placed and is_ordinary(word)):
        return True
    # "Transmission Engine" where the document says transmission: a plain word within a title.
    if is_ordinary(word) and any(_known_plainly(document, other) for other in name.beside):
        return True
    if _inflected(document, word) or _stood_for(document, word):
        return True
    return name.is_acronym and _abbreviates(document, name)


def _known_plainly(document: Prose, word: str) -> bool:
    return word in document.known or stem(word) in document.stems


def _inflected(document: Prose, word: str) -> bool:
    if stem(word) in document.stems:
        return True
    if len(word) >= _SHORTEST_PREFIX + 1 and word in document.joined:
        return True
    return len(word) >= _SHORTEST_PREFIX and any(
        _same_root(word, other) or _misspelt(word, other)
        for other in document.known
        if other[:1] == word[:1]
    )


def _misspelt(word: str, other: str) -> bool:
    """Tell whether a long word is another one with two neighbouring letters exchanged."""
    if len(word) < _LONG_NAME or len(word) != len(other):
        return False
    wrong = [at for at, (a, b) in enumerate(zip(word, other, strict=True)) if a != b]
    return len(wrong) == 2 and wrong[1] == wrong[0] + 1 and sorted(word) == sorted(other)  # noqa: PLR2004 - a pair


def _same_root(word: str, other: str) -> bool:
    """Tell whether one word is the other with an ending, as ``iraq`` and ``iraqi`` are."""
    short, long = sorted((word, other), key=len)
    root = short[:-1] if len(short) > _SHORTEST_PREFIX and short[-1] in "aeoy" else short
    return (
        len(root) >= _SHORTEST_PREFIX
        and long.startswith(root)
        and len(long) - len(root) <= _LONGEST_DIFFERENCE
    )


def _abbreviates(document: Prose, name: Name) -> bool:
    if _stood_for(document, name.folded) or _stood_for(document, name.singular):
        return True
    plain = name.said.replace(".", "").removesuffix("'s").removesuffix("s")
    letters = fold("".join(letter for letter in plain if letter.isalpha()))
    if _SHORTEST_ACRONYM <= len(letters) <= _LONGEST_ACRONYM and (
        letters in document.initials or letters in document.content_initials
    ):
        return True
    if len(letters) == _SHORTEST_ACRONYM - 1 and document.pairs[letters] > 1:
        return True
    parts = [fold(part) for part in _CAMEL.findall(plain) if not part.isdecimal()]
    telling = any(len(part) >= _SHORTEST_PART for part in parts)  # not "A2C" of any two words
    return telling and len(parts) > 1 and all(_part_known(document, part) for part in parts)


def _stood_for(document: Prose, abbreviation: str) -> bool:
    return any(group <= document.stems for group in stands_for(abbreviation))


def _part_known(document: Prose, part: str) -> bool:
    if part in document.known or stem(part) in document.stems or _stood_for(document, part):
        return True
    if len(part) < _SHORTEST_PART:
        return part in document.content_initials
    return len(part) >= _SHORTEST_SHORT and any(word.startswith(part) for word in document.known)


def _spelled_out(document: Prose, summary: Prose, missing: list[Name]) -> set[str]:
    """Return the words of the summary that spell out an acronym of the document."""
    if not missing:
        return set()
    acronyms = {
        fold(word.replace(".", "").removesuffix("s"))
        for word in _TOKEN.findall(document.text)
        if sum(letter.isupper() for letter in word) > 1
    }
    words = [word for word in summary.words if word not in FUNCTION_WORDS]
    spelled: set[str] = set()
    for acronym in acronyms:
        size = len(acronym)
        for start in range(len(words) - size + 1) if size > 1 else ():
            if all(word[0] == letter for word, letter in zip(words[start:], acronym, strict=False)):
                spelled.update(words[start : start + size])
    return spelled
