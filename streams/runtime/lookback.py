"""How the messages before the committed offsets fared: the past of the dead-letter guard."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from schemas.messages import DeadLetter
from streams.backends.kafka.offsets import OffsetReader
from streams.backends.kafka.tail import read_tail
from streams.errors import InvalidDocument, Misconfigured
from streams.stages.guard import WINDOW, Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.backends.kafka.offsets import Lag
    from streams.runtime.platform import Platform


def look_back(platform: Platform) -> Record:
    """Return how many of the last messages that were committed are in the dead letters.

    A supervisor that starts a worker again and again starts each with this record: a bad deploy
    stays stopped. Dead letters of messages that are not committed yet do not count; their messages
    come again and count then.
    """
    reader = OffsetReader(platform.broker.bootstrap, platform.broker.security)
    topic, group = platform.topics.documents, platform.topics.group("enrich")
    with closing(reader):
        lags = reader.lag(group, [topic])
    ranges = _newest(lags)
    messages = sum(end - start for start, end in ranges.values())
    if not messages:
        return Record()
    try:
        return Record(messages, len(_bad(platform, ranges)))
    except Misconfigured as error:
        # Whoever may only write dead letters is not kept from working.
        platform.log.warning("the guard of the dead letters starts afresh", reason=str(error))
        return Record()


def _newest(lags: list[Lag]) -> dict[int, tuple[int, int]]:
    """Spread the window over the partitions: ranges of committed offsets, by partition."""
    begun = {one.partition: (one.low, one.committed) for one in lags if one.committed}
    share = WINDOW // len(begun) if begun else 0
    return {
        partition: (min(end, max(low, end - share)), end) for partition, (low, end) in begun.items()
    }


def _bad(platform: Platform, ranges: Mapping[int, tuple[int, int]]) -> set[tuple[int, int]]:
    broker, codec, topics = platform.broker, platform.codec, platform.topics
    found: set[tuple[int, int]] = set()
    for message in read_tail(broker.bootstrap, broker.security, topics.dead_letters, 2 * WINDOW):
        try:
            letter = codec.decode(DeadLetter, message.value)
        except InvalidDocument:
            continue
        start, end = ranges.get(letter.partition, (0, 0))
        if letter.topic == topics.documents and start <= letter.offset < end:
            found.add((letter.partition, letter.offset))
    return found
