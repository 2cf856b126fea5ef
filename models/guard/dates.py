"""Dates of the summary that its document does not contain.

A date is what is said of year, month, day and weekday, in any of the usual forms. It is supported
when one date of the document contradicts none of it and the rest stands in the document elsewhere:
``26 November 2004`` by ``Nov. 26`` and a ``2004``. ``Yesterday`` and ``last week`` are dates too.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.guard.text import fold
from models.guard.verdict import Verdict, found

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.guard.text import Prose

_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september"),
    *("october", "november", "december"),
)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORT_MONTHS = {name[:3]: at for at, name in enumerate(_MONTHS, start=1)}
_SHORT_DAYS = {name[:3]: at for at, name in enumerate(_DAYS)}

_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>(?:1[5-9]|20|21)\d\d)"
_FORMS = tuple(
    re.compile(pattern)
    for pattern in (
        r"\b(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})(?!\d)",
        r"\b(?P<one>\d{1,2})[/.](?P<two>\d{1,2})[/.](?P<year>\d{4}|\d{2})\b",
        rf"\b{_DAY} (?:of )?{_MONTH}(?:,? {_YEAR}\b)?",
        rf"\b{_MONTH} {_DAY}\b(?:,? {_YEAR}\b)?",
        rf"\b{_MONTH},? (?:of )?{_YEAR}\b",
    )
)
# Alone, "may", "march" and the like are dates only where a capital letter and a preposition say so.
_LONE_MONTH = re.compile(
    r"\b(?:[Ii]n|[Oo]f|[Ll]ast|[Nn]ext|[Ss]ince|[Uu]ntil|[Bb]y|[Ee]arly|[Ll]ate|[Mm]id|[Tt]his)[ -]"
    rf"(?P<month>{'|'.join(name.capitalize() for name in _MONTHS)})\b"
)
_CLEAR_MONTH = re.compile(
    "\\b(?P<month>"
    + "|".join(m.capitalize() for m in _MONTHS if m not in ("march", "may"))
    + ")\\b"
)
_WEEKDAY = re.compile(r"\b(?:" + "|".join(name.capitalize() for name in _DAYS) + r")\b")
_SHORT_WEEKDAY = re.compile(r"\b(?:Mon|Tue|Tues|Wed|Thu|Thur|Thurs|Fri|Sat|Sun)\b")
_DAY_WORD = re.compile(r"\b(?:yesterday|tomorrow|tonight)\b")
_RELATIVE = re.compile(
    r"\b(last|past|previous|next|coming|following)[ -](week|weekend|month|quarter|year|season)\b"
)
_AHEAD = frozenset({"next", "coming", "following"})
_CENTURY_PIVOT = 70


@dataclass(frozen=True, slots=True)
class Date:
    """What a text says of a day; ``None`` where it does not say; weekday 0 is Monday."""

    said: str
    year: int | None = None
    month: int | None = None
    day: int | None = None
    weekday: int | None = None

    def agrees(self, other: Date) -> bool:
        """Tell whether both say the same month and day, where both say one."""
        pairs = ((self.month, other.month), (self.day, other.day), (self.year, other.year))
        return other.month is not None and all(
            mine is None or theirs is None or mine == theirs for mine, theirs in pairs
        )


def dates_in(text: str) -> Iterator[Date]:
    """Yield the dates of a tidy text; one for each reading of ``1/2/2024``."""
    folded = fold(text)
    for pattern in _FORMS:
        for match in pattern.finditer(folded):
            yield from _readings(match)
    for pattern in (_LONE_MONTH, _CLEAR_MONTH):
        for match in pattern.finditer(text):
            month = match.group("month")
            yield Date(month, month=_SHORT_MONTHS[month[:3].lower()])
    for match in _WEEKDAY.finditer(text):
        yield Date(match.group(), weekday=_SHORT_DAYS[match.group()[:3].lower()])


def _readings(match: re.Match[str]) -> Iterator[Date]:
    parts = match.groupdict()
    year = int(parts["year"]) if parts.get("year") else None
    if "one" in parts:
        one, two = int(parts["one"]), int(parts["two"])
        for first, second in dict.fromkeys(((one, two), (two, one))):
            if _possible(first, second):
                yield Date(match.group().rstrip("."), _century(int(parts["year"])), first, second)
        return
    written = parts["month"]
    month = int(written) if written.isdecimal() else _SHORT_MONTHS[written[:3]]
    day = int(parts["day"]) if parts.get("day") else None
    if _possible(month, day):
        yield Date(match.group().rstrip("."), year, month, day)


def _century(year: int) -> int:
    if year >= 100:  # noqa: PLR2004 - it is written out
        return year
    return year + (1900 if year >= _CENTURY_PIVOT else 2000)


def _possible(month: int, day: int | None) -> bool:
    return 1 <= month <= 12 and (day is None or 1 <= day <= 31)  # noqa: PLR2004 - a calendar


def check_dates(document: Prose, summary: Prose) -> Verdict:
    """Fail on dates that the document does not contain; the score is how many."""
    known = list(dates_in(document.text))
    weekdays = {date.weekday for date in known if date.weekday is not None}
    weekdays |= {day for date in known if (day := _weekday(date)) is not None}
    weekdays |= {
        _SHORT_DAYS[match.group()[:3].lower()] for match in _SHORT_WEEKDAY.finditer(document.text)
    }
    supported: dict[str, bool] = {}
    for date in dates_in(summary.text):
        holds = _supported(date, known, weekdays, document)
        supported[date.said] = holds or supported.get(date.said, False)
    evidence = [said for said, holds in supported.items() if not holds]
    return found("dates", [*evidence, *_relative(fold(document.text), fold(summary.text))])


def _supported(date: Date, known: list[Date], weekdays: set[int], document: Prose) -> bool:
    if date.weekday is not None:
        return date.weekday in weekdays
    same = [other for other in known if date.agrees(other)]
    days = {other.day for other in same} | {None}
    years = {other.year for other in same} | {None}
    has_year = date.year in years or str(date.year) in document.known
    return bool(same) and date.day in days and has_year


def _weekday(date: Date) -> int | None:
    if date.year is None or date.month is None or date.day is None:
        return None
    try:
        return dt.date(date.year, date.month, date.day).weekday()
    except ValueError:
        return None


def _relative(document: str, summary: str) -> Iterator[str]:
    """Yield day words that the document lacks, and spans that it says to lie on the other side."""
    for match in _DAY_WORD.finditer(summary):
        if match.group() not in document and _DAY_WORD.search(document):
            yield match.group()
    known = {(m.group(1) in _AHEAD, m.group(2)) for m in _RELATIVE.finditer(document)}
    for match in _RELATIVE.finditer(summary):
        ahead, span = match.group(1) in _AHEAD, match.group(2)
        if (ahead, span) not in known and (not ahead, span) in known:
            yield match.group()
