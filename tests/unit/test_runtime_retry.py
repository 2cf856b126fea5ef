"""Waiting out what may come back."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaError

from streams.backends.kafka.librdkafka import translate
from streams.errors import Misconfigured, Overloaded, TidemarkError, Unavailable
from streams.logs import logger
from streams.runtime.retry import Retry, Stopped

if TYPE_CHECKING:
    from collections.abc import Callable


class _Stop(threading.Event):
    """Never waits; notes for how long it was asked to, and is set after so many waits."""

    def __init__(self, after: int = 100) -> None:
        super().__init__()
        self.waits: list[float] = []
        self._after = after

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        return len(self.waits) >= self._after


class _Middle(random.Random):
    """No jitter: the middle of every range."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


def _failing(times: int, error: Exception) -> Callable[[], str]:
    left = [error] * times

    def function() -> str:
        if left:
            raise left.pop()
        return "done"

    return function


@pytest.mark.parametrize("error", [Unavailable("away"), Overloaded("slow down")])
def test_waits_longer_from_try_to_try_up_to_a_bound(error: Exception) -> None:
    """Delays double until they reach the bound; the result is returned in the end."""
    stop = _Stop()
    retry = Retry(stop, logger(), _Middle(), first=1.0, overloaded=1.0, longest=5.0)
    assert retry("ask", _failing(5, error)) == "done"
    assert stop.waits == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_jitter_keeps_within_a_third() -> None:
    """Many workers do not come back at one instant, and none much later."""
    stop = _Stop()
    retry = Retry(stop, logger(), random.Random(1), first=1.0, longest=1.0)
    retry("ask", _failing(20, Unavailable("away")))
    assert len(set(stop.waits)) == 20
    assert min(stop.waits) >= 0.7
    assert max(stop.waits) <= 1.3


def test_a_stop_ends_the_waiting() -> None:
    """It says what was waited for."""
    retry = Retry(_Stop(after=2), logger(), _Middle())
    with pytest.raises(Stopped, match="stopped while waiting to write rows"):
        retry("write rows", _failing(9, Unavailable("away")))


def test_a_client_that_is_broken_for_good_is_not_tried_again() -> None:
    """After a fatal error a producer refuses everything: only a new process helps."""
    fatal = KafkaError(KafkaError._FATAL, "sequence numbers are out of order", fatal=True)
    stop = _Stop()
    with pytest.raises(TidemarkError, match=r"sending to t: .* no more \(sequence numbers"):
        Retry(stop, logger(), _Middle())("send", _failing(9, translate(fatal, "sending to t")))
    assert stop.waits == []


def test_other_errors_are_not_tried_again() -> None:
    """What cannot help is not repeated."""
    stop = _Stop()
    with pytest.raises(Misconfigured, match="wrong"):
        Retry(stop, logger(), _Middle())("ask", _failing(1, Misconfigured("wrong")))
    assert stop.waits == []


@pytest.mark.parametrize(
    "code",
    [
        KafkaError.NOT_ENOUGH_REPLICAS,
        KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        KafkaError._MSG_TIMED_OUT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError.NOT_LEADER_FOR_PARTITION,
    ],
)
def test_a_cluster_that_is_short_of_brokers_is_waited_for(code: int) -> None:
    """Too few replicas in sync, no leader, nobody there: that passes."""
    retry = Retry(_Stop(), logger(), _Middle())
    assert retry("send", _failing(3, translate(KafkaError(code), "sending to t"))) == "done"


def test_overload_is_answered_more_slowly_than_absence() -> None:
    """Who has too much to do is left alone for longer at first."""
    stop = _Stop()
    Retry(stop, logger(), _Middle())("write", _failing(2, Overloaded("too many parts")))
    Retry(stop, logger(), _Middle())("write", _failing(2, Unavailable("away")))
    assert stop.waits == [1.0, 2.0, 0.2, 0.4]
