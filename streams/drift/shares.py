"""Label mix before and after, with intervals that hold for small counts too."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

from schemas.messages import ShareChange, ShareInterval

if TYPE_CHECKING:
    from collections.abc import Mapping

_Z = 1.959963984540054  # 97.5th percentile of the normal law


def share_changes(before: Mapping[str, int], after: Mapping[str, int]) -> tuple[ShareChange, ...]:
    """Return the change of each label's share, largest first."""
    total_before, total_after = sum(before.values()), sum(after.values())
    changes = [
        share_change(label, before.get(label, 0), total_before, after.get(label, 0), total_after)
        for label in sorted({*before, *after})
    ]
    return tuple(sorted(changes, key=lambda change: -abs(change.after - change.before)))


def share_intervals(
    before: Mapping[str, int], after: Mapping[str, int]
) -> tuple[ShareInterval, ...]:
    """Return the 95 % intervals of each label's share, in the order of ``share_changes``."""
    old, new = sum(before.values()), sum(after.values())
    return tuple(
        ShareInterval(
            change.label,
            *_wilson(before.get(change.label, 0) / max(old, 1), old),
            *_wilson(after.get(change.label, 0) / max(new, 1), new),
        )
        for change in share_changes(before, after)
    )


def share_change(label: str, old: int, total_old: int, new: int, total_new: int) -> ShareChange:
    """Return a share's change with its 95 % interval.

    Newcombe's hybrid score interval (Statistics in Medicine 17, 1998, method 10).
    """
    before, after = old / max(total_old, 1), new / max(total_new, 1)
    low_before, high_before = _wilson(before, total_old)
    low_after, high_after = _wilson(after, total_new)
    change = after - before
    low = change - sqrt((after - low_after) ** 2 + (high_before - before) ** 2)
    high = change + sqrt((high_after - after) ** 2 + (before - low_before) ** 2)
    return ShareChange(label, before, after, low, high)


def _wilson(share: float, total: int) -> tuple[float, float]:
    """Return Wilson's score interval of a share (JASA 22, 1927)."""
    if total == 0:
        return 0.0, 1.0
    shrunk = 1 + _Z * _Z / total
    centre = (share + _Z * _Z / (2 * total)) / shrunk
    half = _Z * sqrt(share * (1 - share) / total + _Z * _Z / (4 * total * total)) / shrunk
    return max(0.0, centre - half), min(1.0, centre + half)
