"""The numbers that are watched of a frame: one closed window, or several small ones together.

Each is brought to a scale on which chance is nearly normal, with its sampling variance:

* a share ``k`` of ``n`` as ``asin(sqrt((k + 3/8) / (n + 3/4)))``, variance ``1 / (4 n + 2)``
  (Anscombe, "The transformation of Poisson, binomial and negative-binomial data", 1948);
* a mean of logarithms or confidences as it is, variance = that of its documents / ``n``;
* distinct words as ``log V`` less what the number of words ``N`` predicts: Heaps' law
  ``V = K N**b`` (Heaps 1978, section 7.5) with an exponent that falls with ``log N``,
  ``b = b0 + c (log N - x0)``, as it does in every finite vocabulary; variance ``1 / V``. Exponent
  and its fall are measured inside the windows, between earlier emissions and their end;
* a mix of labels by ``mix.py``; a rate as the log of documents per minute.

Copies and near-copies count for ``copies``, missing fields, rate and lateness only: whatever else
they would move is one and the same event.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import asin, log, sqrt
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from streams.drift.monitors.facts import FIXED, FIXED_CONFIDENCE
from streams.drift.monitors.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

Form = Literal["share", "log", "plain", "mix", "distinct"]
_MINUTE = 60_000
_LEAST_GROWTH = 50  # words before which a window's growth says nothing of its law


class Metric(NamedTuple):
    """How a number is watched.

    Attributes:
        kind: of the alert.
        sides: 2 if less is as bad as more.
        least: standard deviation that quiet frames are believed to have at least.
        zone: change that is never an event of its own: a busy hour.
    """

    name: str
    kind: str
    form: Form
    sides: int
    least: float
    zone: float = 0.0


METRICS = (
    Metric("distinct words", "vocabulary", "distinct", 2, 0.01),
    Metric("new words", "vocabulary", "share", 1, 0.005),
    Metric("unknown word pieces", "vocabulary", "share", 1, 0.005),
    Metric("word pieces per character", "vocabulary", "log", 2, 0.01),
    Metric("documents without title", "missing", "share", 1, 0.005),
    Metric("documents without language", "missing", "share", 1, 0.005),
    Metric("documents without words", "missing", "share", 1, 0.005),
    Metric("copies and near-copies", "duplicates", "share", 1, 0.005),
    Metric("words per document", "length", "log", 2, 0.01),
    Metric("spread of the words per document", "length", "log", 2, 0.02),
    Metric("mean confidence", "confidence", "plain", 2, 0.005),
    Metric("labels", "labels", "mix", 1, 0.05),
    Metric("languages", "languages", "mix", 1, 0.05),
    Metric("documents per minute", "rate", "log", 2, 0.1, log(4)),
    Metric("seconds from publication to arrival", "lateness", "log", 1, 0.1, log(2)),
)
KINDS = tuple(dict.fromkeys(metric.kind for metric in METRICS))
DISTINCT, LABELS, LANGUAGES = (
    next(i for i, metric in enumerate(METRICS) if metric.name == name)
    for name in ("distinct words", "labels", "languages")
)


class Row(NamedTuple):
    """A frame's numbers.

    Attributes:
        values, variances: of ``METRICS``; those of mixes and of distinct words come with the fit.
        log_distinct, log_tokens, log_tokens_squared: of the frame's windows, averaged by their
            words.
        slope, bend: exponent of Heaps' law at the windows' end, and its change with the log of the
            words, averaged likewise; NaN where no window is large enough to show it.
        ms: event time since the frame before.
        labels, languages: documents of each, copies left out.
    """

    values: npt.NDArray[np.float64]
    variances: npt.NDArray[np.float64]
    log_distinct: float
    log_tokens: float
    log_tokens_squared: float
    slope: float
    bend: float
    documents: int
    ms: int
    distinct: int
    start: int
    end: int
    labels: dict[str, int]
    languages: dict[str, int]


class Closed(NamedTuple):
    """A window that has just closed.

    Attributes:
        distinct, new: distinct words, and those never used before.
        growth: words and distinct words at earlier emissions.
        position: documents of the source so far.
        moment: event time and arrival of the document that closed it, ms.
    """

    start: int
    tally: Tally
    distinct: int
    new: int
    growth: tuple[tuple[int, int], ...]
    position: int
    moment: tuple[int, int]


@dataclass(slots=True)
class Frame:
    """Closed windows that are judged together.

    Attributes:
        distinct, new: sums over the windows.
        logs: sums over the windows, weighted by their words: of 1, log distinct words, log words
            and its square; of the slope and 1, and of the bend and 1, of windows that show one.
    """

    start: int | None = None
    end: int = 0
    tally: Tally = field(default_factory=Tally)
    distinct: int = 0
    new: int = 0
    logs: list[float] = field(default_factory=lambda: [0.0] * 8)

    def add(self, closed: Closed, end: int) -> None:
        """Take a window in; ``end`` is its end, ms."""
        start, tally, distinct = closed.start, closed.tally, closed.distinct
        self.start = start if self.start is None else self.start
        self.end = end
        self.tally.merge(tally)
        self.distinct += distinct
        self.new += closed.new
        words = tally.original("tokens")
        if not words or not distinct:
            return
        slope, bend = _growth(closed.growth, words, distinct)
        amounts = (
            *(1.0, log(distinct), log(words), log(words) ** 2),
            *((0.0, 0.0) if slope is None else (slope, 1.0)),
            *((0.0, 0.0) if bend is None else (bend, 1.0)),
        )
        weighted = zip(self.logs, amounts, strict=True)
        self.logs = [total + words * amount for total, amount in weighted]

    def head(self) -> list[Any]:
        """Return the state as plain values."""
        meta, arrays = self.tally.head()
        plain = {name: array.tolist() for name, array in arrays.items()}
        return [self.start, self.end, self.distinct, self.new, self.logs, meta, plain]

    @classmethod
    def decode(cls, head: list[Any]) -> Frame:
        """Return the frame of ``head``."""
        start, end, distinct, new, logs, meta, plain = head
        arrays = {name: np.array(values, np.int64) for name, values in plain.items()}
        return cls(start, end, Tally.decode(meta, arrays), distinct, new, logs)

    def row(self, since: int) -> Row:
        """Return the numbers; ``since`` is when the frame before ended, ms."""
        tally = self.tally
        count = max(tally.original("documents"), 1)
        everything = tally.total("documents")
        pieces, characters = tally.original("word_pieces"), tally.original("characters")
        length, spread = _moments(tally, "log_tokens", count, FIXED)
        sure, unsure = _moments(tally, "confidence", count, FIXED_CONFIDENCE)
        late, late_spread = (
            tally.total("log_lateness") / FIXED / everything,
            tally.total("log_lateness_squared") / FIXED / everything,
        )
        ms = max(self.end - since, 1)
        pairs = [
            (0.0, 1 / max(self.distinct, 1)),
            _share(self.new, tally.original("tokens")),  # distinct words do not grow in proportion
            _share(tally.original("unknown_tokens"), pieces),
            (log((pieces + 1) / (characters + 1)), 1 / (pieces + 1)),
            _share(tally.total("without_title"), everything),
            _share(tally.total("without_language"), everything),
            _share(tally.total("without_words"), everything),
            _share(tally.copies + tally.near_copies, everything),
            (length, spread / count),
            (0.5 * log(spread + 1e-4), 1 / (2 * count)),
            (sure, unsure / count),
            (0.0, 0.0),
            (0.0, 0.0),
            (log(everything * _MINUTE / ms), 1 / everything),
            (late, max(late_spread - late**2, 0.0) / everything),
        ]
        words, *logs = self.logs
        distinct, tokens, squared = (log_sum / words if words else 0.0 for log_sum in logs[:3])
        slope, bend = (_ratio(*logs[3:5]), _ratio(*logs[5:]))
        return Row(
            np.array([value for value, _ in pairs]),
            np.array([variance for _, variance in pairs]),
            *(distinct, tokens, squared, slope, bend),
            everything,
            ms,
            self.distinct,
            self.start or 0,
            self.end,
            dict(tally.labels - tally.copied_labels),
            dict(tally.languages - tally.copied_languages),
        )


def _growth(
    growth: Sequence[tuple[int, int]], words: int, distinct: int
) -> tuple[float | None, float | None]:
    """Return the exponent of Heaps' law at the window's end and its change with the log of words.

    Args:
        growth: words and distinct words earlier, oldest first.
        words: at the end.
        distinct: at the end.
    """
    points = [(log(n), log(v)) for n, v in growth if n >= _LEAST_GROWTH and 1.5 * n <= words and v]
    if not points:
        return None, None
    (x, y), end, last = points[-1], log(words), log(distinct)
    slope = (last - y) / (end - x)
    if len(points) == 1 or x <= points[-2][0]:
        return slope, None
    before, earlier = points[-2]
    bend = (slope - (y - earlier) / (x - before)) / ((end - before) / 2)
    return slope + bend * (end - x) / 2, bend


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _share(part: int, whole: int) -> tuple[float, float]:
    return asin(min(1.0, sqrt((part + 0.375) / (whole + 0.75)))), 1 / (4 * whole + 2)


def _moments(tally: Tally, name: str, count: int, unit: int) -> tuple[float, float]:
    """Return mean and variance of a column over the documents that repeat no other."""
    mean = tally.original(name) / unit / count
    square = tally.original(f"{name}_squared") / unit / count
    return mean, max(square - mean**2, 0.0)
