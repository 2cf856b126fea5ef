"""What was enriched more than once: at-least-once delivery, counted and laid at somebody's door."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schemas.codec import codec_for
from schemas.messages import Enriched
from streams.backends.kafka.alerts import read_topic
from streams.backends.kafka.security import KafkaSecurity
from streams.stages.headers import CANARY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.topics import Topics


@dataclass(frozen=True, slots=True)
class Redelivery:
    """Moments (milliseconds since 1970) at which documents were enriched, first and again."""

    first: Sequence[int]
    again: Sequence[int]

    @property
    def fastest_second(self) -> int:
        """Return the most documents that were enriched within one second, by all workers."""
        most = start = 0
        for end, moment in enumerate(self.first):
            while moment - self.first[start] >= 1000:
                start += 1
            most = max(most, end - start + 1)
        return most

    def after(self, moments_ms: Sequence[int]) -> list[int]:
        """Count what was enriched again after each of the moments and before the next one."""
        counted = Counter(bisect_right(moments_ms, moment) for moment in self.again)
        return [counted[number + 1] for number in range(len(moments_ms))]

    def report(self) -> dict[str, Any]:
        """Return the figures."""
        share = len(self.again) / max(1, len(self.first))
        return {"enriched_again": len(self.again), "enriched_again_share": round(share, 4)}


def redelivery(bootstrap: str, topics: Topics, since_ms: int = 0) -> Redelivery:
    """Read the enriched topic from its beginning.

    Args:
        bootstrap: addresses of the brokers.
        topics: names.
        since_ms: what was enriched before is left out.
    """
    codec = codec_for()
    moments: dict[tuple[int, int], list[int]] = defaultdict(list)
    for message in read_topic(
        bootstrap, KafkaSecurity(), topics.enriched, from_beginning=True, follow=False
    ):
        if CANARY in message.headers:
            continue
        record = codec.decode(Enriched, message.value)
        moments[record.partition, record.offset].append(record.enriched_at)
    first: list[int] = []
    again: list[int] = []
    for found in moments.values():
        earliest, *others = sorted(found)
        first.append(earliest)
        again += others
    return Redelivery(
        sorted(one for one in first if one >= since_ms),
        sorted(one for one in again if one >= since_ms),
    )
