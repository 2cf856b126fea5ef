"""A monitor's finding in one sentence: what it was, what it is."""

from __future__ import annotations

from collections import Counter
from math import exp, sin
from typing import TYPE_CHECKING, NamedTuple

from streams.drift.finding import Explanation
from streams.drift.shares import share_changes
from streams.drift.wording import sql_string

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.messages import ShareChange
    from streams.drift.monitors.metrics import Metric, Row
    from streams.drift.monitors.mix import Mix
    from streams.drift.monitors.quiet import Quiet

_SHOWN = 3


class Told(NamedTuple):
    """What moved.

    Attributes:
        after, before: on the metric's scale; mean of the newest frames, and the usual.
        rows: the frames since the change.
        began: start and end of the frame in which the event began.
    """

    metric: Metric
    after: float
    before: float
    rows: Sequence[Row]
    began: tuple[int, int]
    quiet: Quiet


def tell(told: Told, source: str) -> Explanation:
    """Return the explanation of a finding."""
    metric = told.metric
    start, end = told.rows[0].start, told.rows[-1].end
    changes: tuple[ShareChange, ...] = ()
    if metric.form == "mix":
        mix = told.quiet.shape.labels if metric.kind == "labels" else told.quiet.shape.languages
        changes = _changes(told, mix)
        shown = ", ".join(
            f"{change.label or '(none)'} {_percent(change.before)} -> {_percent(change.after)}"
            for change in changes[:_SHOWN]
        )
        sentence = f"the mix of {metric.name} moved: {shown}"
    elif metric.form == "share":
        whole = "of all words" if metric.name == "new words" else ""
        after, before = _percent(sin(told.after) ** 2), _percent(sin(told.before) ** 2)
        sentence = f"{metric.name}: {after} {whole}, usually {before}".replace(" ,", ",")
    elif metric.form == "distinct":
        part = exp(told.after - told.before) - 1
        side = "more" if part > 0 else "fewer"
        sentence = f"{_percent(abs(part))} {side} distinct words than as many words usually have"
    elif metric.form == "log":
        shift = 1 if metric.name in _PLUS_ONE else 0
        after, before = (f"{exp(value) - shift:.3g}" for value in (told.after, told.before))
        sentence = f"{metric.name}: {after}, usually {before}"
    else:
        sentence = f"{metric.name}: {told.after:.2f}, usually {told.before:.2f}"
    return Explanation(
        sentence,
        changed_at=told.began[0],
        changed_from=told.began[0],
        changed_to=told.began[1],
        labels=changes if metric.kind == "labels" else (),
        sql=windows_query(source, start, end),
    )


_PLUS_ONE = ("words per document",)


def windows_query(source: str, start: int, end: int) -> str:
    """Return a ClickHouse query for the windows of a finding; times in ms."""
    return (
        "SELECT window_start, documents, monitor_scores, * FROM drift_windows "
        f"WHERE source = {sql_string(source)} "
        f"AND window_start >= fromUnixTimestamp64Milli({start:d}, 'UTC') "
        f"AND window_start < fromUnixTimestamp64Milli({end:d}, 'UTC') ORDER BY window_start"
    )


def _changes(told: Told, mix: Mix) -> tuple[ShareChange, ...]:
    frames = [row.labels if told.metric.kind == "labels" else row.languages for row in told.rows]
    after: Counter[str] = Counter()
    for frame in frames:
        after.update(frame)
    documents = round(told.quiet.shape.documents * told.quiet.frames)
    before = {
        name: round(float(share) * documents)
        for name, share in zip((*mix.names, "other"), mix.shares, strict=True)
        if share > 0
    }
    return share_changes(before, after)


def _percent(share: float) -> str:
    return f"{share:.1%}".replace("%", " %")
