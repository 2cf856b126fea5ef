"""A picture of a scenario: lag and memory over time, with what was done to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MOST_LABELS = 16


def plot(report: Mapping[str, Any], path: Path) -> None:
    """Draw the series of a report into a PNG file.

    Args:
        report: of a scenario; one that failed before its end has no series and gives no picture.
        path: of the file.
    """
    series = report.get("series")
    if series is None:
        return
    from matplotlib.figure import Figure  # noqa: PLC0415 - heavy, and not needed by the tests

    figure = Figure(figsize=(11, 6), layout="constrained")
    lag, memory = figure.subplots(2, 1, sharex=True)
    for role, values in series["lag"].items():
        lag.plot(series["seconds"], values, label=role)
    for role, values in series["memory_mb"].items():
        memory.plot(series["seconds"], values, label=f"{role}, largest worker")
    _mark(lag, series["events"])
    lag.set(
        ylabel="messages behind",
        title=f"{report['scenario']}: {report['documents']} documents, "
        f"lost {report['lost']}, doubled {report['doubled']}",
    )
    memory.set(ylabel="resident MB", xlabel="seconds", ylim=(0, None))
    for axes in (lag, memory):
        axes.legend(loc="center left")
    figure.savefig(path, dpi=110)


def _mark(axes: Any, events: list[tuple[float, str]]) -> None:
    named = len(events) <= _MOST_LABELS
    for at, event in events:
        axes.axvline(at, color="grey", linewidth=0.6)
        if named:
            top = axes.get_ylim()[1]
            axes.text(at, top, event, rotation=90, size=6, va="top", ha="right", color="grey")
