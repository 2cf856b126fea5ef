"""Making messages durable: in order, whatever fails, and without heaping them up."""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.backends.memory_producer import MemoryProducer
from streams.errors import StillWaiting, Unavailable
from streams.logs import logger
from streams.ports import Outgoing
from streams.runtime.delivery import Delivery
from streams.runtime.retry import Retry
from streams.runtime.waiting import Waiting

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest


class _Now(threading.Event):
    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002 - signature of Event
        return False


class _Shaky(MemoryProducer):
    """Flushes as the script says: some messages arrive, others fail or take their time.

    Args:
        script: for every flush the share of messages that arrive before it fails; None for a
            flush that only takes too long.
    """

    def __init__(self, script: Sequence[float | None]) -> None:
        super().__init__()
        self._script = list(script)
        self.most = 0

    def send(self, messages: Sequence[Outgoing]) -> None:
        super().send(messages)
        self.most = max(self.most, len(self.waiting))

    def flush(self, timeout: float) -> None:
        if not self._script:
            super().flush(timeout)
            return
        share = self._script.pop(0)
        if share is None:
            raise StillWaiting("not acknowledged yet")
        count = round(share * len(self.waiting))
        self.acknowledged += self.waiting[:count]
        self.waiting = []
        raise Unavailable("the rest was lost")


def _retry(board: Waiting | None = None) -> Retry:
    return Retry(_Now(), logger(), random.Random(1), role="enrich", board=board)


def _batch(keys: Sequence[int], first: int) -> list[Outgoing]:
    return [Outgoing("t", b"%d" % key, b"%d" % (first + place)) for place, key in enumerate(keys)]


_KEYS = st.lists(st.integers(0, 3), min_size=1, max_size=8)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(_KEYS, min_size=1, max_size=5),
    st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=8),
)
def test_the_order_of_a_key_survives_every_failure(
    batches: list[list[int]], script: list[float | None]
) -> None:
    """All arrives; of one key no batch comes before an earlier one, and the last is the last."""
    producer = _Shaky(script)
    delivery = Delivery(producer, _retry())
    sent: list[Outgoing] = []
    for keys in batches:
        batch = _batch(keys, len(sent))
        sent += batch
        delivery("send", batch)
    wanted, got = defaultdict(list), defaultdict(list)
    for one in sent:
        wanted[one.key].append(int(one.value or b""))
    for one in producer.acknowledged:
        got[one.key].append(int(one.value or b""))
    for key, numbers in wanted.items():
        # The first copies keep the order, and so do the last ones: that a reader sees at the end.
        assert list(dict.fromkeys(got[key])) == numbers
        assert list(dict.fromkeys(reversed(got[key]))) == numbers[::-1]


def test_what_takes_its_time_is_not_handed_over_again() -> None:
    """Through a long outage the producer's queue holds the batch once."""
    producer = _Shaky([None] * 50)
    Delivery(producer, _retry())("send", _batch([1, 2, 3], 0))
    assert (producer.most, len(producer.acknowledged)) == (3, 3)


def test_what_is_waited_for_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first failure until it is over."""
    board, seen = Waiting(), list[dict[str, str]]()
    producer = _Shaky([None, None])
    retry = _retry(board)

    def look(_stop: _Now, _seconds: float | None = None) -> bool:
        seen.append(dict(board.now()))
        return False

    monkeypatch.setattr(_Now, "wait", look)
    Delivery(producer, retry)("send documents", _batch([1], 0))
    assert seen == [{"enrich": "has waited 0 s to send documents: not acknowledged yet"}] * 2
    assert board.now() == {}
    assert not retry.waiting
