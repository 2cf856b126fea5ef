"""The streams of the drift comparison: news of four classes with one planted change each.

Quiet streams are documents of the pool in random order, none of them in the reference: exactly
exchangeable with it. Changes come at a random moment between 750 and 1,250 documents.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from streams.drift.evaluate.planting import Change, Planted, draw_reference, plant

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from schemas.messages import Enriched
    from streams.drift.evaluate.planting import Rows, Shares

REFERENCE = 2000
QUIET_STREAM = 5600
AFTER = 2000
LASTING = 500  # documents that another language or gibberish stays
CLASSES = ("World", "Sports", "Business", "Sci/Tech")
_OIL = re.compile(r"\boil\b", re.IGNORECASE)
_BASE = np.full(4, 0.25)


@dataclass(frozen=True)
class Pool:
    """Enriched documents: news with their true class, then intruders.

    Attributes:
        documents: all of them.
        classes: of each document, -1 for intruders.
        kinds: ``news``, ``foreign`` or ``gibberish``.
    """

    documents: Sequence[Enriched]
    classes: Rows
    kinds: Sequence[str]

    def of(self, kind: str) -> Rows:
        return np.flatnonzero(np.array(self.kinds) == kind)


def changes(pool: Pool) -> dict[str, Change]:
    """Return the seven changes of the comparison by name."""
    four = tuple(np.flatnonzero(pool.classes == k) for k in range(4))
    oil = np.array([bool(_OIL.search(f"{d.title or ''} {d.text}")) for d in pool.documents])
    three = np.array([1 / 3, 1 / 3, 1 / 3, 0.0])
    found = [
        Change("share 25 to 60 %", four, _BASE, _sports(0.60)),
        Change("share 25 to 35 %", four, _BASE, _sports(0.35)),
        Change("share 25 to 60 % over 500", four, _BASE, _sports(0.60), ramp=500),
        Change("new class at 20 %", four, three, np.array([0.8 / 3, 0.8 / 3, 0.8 / 3, 0.2])),
        _subtopic(four, oil),
        _intruder("another language 10 %", four, pool.of("foreign")),
        _intruder("gibberish 10 %", four, pool.of("gibberish")),
    ]
    return {change.name: change for change in found}


def _sports(share: float) -> Shares:
    rest = (1 - share) / 3
    return np.array([rest, share, rest, rest])


def _subtopic(four: tuple[Rows, ...], oil: npt.NDArray[np.bool_]) -> Change:
    """Oil among the business news, four times as frequent."""
    business = four[2]
    cells = (four[0], four[1], business[~oil[business]], business[oil[business]], four[3])
    part = float(oil[business].mean())

    def shares(oil_part: float) -> Shares:
        return 0.25 * np.array([1, 1, 1 - oil_part, oil_part, 1])

    return Change("subtopic four times", cells, shares(part), shares(4 * part))


def _intruder(name: str, four: tuple[Rows, ...], rows: Rows) -> Change:
    before, after = np.append(_BASE, 0.0), np.append(0.9 * _BASE, 0.1)
    return Change(name, (*four, rows), before, after, lasting=LASTING)


def reference(pool: Pool, seed: int, *, classes: int) -> Rows:
    """Return the reference of a seed: equally many documents of the first classes."""
    cells = tuple(np.flatnonzero(pool.classes == k) for k in range(classes))
    even = np.full(classes, 1 / classes)
    rng = np.random.default_rng(1000 + seed)
    return draw_reference(Change("", cells, even, even), rng, REFERENCE)


def drifting(change: Change, seed: int, learned: Rows) -> Planted:
    """Return the stream of a seed with this change."""
    rng = np.random.default_rng([3000 + seed, sum(map(ord, change.name))])
    quiet = 1000 + int(rng.integers(-250, 251))
    return plant(change, rng, learned, quiet=quiet, after=AFTER)


def quiet(pool: Pool, seed: int) -> tuple[Rows, Rows]:
    """Return the reference and the documents of a quiet stream."""
    rows = np.random.default_rng(7000 + seed).permutation(pool.of("news"))
    return rows[:REFERENCE], rows[REFERENCE : REFERENCE + QUIET_STREAM]
