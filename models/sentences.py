"""Cutting text into sentences: rules only, any script, time linear in the length of the text.

The rules are those that people read by: a sentence ends at a terminal mark before white space,
unless the mark belongs to an abbreviation, an initial, a number or goes on in lower case; it ends
after an ideographic or Indic full stop wherever that stands; and at a blank line or before a
list item. No sentence is ever changed: it is a slice of the text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Each alternative consumes what it looks at, or looks ahead only over white space that the next
# match starts behind: runs of marks or of blanks cost linear time.
_CLOSERS = "\"'”’»)\\]}」』】》〉）"  # noqa: RUF001 - the marks themselves
_CANDIDATE = re.compile(
    rf"(?P<wide>[。！？｡．।॥۔։።፧။។]+[{_CLOSERS}]*)"  # noqa: RUF001 - the marks themselves
    rf"|(?P<mark>[.!?…؟‼⁇⁈⁉]+[{_CLOSERS}]*)"
    r"|(?P<line>\n(?=[^\S\n]*(?:\n|[-*+•‣◦▪·–—][^\S\n]|\(?\d{1,3}[.)][^\S\n]))|[\u2029\f\v])"  # noqa: RUF001
)
_WORD_BEFORE = re.compile(r"[^\s(\[\"'“‘]*\Z")  # noqa: RUF001
_LONGEST_ABBREVIATION = 12
_ITEM_DIGITS = 3  # numbers of list items are shorter; years are not
_SURROGATES = re.compile("[\ud800-\udfff]")
_HAS_CONTENT = re.compile(r"\w")

# Followed by a name, a number or the rest of the sentence; never its last word.
_NEVER_LAST = frozenset(
    """
    al alg approx art bzw ca capt cf ch chap cit col cor d.h def dhr dott dr dr.-ing e.g eg eq eqn
    eqs esp fig figs fr fru ft gen gov hon hr i.e i.i.d ie incl lem lt m.e messrs mevr mmes mr mrs
    ms mt n.b no nos nr op p p.ex pp pres prof prop ref refs rep resp rev sec sect sen sgt sig sr
    sra st tab thm u.a viz vol vols vs w.r.t wrt z.b
    """.split()  # noqa: SIM905 - a list of words reads best as words
)
# May end a sentence; they do when the next word is a usual first word of one.
_SOMETIMES_LAST = frozenset(
    """
    a.m apr aug ave avg b.a blvd bros co corp d.c dec dept e.u esq est etc feb fri inc jan jr jul
    jun llc ltd m.a m.d mar max min mon nov oct p.m ph.d plc rd sat sep sept sr sun thu tue u.k
    u.n u.s u.s.a univ wed
    """.split()  # noqa: SIM905 - a list of words reads best as words
)
_FIRST_WORDS = frozenset(
    """
    a after all also although an and as at before but by for from he her his how however i if in
    it its many most no not on one our she since some that the their there these they this those
    to two we what when while who why with yes
    """.split()  # noqa: SIM905 - a list of words reads best as words
)


def clean(text: str) -> str:
    """Replace lone surrogates, which no encoder takes, by U+FFFD; the length stays the same."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATES.sub("\ufffd", text)
    return text


def sentence_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield ``(start, end)`` of every sentence, in order, without white space around it.

    Text between two sentences is white space only, unless it holds no letter or digit at all
    (rulers, bullets): that goes to the sentence before it.

    >>> [text[a:b] for text in ["Dr. No saw 3.5 m. Why?"] for a, b in sentence_spans(text)]
    ['Dr. No saw 3.5 m.', 'Why?']
    """
    lower = text.islower()
    pending: tuple[int, int] | None = None
    for start, end in _pieces(text, lower=lower):
        if pending is not None and not _HAS_CONTENT.search(text, start, end):
            pending = (pending[0], end)
            continue
        if pending is not None:
            yield pending
        pending = (start, end)
    if pending is not None:
        yield pending


def _pieces(text: str, *, lower: bool) -> Iterator[tuple[int, int]]:
    start = 0
    for match in _CANDIDATE.finditer(text):
        if match.lastgroup != "mark" or _ends_sentence(text, match, start, lower=lower):
            yield from _trimmed(text, start, match.end())
            start = match.end()
    yield from _trimmed(text, start, len(text))


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    piece = text[start:end]
    stripped = piece.strip()
    if stripped:
        begin = start + len(piece) - len(piece.lstrip())
        yield begin, begin + len(stripped)


def _ends_sentence(text: str, match: re.Match[str], start: int, *, lower: bool) -> bool:
    end = match.end()
    if end >= len(text):
        return True
    if not text[end].isspace():
        return False
    mark = match.group()
    after = _next_word(text, end)
    if after[:1].islower() and not lower and (mark[0] in ".…" or len(mark) > 1):
        return False
    return mark != "." or not _is_abbreviation(text, match.start(), start, after)


def _next_word(text: str, position: int) -> str:
    """Return the next 16 characters at most, up to white space."""
    begin = position
    while begin < len(text) and text[begin].isspace():
        begin += 1
    head = text[begin : begin + 16].split(maxsplit=1)
    return head[0].lstrip("\"'“‘([") if head else ""  # noqa: RUF001


def _is_abbreviation(text: str, dot: int, start: int, after: str) -> bool:
    """Tell whether the full stop at ``dot`` belongs to the word before it."""
    window = text[max(start, dot - _LONGEST_ABBREVIATION) : dot]
    found = _WORD_BEFORE.search(window)
    word = found.group() if found else ""
    if len(word) == 1 and word.isalpha() and word.isupper():
        return after[:1].isupper() and after.lower().rstrip(",.") not in _FIRST_WORDS
    if word.isdigit() and len(word) < _ITEM_DIGITS and not text[start : dot - len(word)].strip():
        return True  # the number of a list item
    folded = word.lower()
    if folded in _NEVER_LAST:
        return folded != "no" or after[:1].isdigit()
    return folded in _SOMETIMES_LAST and after.lower().rstrip(",.") not in _FIRST_WORDS
