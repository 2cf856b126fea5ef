"""Numbers of the summary that its document does not contain.

A number is compared by its value: ``1,000`` is ``1000``, ``1.5 million`` is ``1,500,000``,
``5 %`` is ``5 percent``, ``five`` is ``5``, ``3rd`` and ``third`` are ``3``, and of ``10-15``
either counts. Digits inside words of the document count too (``CIFAR-10``, ``3Q``). Where a summary
says that it is not exact, the document may be more so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from models.guard.text import fold
from models.guard.verdict import Verdict, found

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.guard.text import Prose

_SMALL = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"),
    "nineteen",
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = (
    *("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"),
    *("tenth", "eleventh", "twelfth"),
)
_UNITS = {word: value for value, word in enumerate(_SMALL)}
_VALUES = (
    _UNITS
    | {word: 10 * value for value, word in enumerate(_TENS, start=2)}
    | {word: value for value, word in enumerate(_ORDINALS, start=1)}
    | {"dozen": 12, "twice": 2, "double": 2, "half": 2}
)
_SCALES = {
    "hundred": Decimal(100), "thousand": Decimal(1000), "k": Decimal(1000),
    "million": Decimal(10) ** 6, "mln": Decimal(10) ** 6, "mn": Decimal(10) ** 6,
    "m": Decimal(10) ** 6, "billion": Decimal(10) ** 9, "bn": Decimal(10) ** 9,
    "b": Decimal(10) ** 9, "trillion": Decimal(10) ** 12,
}  # fmt: skip
# "one", "first" and "second" count, but also say "somebody", "to begin with" and "then"; "half" and
# "double" stand for a 2 that nobody wrote.
_SAYS_NOTHING = frozenset({"one", "zero", "first", "second", "half", "double", "twice", "dozen"})
# The number of things that an author lists without counting them is no invention.
_COUNTED = frozenset({"two", "three"})
_SCALE = r"(?:[ -]?(hundred|thousand|million|billion|trillion|mln|mn|bn)s?\b|([kmb])\b)"
_DIGITS = re.compile(rf"\d+(?:(?:[.,']\d+)+|(?:[ \u00a0]\d{{3}}(?!\d))+)?{_SCALE}?")
_WORDS = re.compile(
    rf"\b({'|'.join(_TENS)})(?:[ -]({'|'.join(_SMALL[1:10])}))?\b{_SCALE}?"
    rf"|\b({'|'.join((*_SMALL, *_ORDINALS, 'dozen', 'twice', 'double', 'half'))})\b{_SCALE}?"
)
_RANGE = re.compile(
    rf"(?<!\d)(\d+(?:[.,]\d+)*)(?: ?- ?| to | and | or )[^\w\s]?\d+(?:[.,]\d+)*{_SCALE}"
)
_ABOUT = re.compile(
    r"(?:about|almost|approximately|around|close to|less than|more than|nearly|over|roughly|some"
    r"|under|up to|at least|above|below|~)\W{0,3}$"
)
_GROUPED = re.compile(r"\d{1,3}(?:[,' \u00a0]\d{3})+(?:\.\d+)?$")
_POINTS = re.compile(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?$")
_PERCENT = re.compile(r"\s*(?:%|per ?cent\b|pct\b)")
_PLACES = 9


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a text.

    Attributes:
        said: how it stands there.
        values: what it may mean; several where it could be read in two ways.
        roughly: whether the text says that it is not exact.
        percent: whether a percent sign or word follows.
        weak: no invention: small words for what the document lists, and digits behind a letter,
            which belong to a name.
    """

    said: str
    values: frozenset[Decimal]
    roughly: bool = False
    percent: bool = False
    weak: bool = False


def numbers_in(text: str) -> Iterator[Number]:
    """Yield the numbers of a tidy text, those in digits first."""
    folded = fold(text)
    for match in _DIGITS.finditer(folded):
        named = match.start() > 0 and folded[match.start() - 1].isalpha()
        said = match.group().strip()
        digits = re.match(r"[\d.,' \u00a0]*\d", said)
        scale = _SCALES.get(match.group(1) or match.group(2) or "", Decimal(1))
        plain = readings(digits.group() if digits else said)
        values = frozenset(value * scale for value in plain)
        if match.group(2):  # "5m" may be metres
            values |= plain
        roughly = _ABOUT.search(folded[max(0, match.start() - 16) : match.start()]) is not None
        percent = _PERCENT.match(folded, match.end()) is not None
        yield Number(said, values, roughly, percent, weak=named)
    for match in _WORDS.finditer(folded):
        tens, ones, tens_by, _, small, small_by, _ = match.groups()
        value = _VALUES[tens or small] + (_VALUES[ones] if ones else 0)
        said = match.group()
        values = frozenset({value * _SCALES.get(tens_by or small_by or "", Decimal(1))})
        yield Number(said, values, weak=said in _SAYS_NOTHING | _COUNTED)


def readings(digits: str) -> frozenset[Decimal]:
    """Return what digits with separators may mean.

    >>> sorted(map(str, readings("1.000"))), sorted(map(str, readings("1,000.5")))
    (['1.000', '1000'], ['1000.5'])
    """
    values: set[Decimal] = set()
    if _GROUPED.match(digits):
        values.add(Decimal(re.sub(r"[,' \u00a0]", "", digits)))
    if _POINTS.match(digits):
        values.add(Decimal(digits.replace(".", "").replace(",", ".")))
    plain = digits.replace(",", ".")
    if re.fullmatch(r"\d+(?:\.\d+)?", plain) and not (values and "," in digits):
        values.add(Decimal(plain))
    return frozenset(values) or frozenset(Decimal(part) for part in re.findall(r"\d+", digits))


@dataclass(frozen=True, slots=True)
class Known:
    """All values that a document may be quoted with."""

    values: frozenset[Decimal]
    words: frozenset[str]


def known_numbers(document: Prose) -> Known:
    """Collect the values of a document: as written, by their digits alone, and ends of ranges."""
    values: set[Decimal] = set()
    for number in numbers_in(document.text):
        values |= number.values
        for digits in re.findall(r"\d+(?:[.,]\d+)*", number.said):
            values |= readings(digits)
        if number.percent:
            values |= {value / 100 for value in number.values}
    for match in _RANGE.finditer(fold(document.text)):
        scale = _SCALES[match.group(2) or match.group(3)]
        values |= {value * scale for value in readings(match.group(1))}
    return Known(frozenset(value.normalize() for value in values), document.known)


def check_numbers(document: Prose, summary: Prose) -> Verdict:
    """Fail on numbers that the document does not contain; the score is how many."""
    known = known_numbers(document)
    return found(
        "numbers",
        [number.said for number in numbers_in(summary.text) if not _supported(number, known)],
    )


def _supported(number: Number, known: Known) -> bool:
    if number.weak:
        return True
    wanted = {value.normalize() for value in number.values}
    if number.percent:
        wanted |= {(value / 100).normalize() for value in number.values}
    if wanted & known.values or number.said in known.words:
        return True
    return number.roughly and any(_rounds_to(value, known.values) for value in wanted)


def _rounds_to(value: Decimal, exact: frozenset[Decimal]) -> bool:
    """Tell whether a value is another one with fewer digits."""
    exponent = value.normalize().as_tuple().exponent
    if not isinstance(exponent, int) or abs(exponent) > _PLACES:
        return False
    place = Decimal(1).scaleb(exponent)
    return any(abs(other - value) <= place / 2 for other in exact if other != 0)
