"""Words of a text as people write them, counted.

A simplified form of Unicode's word boundaries (UAX 29) that one regular expression can do:

- A word is a run of letters, digits and combining marks; apostrophes and underscores hold it
  together inside (``don't``, ``array_like``), hyphens do not (``state-of-the-art`` is four).
- A number is one token with its separators (``1,024.5``); a token without any letter counts as a
  token but is no term, since numbers would crowd out the words that say what a text is about.
- Scripts that are written without spaces (Han, Kana, Thai, Lao, Myanmar, Khmer) are cut into
  overlapping pairs of characters, which need no dictionary and still tell topics apart.
- Terms are case folded and NFKC-normalized. Emoji and punctuation are no tokens.

Everything is linear in the length of the text, whatever it is made of.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_TERM_CHARACTERS = 64
_MARK_BLOCKS = range(0x300, 0x20000)  # all combining marks but the tags and variation selectors
_JOINERS = "\u200c\u200d"  # Persian and Indic words are written with them inside


def _mark_ranges() -> str:
    """Return the combining marks, no word characters to Python, as part of a character class."""
    marks = [code for code in _MARK_BLOCKS if unicodedata.category(chr(code))[0] == "M"]
    runs = groupby(enumerate(marks), key=lambda item: item[1] - item[0])
    spans = [[code for _, code in run] for _, run in runs]
    return "".join(f"{chr(span[0])}-{chr(span[-1])}" for span in spans)


_MARKS = _mark_ranges() + _JOINERS
_SPACELESS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003ffff"
)
_JOINT = r"'|_+|(?<=\d)[.,](?=\d)"
# For lower-case text; the look-ahead spares most words the alternatives.
ASCII_TOKEN = re.compile(rf"[a-z0-9]+(?:(?=['_.,])(?:{_JOINT})[a-z0-9]+)*", re.ASCII)
TOKEN = re.compile(rf"[^\W_]+(?:(?:[{_MARKS}]+|(?:{_JOINT})(?=[^\W_]))[^\W_]*)*")
SPACELESS_CHARACTER = re.compile(f"[{_SPACELESS}]")
_RUN = re.compile(f"([{_SPACELESS}](?:[{_SPACELESS}{_MARKS}])*)|[^{_SPACELESS}]+")
_CLUSTER = re.compile(f".[{_MARKS}]{{0,8}}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TermCounts:
    """Words of one document.

    Attributes:
        tokens: words and numbers.
        terms: distinct words, case folded, in order of first appearance.
        counts: how often each of them occurs.
    """

    tokens: int
    terms: tuple[str, ...]
    counts: tuple[int, ...]


def count_terms(title: str | None, text: str) -> TermCounts:
    """Count the words of title and text together."""
    whole = f"{title}\n{text}" if title else text
    if whole.isascii():
        found, tokens = _count_ascii(whole.lower())
    else:
        found, tokens = _count_unicode(whole.casefold().replace("\u2019", "'"))
    if max(map(len, found), default=0) > MAX_TERM_CHARACTERS:
        found = _clipped(found)
    return TermCounts(tokens, tuple(found), tuple(found.values()))


def _count_ascii(lower: str) -> tuple[dict[str, int], int]:
    words = ASCII_TOKEN.findall(lower)
    found = dict(Counter(words))
    for number in [term for term in found if term < "a" and not _has_letter(term)]:
        del found[number]
    return found, len(words)


def _count_unicode(folded: str) -> tuple[dict[str, int], int]:
    found: dict[str, int] = {}
    tokens = 0
    for token, times in Counter(TOKEN.findall(folded)).items():
        if token.isascii():  # most of them, in most languages
            found[token] = found.get(token, 0) + times
            tokens += times
            continue
        for term, count in _pieces(token):
            found[term] = found.get(term, 0) + count * times
            tokens += count * times
    return {term: count for term, count in found.items() if _has_letter(term)}, tokens


def _pieces(token: str) -> Iterable[tuple[str, int]]:
    """Return the terms that a run of word characters is made of, with their number."""
    if SPACELESS_CHARACTER.search(token) is None:
        return ((_normalized(token), 1),)
    pairs = Counter(piece for run in _RUN.finditer(token) for piece in _cut(run))
    return [(_normalized(piece), count) for piece, count in pairs.items()]


def _cut(run: re.Match[str]) -> Iterator[str]:
    """Yield a word as it is, and the overlapping pairs of a run without spaces."""
    if run.group(1) is None:
        if _has_alphanumeric(run.group()):
            yield run.group()
        return
    clusters = _CLUSTER.findall(run.group())
    if len(clusters) == 1:
        yield clusters[0]
    yield from map("".join, pairwise(clusters))


def _normalized(token: str) -> str:
    """Clip before normalizing, which takes quadratic time on a long run of combining marks.

    A ligature of several words becomes one word: a space inside a term would make it a phrase.
    """
    plain = unicodedata.normalize("NFKC", token[:MAX_TERM_CHARACTERS]).casefold()
    return "_".join(plain.split())


def _clipped(found: dict[str, int]) -> dict[str, int]:
    clipped: dict[str, int] = {}
    for term, count in found.items():
        short = term[:MAX_TERM_CHARACTERS]
        if _has_letter(short):
            clipped[short] = clipped.get(short, 0) + count
    return clipped


def _has_alphanumeric(token: str) -> bool:
    return any(map(str.isalnum, token))


def _has_letter(term: str) -> bool:
    return term[0].isalpha() or any(map(str.isalpha, term))
