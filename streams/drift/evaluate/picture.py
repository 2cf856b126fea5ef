"""A picture of a study as SVG, without a drawing library: how fast each change is found."""

from __future__ import annotations

from html import escape
from math import isfinite
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.drift.evaluate.measure import Detections
    from streams.drift.evaluate.study import Result

# Okabe and Ito's palette: told apart by the colour-blind, too.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_WIDTH, _HEIGHT = 760, 420
_LEFT, _TOP, _RIGHT, _BOTTOM = 60, 64, 280, 56
_TEXT = 'font-family="system-ui, sans-serif" font-size="12" fill="#1a202c"'
_TICKS = 5


def draw(result: Result, after: int, title: str) -> str:
    """Return an SVG: the share of streams in which each change was found, over documents since.

    Args:
        result: of the study.
        after: documents watched after a change: the end of the axis.
        title: of the picture.
    """
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        _text(_LEFT, 24, title, size=15),
        _text(_LEFT, 44, _alarms(result)),
        *_axes(after),
    ]
    for number, detections in enumerate(result.detections):
        parts += _curve(detections, after, number)
    return "\n".join([*parts, "</svg>", ""])


def _alarms(result: Result) -> str:
    alarms = result.false_alarms
    low, high = alarms.interval
    return (
        f"False alarms in 10,000 quiet documents: {alarms.per_10_000:.2f} "
        f"(95 % interval {low:.2f} to {high:.2f}); promised {1e4 / alarms.promised:.2f}"
    )


def _axes(after: int) -> list[str]:
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    parts = []
    for tick in range(_TICKS + 1):
        share = tick / _TICKS
        x, y = _x(share * after, after), _y(share)
        parts += [
            f'<path d="M{_LEFT} {y:.1f}H{right}" stroke="#e2e8f0"/>',
            _text(_LEFT - 8, y + 4, f"{share:.0%}", anchor="end"),
            _text(x, bottom + 18, f"{share * after:,.0f}", anchor="middle"),
        ]
    middle = (_LEFT + right) / 2
    parts.append(_text(middle, bottom + 40, "documents since the change", anchor="middle"))
    parts.append(_text(_LEFT, _TOP - 4, "share of streams that had alarmed", size=11))
    return parts


def _curve(detections: Detections, after: int, number: int) -> list[str]:
    """Draw a step at every detection, and the legend's line."""
    colour = _COLOURS[number % len(_COLOURS)]
    dash = ' stroke-dasharray="5 3"' if number >= len(_COLOURS) else ""
    found = sorted(filter(isfinite, detections.delays))
    streams = max(len(detections.delays), 1)
    steps = [
        f"H{_x(delay, after):.1f}V{_y((k + 1) / streams):.1f}" for k, delay in enumerate(found)
    ]
    path = f"M{_LEFT} {_y(0):.1f}{''.join(steps)}H{_WIDTH - _RIGHT}"
    at = _TOP + 12 + 34 * number
    x = _WIDTH - _RIGHT + 16
    stroke = f'fill="none" stroke="{colour}" stroke-width="2"{dash}'
    return [
        f'<path d="{path}" {stroke}/>',
        f'<path d="M{x} {at - 4}h18" {stroke}/>',
        _text(x + 24, at, _cut(detections.name)),
        _text(x + 24, at + 14, _delays(detections), size=11),
    ]


def _delays(detections: Detections) -> str:
    median, late = (detections.quantile(share) for share in (0.5, 0.9))
    return f"median {_documents(median)}, nine in ten {_documents(late)}"


def _documents(delay: float) -> str:
    return f"{delay:,.0f}" if isfinite(delay) else "never"


def _cut(name: str, longest: int = 36) -> str:
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def _x(documents: float, after: int) -> float:
    return _LEFT + (_WIDTH - _RIGHT - _LEFT) * min(documents / after, 1.0)


def _y(share: float) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * share


def _text(x: float, y: float, words: str, *, anchor: str = "start", size: int = 12) -> str:
    style = _TEXT.replace('"12"', f'"{size}"')
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {style}>{escape(words)}</text>'
