"""The two sides of a comparison, as people write them: ``SOURCE[,FROM[,TO]]``."""

from __future__ import annotations

from dataclasses import dataclass

import typer

from streams.cli._times import FIRST_MS, LAST_MS, clickhouse_time, parse_time

FORM = 'SOURCE[,FROM[,TO]], as "news,2024-05-01,2024-05-08" or "news,7d"; * for all sources'


@dataclass(frozen=True, slots=True)
class Side:
    """Windows of a source, or of all.

    Attributes:
        source: '' for all.
        start: of the first window, ms; included.
        end: before this time, ms, each window starts.
        version: a compute type or the beginning of a revision; '' for all.
    """

    source: str
    start: int
    end: int
    version: str = ""

    def parameters(self, name: str) -> dict[str, str]:
        """Return the parameters of the side called ``name``."""
        return {
            f"{name}_source": self.source,
            f"{name}_from": clickhouse_time(self.start),
            f"{name}_to": clickhouse_time(self.end),
            f"{name}_version": self.version,
        }

    def __str__(self) -> str:
        spans = []
        if self.start > FIRST_MS:
            spans.append(f"from {_shown(self.start)}")
        if self.end < LAST_MS:
            spans.append(f"to {_shown(self.end)}")
        version = [f"version {self.version}"] if self.version else []
        return ", ".join([self.source or "all sources", *spans, *version])


def parse_side(text: str, version: str | None, now_ms: int) -> Side:
    """Return a side.

    Raises:
        typer.BadParameter: the text names no source or an empty range.
    """
    parts = text.split(",")
    source, times = parts[0].strip(), parts[1:]
    if not source or len(times) > 2:  # noqa: PLR2004 - from and to
        raise typer.BadParameter(f"{text!r} is no side; write {FORM}")
    start = parse_time(times[0], now_ms) if times and times[0].strip() else FIRST_MS
    end = parse_time(times[1], now_ms) if len(times) > 1 and times[1].strip() else LAST_MS
    if start >= end:
        raise typer.BadParameter(f"{text!r}: FROM must be before TO")
    return Side("" if source == "*" else source, start, end, version or "")


def _shown(moment: int) -> str:
    return clickhouse_time(moment).removesuffix(".000").removesuffix(" 00:00:00")
