"""Made-up closed windows of a source whose law is known, quiet or with one thing wrong.

Documents have lognormal lengths and words by Zipf; labels, languages, missing titles, copies and
arrivals are drawn by fixed shares. With ``burst`` the source has moods: mean length, label mix and
confidence wander as an AR(1) process of the windows.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from streams.drift.monitors.facts import COLUMNS, FIXED, FIXED_CONFIDENCE
from streams.drift.monitors.metrics import Closed
from streams.drift.monitors.tally import Tally
from tests.support.streams_of_documents import START

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

MINUTE = 60_000
LABELS = ("politics", "sports", "science", "weather")
_SHARES = np.array([0.4, 0.3, 0.2, 0.1])
_WORDS = 200_000


@lru_cache(maxsize=1)
def _zipf() -> Floats:
    weights = 1 / (np.arange(1, _WORDS + 1) + 2.7)
    return np.asarray(np.cumsum(weights / weights.sum()))


@dataclass(frozen=True)
class Law:
    """What the windows are made of.

    Attributes:
        documents: of a window, on average.
        burst: correlation of the moods of two neighbouring windows; 0 for none.
        rhythm: how much the log of the documents swings over 240 windows.
    """

    documents: float = 80.0
    burst: float = 0.0
    rhythm: float = 0.0


@dataclass(frozen=True)
class Wrong:
    """What is wrong with a window; the defaults are nothing."""

    documents: float = 1.0
    without_title: float = 0.02
    without_language: float = 0.05
    copied: float = 0.01
    length: float = 1.0
    label: str = ""
    language: str = ""
    new_words: float = 0.3
    lateness: float = 800.0


NOTHING = Wrong()


class Source:
    """Closed windows, one after the other; the same for the same seed."""

    def __init__(self, seed: int, law: Law | None = None) -> None:
        self._rng = np.random.default_rng(seed)
        self._law = law or Law()
        self._mood = float(self._rng.normal())
        self._number = 0
        self._position = 0

    def windows(self, count: int, wrong: Wrong = NOTHING) -> Iterator[Closed]:
        """Yield the next windows that have documents."""
        for _ in range(count):
            number, self._number = self._number, self._number + 1
            swing = np.exp(self._law.rhythm * np.sin(number * 2 * np.pi / 240))
            size = int(self._rng.poisson(self._law.documents * wrong.documents * swing))
            innovation = np.sqrt(1 - self._law.burst**2) * self._rng.normal()
            self._mood = self._law.burst * self._mood + innovation
            if size:
                yield self._closed(number, size, wrong)

    def _closed(self, number: int, size: int, wrong: Wrong) -> Closed:
        rng, mood = self._rng, 0.1 * self._mood if self._law.burst else 0.0
        tally, originals = Tally(), size - int(rng.binomial(size, wrong.copied))
        drawn = np.clip(np.exp(rng.normal(3.7 + mood, 0.5, size)) * wrong.length, 3, 400)
        lengths = drawn.astype(np.int64)
        numbers = self._numbers(lengths, wrong, mood)
        tally.sums += numbers.sum(axis=0)
        tally.copied += numbers[originals:].sum(axis=0)
        tally.copies = size - originals
        labels = self._labels(size, wrong, mood)
        languages = np.where(rng.random(size) < 0.8, "en", "de").tolist()
        if wrong.language:
            languages = [wrong.language] * size
        tally.labels, tally.copied_labels = Counter(labels), Counter(labels[originals:])
        tally.languages, tally.copied_languages = Counter(languages), Counter(languages[originals:])
        distinct, growth = self._vocabulary(lengths[:originals])
        self._position += size
        start = START + number * MINUTE
        new = int(rng.poisson(wrong.new_words * originals))
        at = (start + MINUTE, start + MINUTE + 3)
        return Closed(start, tally, distinct + new, new, growth, self._position, at)

    def _numbers(
        self, lengths: npt.NDArray[np.int64], wrong: Wrong, mood: float
    ) -> npt.NDArray[np.int64]:
        rng, size = self._rng, len(lengths)
        logs = np.log1p(lengths)
        confidence = np.clip(rng.beta(6, 3, size) + 0.1 * mood, 0, 1)
        late = np.floor(rng.exponential(wrong.lateness, size))
        rich = 1.6 if wrong.language else 1.3
        named = {
            "documents": np.ones(size),
            "tokens": lengths,
            "tokens_squared": lengths**2,
            "log_tokens": logs * FIXED,
            "log_tokens_squared": logs**2 * FIXED,
            "word_pieces": np.round(lengths * (rich + 0.1 * rng.random(size))),
            "unknown_tokens": rng.random(size) < 0.002 * lengths,
            "characters": np.round(lengths * (5.5 + rng.random(size))),
            "confidence": confidence * FIXED_CONFIDENCE,
            "confidence_squared": confidence**2 * FIXED_CONFIDENCE,
            "without_title": rng.random(size) < wrong.without_title,
            "without_language": rng.random(size) < wrong.without_language,
            "without_words": np.zeros(size),
            "lateness": late,
            "log_lateness": np.log1p(late) * FIXED,
            "log_lateness_squared": np.log1p(late) ** 2 * FIXED,
        }
        return np.stack([named[name] for name in COLUMNS], axis=1).astype(np.int64)

    def _labels(self, size: int, wrong: Wrong, mood: float) -> list[str]:
        if wrong.label:
            return [wrong.label] * size
        shares = _SHARES * np.exp(2 * mood * np.array([1, -1, 0.5, 0]))
        return [LABELS[i] for i in self._rng.choice(4, size, p=shares / shares.sum()).tolist()]

    def _vocabulary(
        self, lengths: npt.NDArray[np.int64]
    ) -> tuple[int, tuple[tuple[int, int], ...]]:
        """Return distinct words, and words and distinct words after 1, 4, 16, ... documents."""
        ends = np.cumsum(lengths)
        if not len(ends):
            return 0, ()
        words = np.searchsorted(_zipf(), self._rng.random(ends[-1]))
        _, first = np.unique(words, return_index=True)
        steps = [int(ends[4**k - 1]) for k in range(8) if 4**k <= len(ends)]
        growth = tuple((step, int((first < step).sum())) for step in steps)
        return len(first), growth[-3:]
