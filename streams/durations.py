"""Durations as people write them: ``500ms``, ``60s``, ``15m``, ``1h``, ``7d``, ``2w``, ``1y``."""

from __future__ import annotations

import re

_UNITS_MS = {
    "ms": 1,
    "s": 1_000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 7 * 86_400_000,
    "y": 365 * 86_400_000,
}
_NAMES = {"second": "s", "minute": "m", "hour": "h", "day": "d", "week": "w", "year": "y"}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*")
_RATE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:per|/)\s*(.+)")


def parse_duration(text: str) -> int:
    """Return the duration in milliseconds.

    Raises:
        ValueError: the text is no positive duration; says which forms are.
    """
    match = _DURATION.fullmatch(text.lower())
    unit = _unit(match.group(2)) if match else None
    if match is None or unit is None or float(match.group(1)) <= 0:
        raise ValueError(f"{text!r} is no duration; write for instance 60s, 15m, 1h or 7d")
    return round(float(match.group(1)) * _UNITS_MS[unit])


def is_off(text: str) -> bool:
    """Return whether the text asks for never: ``off`` or ``0``."""
    return text.strip().lower() in ("off", "0")


def parse_rate(text: str) -> float:
    """Return events per millisecond of a rate such as ``1 per week`` or ``3 per 12h``.

    Raises:
        ValueError: the text is no positive rate.
    """
    match = _RATE.fullmatch(text.lower())
    if match is None or float(match.group(1)) <= 0:
        raise ValueError(f"{text!r} is no rate; write for instance '1 per week' or '2 per day'")
    period = match.group(2).strip()
    return float(match.group(1)) / parse_duration(period if period[0].isdigit() else f"1{period}")


def _unit(word: str) -> str | None:
    if word in _UNITS_MS:
        return word
    return _NAMES.get(word.removesuffix("s"))
