"""The thread that keeps the helper tables: bounded, stoppable, never in landing's way."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, cast

import pytest
import structlog
from structlog.testing import capture_logs

from streams.backends.memory import MemoryWarehouse
from streams.errors import Unavailable
from streams.runtime.trend_thread import TrendThread, trend_threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.backends.clickhouse.trends import TrendKeeper
    from streams.runtime.platform import Platform

WAIT_S = 30


class Keeper:
    """Says what it was asked; raises what it was told to, then succeeds."""

    def __init__(self, *failures: Exception | None, adopting: tuple[Exception, ...] = ()) -> None:
        self.failures = list(failures)
        self.adopting = list(adopting)
        self.calls: list[str] = []
        self.seconds = 0.0
        self.done = threading.Event()

    def adopt(self) -> None:
        self.calls.append("adopt")
        if self.adopting:
            raise self.adopting.pop(0)

    def refresh(self, _stopped: Callable[[], bool]) -> int:
        self.calls.append("refresh")
        self.seconds += 2.0
        failure = self.failures.pop(0) if self.failures else None
        if not self.failures:
            self.done.set()
        if failure is not None:
            raise failure
        return 0


def thread_of(keeper: Keeper, **options: Any) -> TrendThread:
    options.setdefault("clock", lambda: 0.0)
    options.setdefault("interval", 0.0)
    return TrendThread(cast("TrendKeeper", keeper), structlog.stdlib.get_logger(), **options)


def run(keeper: Keeper) -> list[str]:
    """Run until the keeper has failed as often as it was told to; return what was logged."""
    with capture_logs() as logs:
        thread = thread_of(keeper)
        thread.start()
        assert keeper.done.wait(WAIT_S)
        thread.stop()
    return [f"{line['event']}: {line['error']}" for line in logs]


def test_old_days_are_adopted_once() -> None:
    """Before the first round, and again only if that failed."""
    keeper = Keeper(None, None, None, adopting=(Unavailable("away"),))
    assert run(keeper) == []
    assert keeper.calls[:4] == ["adopt", "adopt", "refresh", "refresh"]
    assert keeper.calls.count("adopt") == 2


@pytest.mark.parametrize(
    ("failure", "said"), [(Unavailable("away"), "away"), (KeyError("x"), "KeyError: 'x'")]
)
def test_what_fails_again_and_again_is_told_once(failure: Exception, said: str) -> None:
    """At the third failure, whatever it was, and again after a success; the rounds go on."""
    lines = run(Keeper(*[failure] * 6, None, *[failure] * 3, None))
    assert lines == [f"the helper tables of the trends cannot be refreshed: {said}"] * 2


def test_two_failures_are_not_worth_a_word() -> None:
    """A database that restarts is away for a moment."""
    failure = Unavailable("away")
    assert run(Keeper(failure, failure, None, failure, None)) == []


@pytest.mark.parametrize(("interval", "rest"), [(5.0, 18.0), (30.0, 30.0)])
def test_it_rests_nine_times_as_long_as_it_works(
    monkeypatch: pytest.MonkeyPatch, interval: float, rest: float
) -> None:
    """A round of two seconds is followed by eighteen of rest, and by no less than the interval."""
    rests: list[float | None] = []
    keeper = Keeper()
    thread = thread_of(keeper, clock=lambda: keeper.seconds, interval=interval)

    def wait(timeout: float | None = None) -> bool:
        rests.append(timeout)
        thread._stop.set()
        return True

    monkeypatch.setattr(thread._stop, "wait", wait)
    thread.start()
    assert keeper.done.wait(WAIT_S)
    thread.stop()
    assert rests == [rest]


def test_stopping_cuts_a_rest_short_and_a_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keeper is told between two steps; a thread that was never started stops, too."""
    asked = threading.Event()
    told: list[bool] = []
    keeper = Keeper()

    def refresh(stopped: Callable[[], bool]) -> int:
        asked.set()
        while not stopped():
            time.sleep(0.001)
        told.append(stopped())
        return 0

    monkeypatch.setattr(keeper, "refresh", refresh)
    thread = thread_of(keeper, interval=3600.0)
    thread.start()
    assert asked.wait(WAIT_S)
    thread.stop()
    assert (told, thread._thread.is_alive()) == ([True], False)
    thread_of(Keeper()).stop()


def test_other_databases_have_no_such_tables() -> None:
    """No database, no thread."""
    platform = cast("Platform", object())
    assert trend_threads(platform, None) == ()
    assert trend_threads(platform, MemoryWarehouse()) == ()
