"""Event times in whatever form a column holds them, to milliseconds since 1970 UTC."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta, timezone

from schemas.times import parse_iso8601

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND = timedelta(milliseconds=1)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
_MONTH = re.compile(r"\d{4}-\d\d")
_YEARS = range(1000, 10_000)
# Numbers below the limit are in the unit whose milliseconds are the quotient of the two factors:
# seconds until the year 5138, then milliseconds, microseconds, nanoseconds.
_UNITS = ((10**11, 1_000, 1), (10**14, 1, 1), (10**17, 1, 1_000), (10**20, 1, 1_000_000))


def parse_time(value: object) -> int:
    """Return milliseconds since the epoch; a time without an offset is taken as UTC.

    Args:
        value: ISO 8601 text, a year (its first day), seconds or milliseconds since 1970 as number
            or text, a ``datetime`` or a ``date``.

    Raises:
        ValueError: it is no time; says which forms are.
    """
    if isinstance(value, datetime):
        return _from_datetime(value)
    if isinstance(value, date):
        return _from_datetime(datetime.combine(value, time()))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _from_number(value)
    if isinstance(value, str):
        return _from_text(value.strip())
    raise ValueError(f"{str(value)[:40]!r} is no time; write for instance 2024-05-01T12:00:00Z")


def _from_datetime(value: datetime) -> int:
    aware = value if value.tzinfo is not None else value.replace(tzinfo=timezone.utc)
    return (aware - _EPOCH) // _MILLISECOND


def _from_text(text: str) -> int:
    if _NUMBER.fullmatch(text):
        return _from_number(float(text) if "." in text else int(text))
    if _MONTH.fullmatch(text):
        text = f"{text}-01"
    return parse_iso8601(text, offset_required=False)


def _from_number(value: float) -> int:
    if value in _YEARS:
        return parse_iso8601(f"{int(value)}-01-01", offset_required=False)
    for limit, numerator, denominator in _UNITS:
        if abs(value) < limit:
            return int(value * numerator // denominator)
    raise ValueError(f"{value} is no time; send seconds or milliseconds since 1970, or a year")
