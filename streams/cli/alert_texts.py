"""Alerts as people read them, and as programs do."""

from __future__ import annotations

import textwrap
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import typer

from streams.cli._output import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.messages import DriftAlert, Evidence

_STATE_COLOURS = {"open": "red", "update": "yellow", "closed": "green", "acknowledged": "cyan"}
_DOCUMENTS = 3
_LONGEST = 160
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def alert_line(alert: DriftAlert, *, as_json: bool) -> str:
    """Return an alert as one line of JSON with every field, or as one line for a person."""
    if as_json:
        import orjson  # noqa: PLC0415 - keeps `tidemark --help` fast

        return orjson.dumps(alert).decode()
    source = printable(alert.source)
    return f"{_head(alert)}  {source}: {printable(_text(alert))}  [{printable(alert.alert_id)}]"


def alert_text(alert: DriftAlert, width: int) -> str:
    """Return an alert in several lines, in colours, for a terminal."""
    colour = _STATE_COLOURS.get(alert.state)
    title = f"{printable(alert.source)} ({printable(alert.kind)})"
    lines = [f"{typer.style(_head(alert), fg=colour, bold=True)}  {typer.style(title, bold=True)}"]
    lines += _wrapped(_text(alert), width)
    if alert.state == "open":
        lines += _documents("typical now:", alert.new_documents, width)
        lines += _documents("typical before:", alert.old_documents, width)
    lines.append(typer.style(f"  {_next_step(alert)}", dim=True))
    return "\n".join([*lines, ""])


def _head(alert: DriftAlert) -> str:
    # Not fromtimestamp, which fails before 1970 on some systems and beyond its range on others.
    at = alert.detected_at if alert.as_of is None else alert.as_of
    time = (_EPOCH + timedelta(milliseconds=at)).strftime("%Y-%m-%d %H:%M:%S")
    return f"{time}  {printable(alert.severity):<8}  {printable(alert.state):<6}"


def _text(alert: DriftAlert) -> str:
    if alert.state != "acknowledged":
        return f"{alert.message} {alert.note}".strip()
    by = alert.acknowledged_by or "somebody"
    return f"seen by {by}{f': {alert.note}' if alert.note else ''}"


def _next_step(alert: DriftAlert) -> str:
    name = printable(alert.alert_id)
    if alert.state in {"closed", "acknowledged"}:
        return name
    return f"{name}: `tidemark drift ack {name}`, or `tidemark alerts --json` for all evidence"


def _documents(title: str, documents: Sequence[Evidence], width: int) -> list[str]:
    shown = [f"- {printable(one.summary[:_LONGEST])}" for one in documents[:_DOCUMENTS]]
    folded = [textwrap.shorten(line, max(width - 4, 20), placeholder=" ...") for line in shown]
    return [f"  {title}", *(f"    {line}" for line in folded)] if folded else []


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        printable(text), max(width, 40), initial_indent="  ", subsequent_indent="  "
    )
