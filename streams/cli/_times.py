"""Times as people write them on the command line."""

from __future__ import annotations

import re
from datetime import datetime, timezone

import typer

from streams.durations import parse_duration

FORMS = "ISO date or time (2024, 2024-05, 2024-05-06, 2024-05-06T07:08Z; UTC) or 24h, 7d ago, now"

FIRST_MS = -2_208_988_800_000
"""1900-01-01, the first time that ClickHouse's DateTime64 can hold."""

LAST_MS = 10_413_791_999_999
"""The last millisecond of 2299, the last one."""

_FIRST_YEAR, _LAST_YEAR = 1900, 2299
_SHORT = re.compile(r"(\d{4})(?:-(\d{2}))?")
_AGO = re.compile(r"(.+?)(?:\s+ago)?")


def parse_time(text: str, now_ms: int) -> int:
    """Return milliseconds since 1970 (UTC).

    Args:
        text: a date or time without an offset is in UTC; a duration is counted back from now.
        now_ms: the current time.

    Raises:
        typer.BadParameter: the text is no time; says which forms are.
    """
    text = text.strip()
    if text.lower() == "now":
        return now_ms
    moment = _moment(text)
    if moment is None:
        return _back(text, now_ms)
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise typer.BadParameter(f"{text!r} is outside {_FIRST_YEAR} to {_LAST_YEAR}")
    return round(moment.timestamp() * 1000)


def clickhouse_time(milliseconds: int) -> str:
    """Return a time as the value of a parameter of type DateTime64(3, 'UTC')."""
    seconds, rest = divmod(milliseconds, 1000)
    moment = datetime.fromtimestamp(seconds, tz=timezone.utc)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{rest:03d}"


def _moment(text: str) -> datetime | None:
    short = _SHORT.fullmatch(text)
    try:
        if short:
            return datetime(int(short[1]), int(short[2] or 1), 1, tzinfo=timezone.utc)
        moment = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text))
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _back(text: str, now_ms: int) -> int:
    match = _AGO.fullmatch(text)
    try:
        return now_ms - parse_duration(match[1] if match else text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time; write an {FORMS}") from None
