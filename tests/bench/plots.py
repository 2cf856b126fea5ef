"""Pictures of what benchmarks measured."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_COLOUR, _DOTS, _FAINT = "#2b6cb0", "#1a202c", "#cbd5e0"
_POINTS = 600


@dataclass(frozen=True)
class Panel:
    """One small picture: lines over minutes.

    Attributes:
        title: what is shown, with its unit.
        lines: name -> values; None where there is none.
        logarithmic: whether the values span orders of magnitude.
    """

    title: str
    lines: Mapping[str, Sequence[float | None]]
    logarithmic: bool = False


def bars(results: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Draw speed and processor time of each contender: medians as bars, runs as dots."""
    names = list(results)
    speeds = [[run["documents"] / run["seconds"] for run in results[n]["runs"]] for n in names]
    costs = [
        [1000 * run["cpu_seconds"] / run["documents"] for run in results[n]["runs"]] for n in names
    ]
    figure, axes = plt.subplots(
        1, 2, figsize=(10, 0.55 * len(names) + 1.6), sharey=True, layout="constrained"
    )
    _bars(axes[0], names, speeds, "documents per second (more is better)", "{:,.0f}")
    _bars(axes[1], names, costs, "processor ms per document (less is better)", "{:.2f}")
    figure.suptitle("The same job around a no-op model, one Apache Kafka node", fontsize=11)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _bars(
    axis: Any, names: Sequence[str], runs: Sequence[Sequence[float]], title: str, form: str
) -> None:
    middle = [statistics.median(values) for values in runs]
    axis.barh(names, middle, color=_COLOUR, height=0.6)
    for place, values in enumerate(runs):
        axis.plot(values, [place] * len(values), "o", color=_DOTS, markersize=3)
        axis.text(middle[place], place, "  " + form.format(middle[place]), va="bottom", fontsize=8)
    axis.set_title(title, fontsize=9)
    axis.set_xlim(0, 1.18 * max(max(values) for values in runs))
    axis.invert_yaxis()
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8)


def small_multiples(
    minutes: Sequence[float], panels: Sequence[Panel], title: str, path: Path
) -> None:
    """Draw panels over the same minutes, in two columns."""
    rows = (len(panels) + 1) // 2
    figure, axes = plt.subplots(
        rows, 2, figsize=(11, 2.1 * rows + 0.6), sharex=True, layout="constrained"
    )
    for axis, panel in zip(axes.flat, panels, strict=False):
        _lines(axis, minutes, panel)
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    for axis in axes[-1]:
        axis.set_xlabel("minutes", fontsize=8)
    figure.suptitle(title, fontsize=11)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _lines(axis: Any, minutes: Sequence[float], panel: Panel) -> None:
    step = max(1, len(minutes) // _POINTS)
    for name, values in panel.lines.items():
        known = [(at, v) for at, v in zip(minutes, values, strict=True) if v is not None][::step]
        axis.plot([at for at, _ in known], [v for _, v in known], linewidth=1, label=name)
    axis.set_title(panel.title, fontsize=9, loc="left")
    axis.grid(visible=True, color=_FAINT, linewidth=0.5)
    axis.tick_params(labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)
    if panel.logarithmic:
        axis.set_yscale("log")
    else:
        axis.set_ylim(bottom=0)
    if len(panel.lines) > 1:
        axis.legend(fontsize=7, ncols=3, frameon=False, loc="best")
