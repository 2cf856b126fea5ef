"""Damaged messages in a stream: each in the dead letters byte for byte, all others landed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.fault.damage import Damage
from tests.fault.scenarios.common import Course

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fault.cluster import Cluster
    from tests.fault.published import Item


def poison(cluster: Cluster, *, documents: int, share: float) -> dict[str, Any]:
    """Publish documents of which a share is damaged, in every way in turn, at random places.

    Args:
        cluster: to which it is done.
        documents: messages, the damaged ones among them.
        share: how many of them are damaged, over 0 and under 1; one of each way at least.
    """
    course = Course(cluster, "poison")
    damage = Damage(cluster.codec, cluster.topics.documents, seed=cluster.options.seed)
    bad = max(len(damage.ways), round(documents * share))
    before = len(cluster.published.bad)
    cluster.publisher().publish(_mixed(cluster, damage, documents, bad))
    report = course.finish()
    ways = Counter(one.way for one in list(cluster.published.bad.values())[before:])
    missing = set(damage.ways) - set(ways)
    return report | {
        "well": report["well"] and not missing,
        "ways": ways,
        "ways_missing": sorted(missing),
        "share": round(bad / documents, 4),
    }


def _mixed(cluster: Cluster, damage: Damage, messages: int, bad: int) -> Iterator[Item]:
    places = set(cluster.rng.sample(range(messages), bad))
    whole = cluster.items(messages - bad, bad_every=0)
    for number in range(messages):
        yield cluster.damaged(damage) if number in places else next(whole)
