"""Which changes can be planted in streams of these documents.

Documents fall into groups: the classes of a label column, or, without one, topics that spherical
k-means finds in the embeddings. The largest group is the one that grows; the group nearest in size
to a fifth of the documents is the new one; the largest group's own topic nearest to a tenth of it
is the subtopic. Intruders (another language, gibberish) are cells of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from streams.drift.clusters import find_centres
from streams.drift.evaluate.planting import Change

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from streams.drift.evaluate.planting import Rows, Shares

_TOPICS = 6
_LEAST_GROUP = 60
_MOST_GROUPS = 12
_SUBTOPICS = 8
_GROWTH = 0.35
_SMALL_GROWTH = 0.10
_MOST_SHARE = 0.95
_NEW = 0.20
_INTRUDERS = 0.10
_TIMES = 4.0
_RAMP = 500
_SEED = 11
QUIET = "nothing changes"


@dataclass(frozen=True, slots=True)
class Groups:
    """A partition of the pool's rows.

    Attributes:
        names: of each group.
        rows: of each group, largest group first.
    """

    names: tuple[str, ...]
    rows: tuple[Rows, ...]


def group_by_label(labels: Sequence[str], rows: Rows) -> Groups:
    """Return the classes of these rows; small classes are one group, named ``other``."""
    named: dict[str, list[int]] = {}
    for row in rows.tolist():
        named.setdefault(labels[row] or "(none)", []).append(row)
    ordered = sorted(named.items(), key=lambda item: (-len(item[1]), item[0]))
    large = [item for item in ordered if len(item[1]) >= _LEAST_GROUP][:_MOST_GROUPS]
    rest = [row for item in ordered[len(large) :] for row in item[1]]
    if rest:
        large.append(("other", rest))
    return Groups(tuple(n for n, _ in large), tuple(np.array(r, np.int64) for _, r in large))


def group_by_topic(vectors: npt.NDArray[np.float32], rows: Rows) -> Groups:
    """Return topics of these rows, found in their embeddings ``(documents, d)``."""
    found = _clusters(vectors, rows, _TOPICS)
    return Groups(tuple(f"topic {k + 1}" for k in range(len(found))), found)


def changes(
    groups: Groups, vectors: npt.NDArray[np.float32], intruders: Mapping[str, Rows]
) -> list[Change]:
    """Return the changes that these documents allow; the first is none at all.

    Args:
        groups: of the ordinary documents.
        vectors: embeddings of all documents, shape ``(documents, d)``.
        intruders: rows by name, of documents that no quiet stream has.
    """
    sizes = np.array([len(rows) for rows in groups.rows], np.float64)
    shares = sizes / sizes.sum()
    found = [Change(QUIET, groups.rows, shares, shares)]
    if len(sizes) > 1:
        found += _of_shares(groups, shares)
    subtopic = _of_subtopic(groups, shares, vectors)
    found += [subtopic] if subtopic else []
    for name, rows in intruders.items():
        before, after = np.append(shares, 0.0), np.append((1 - _INTRUDERS) * shares, _INTRUDERS)
        found.append(Change(f"{_INTRUDERS:.0%} {name}", (*groups.rows, rows), before, after))
    return found


def _of_shares(groups: Groups, shares: Shares) -> list[Change]:
    name, share = groups.names[0], float(shares[0])
    large, small = (min(share + more, _MOST_SHARE) for more in (_GROWTH, _SMALL_GROWTH))
    found = [
        Change(f"{name} {share:.0%} to {goal:.0%}{over}", groups.rows, shares, goals, ramp=ramp)
        for goal, ramp, over in (
            (large, 0, ""),
            (small, 0, ""),
            (large, _RAMP, f" over {_RAMP} documents"),
        )
        for goals in (_with_share(shares, 0, goal),)
    ]
    new = int(np.abs(shares - _NEW)[1:].argmin()) + 1
    before, after = _with_share(shares, new, 0.0), _with_share(shares, new, _NEW)
    return [*found, Change(f"{groups.names[new]} is new, {_NEW:.0%}", groups.rows, before, after)]


def _of_subtopic(groups: Groups, shares: Shares, vectors: npt.NDArray[np.float32]) -> Change | None:
    topics = _clusters(vectors, groups.rows[0], _SUBTOPICS)
    if len(topics) < 2:  # noqa: PLR2004 - a single topic is the whole group
        return None
    parts = np.array([len(rows) for rows in topics]) / len(groups.rows[0])
    chosen = int(np.abs(parts - 1 / 10).argmin())
    part = float(parts[chosen])
    grown = min(_TIMES * part, _MOST_SHARE)
    others = np.sort(np.concatenate([t for k, t in enumerate(topics) if k != chosen]))
    first = float(shares[0])
    cells = (others, topics[chosen], *groups.rows[1:])
    before = np.concatenate([[first * (1 - part), first * part], shares[1:]])
    after = np.concatenate([[first * (1 - grown), first * grown], shares[1:]])
    name = f"a topic of {groups.names[0]} x {grown / part:.1f}"
    return Change(name, cells, before, after)


def _with_share(shares: Shares, index: int, share: float) -> Shares:
    """Return the shares with one of them set and the others in proportion."""
    changed = shares * (1 - share) / (1 - shares[index])
    changed[index] = share
    return np.asarray(changed)


def _clusters(vectors: npt.NDArray[np.float32], rows: Rows, most: int) -> tuple[Rows, ...]:
    """Return clusters of the rows, the largest first, each of a useful size."""
    wanted = max(1, min(most, len(rows) // _LEAST_GROUP))
    centres = find_centres(vectors[rows], _SEED, wanted)
    if not len(centres):
        return (rows,)
    nearest = (vectors[rows] @ centres.T).argmax(axis=1)
    found = [rows[nearest == k] for k in range(len(centres))]
    return tuple(sorted((each for each in found if each.size), key=len, reverse=True))
