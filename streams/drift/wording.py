"""An alert in one sentence, and the query that shows its evidence again."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.messages import ShareChange, TermChange

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_FIRST_MS = -62_135_596_800_000  # years 1 and 9999: what the calendar can name
_LAST_MS = 253_402_300_799_000
_WORDS = 6
_ESCAPES: dict[str, str | int | None] = {
    "\\": "\\\\",
    "'": "\\'",
    "\0": "\\0",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
}
_SHARES = 3


def sentence(
    source: str,
    changed_at: int,
    *,
    score: float,
    threshold: float,
    came: Sequence[TermChange],
    went: Sequence[TermChange],
    labels: Sequence[ShareChange],
) -> str:
    """Return what happened, since when, how sure, and in which words."""
    moved = f'source "{source}": language moved since {utc_minute(changed_at)}'
    parts = [
        f"{moved} (score {score:.1f}, alarm above {threshold:.1f})",
        _evidence(came, went, labels) or "no single word or label stands out",
    ]
    return ": ".join(parts)


def utc_minute(milliseconds: int) -> str:
    """Return a time as ``2026-11-21 03:12 UTC``."""
    moment = _EPOCH + timedelta(milliseconds=min(max(milliseconds, _FIRST_MS), _LAST_MS))
    return f"{moment.isoformat(sep=' ', timespec='minutes').split('+', maxsplit=1)[0]} UTC"


def evidence_query(source: str, start: int, end: int) -> str:
    """Return a ClickHouse query for the window's documents; times in ms, both ends included."""
    return (
        "SELECT published_at, doc_id, label, title, summary FROM documents "
        f"WHERE source = {sql_string(source)} "
        f"AND published_at BETWEEN fromUnixTimestamp64Milli({start:d}, 'UTC') "
        f"AND fromUnixTimestamp64Milli({end:d}, 'UTC') ORDER BY published_at, doc_id"
    )


def sql_string(text: str) -> str:
    """Return a ClickHouse string literal of any text; no character can end it early.

    ClickHouse reads backslash escapes inside single quotes; a NUL or a line break is written as
    one so that the query stays one line.
    """
    return f"'{text.translate(str.maketrans(_ESCAPES))}'"


def _evidence(
    came: Sequence[TermChange], went: Sequence[TermChange], labels: Sequence[ShareChange]
) -> str:
    parts = []
    if came:
        parts.append(f"came: {_words(came)}")
    if went:
        parts.append(f"went: {_words(went)}")
    clear = [share for share in labels if share.low > 0 or share.high < 0][:_SHARES]
    shares = (f"{share.label} {share.before:.0%} -> {share.after:.0%}" for share in clear)
    if clear:
        parts.append(f"label {', '.join(shares)}".replace("%", " %"))
    return "; ".join(parts)


def _words(changes: Sequence[TermChange]) -> str:
    return ", ".join(change.term for change in changes[:_WORDS])
