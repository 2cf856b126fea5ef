"""Points in time as people and programs write them, to milliseconds since 1970 UTC."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

_ISO = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)"
    r"(?:[Tt ](\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)?"
    r"\s*(Z|z|UTC|[+-]\d\d(?::?\d\d)?)?)?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND = timedelta(milliseconds=1)


def parse_iso8601(text: str, *, offset_required: bool) -> int:
    """Return milliseconds since the epoch of an ISO 8601 date or date and time.

    Args:
        text: e.g. ``2024-05-01T12:00:00.250Z`` or ``2024-05-01 14:00+02:00``.
        offset_required: refuse a time without ``Z`` or an offset instead of taking it as UTC.

    Raises:
        ValueError: it is none; says what to write.
    """
    match = _ISO.fullmatch(text.strip())
    if match is None or (offset_required and match.group(8) is None):
        raise ValueError(f"{text[:40]!r} is no time; write for instance 2024-05-01T12:00:00Z")
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    try:
        local = datetime(year, month, day, hour, minute, second, tzinfo=_zone(match.group(8)))
    except ValueError as error:
        raise ValueError(f"{text[:40]!r} is no time: {error}") from None
    return (local - _EPOCH) // _MILLISECOND + int((match.group(7) or "").ljust(3, "0")[:3])


def _zone(text: str | None) -> timezone:
    if text is None or text in {"Z", "z", "UTC"}:
        return timezone.utc
    digits = text[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))
