"""The end of a process is bounded, whatever its threads wait for."""

from __future__ import annotations

import threading

import pytest

from streams.logs import logger
from streams.runtime.ending import Ending
from tests.support.brokers import nothing_left

__all__ = ["nothing_left"]


class _Process:
    """Notes that it was left, instead of ending."""

    def __init__(self) -> None:
        self.code: int | None = None
        self.left = threading.Event()

    def leave(self, code: int) -> None:
        self.code = code
        self.left.set()


def test_a_thread_that_waits_for_ever_is_left() -> None:
    """With exit code 1, after the bound."""
    process, gate = _Process(), threading.Event()
    ending = Ending(logger(), process.leave)
    stuck = threading.Thread(target=gate.wait, name="stuck")
    stuck.start()
    ending.within(0.05, "the broker is gone")
    assert process.left.wait(5)
    assert process.code == 1
    gate.set()
    stuck.join()


@pytest.mark.parametrize("daemon", [False, True])
def test_a_process_whose_threads_end_is_not_left(daemon: bool) -> None:  # noqa: FBT001 - a case
    """Python waits for no daemon, so neither do we."""
    process, gate = _Process(), threading.Event()
    ending = Ending(logger(), process.leave)
    thread = threading.Thread(target=gate.wait, daemon=daemon)
    thread.start()
    if not daemon:
        gate.set()
    ending.within(60, "told to stop")
    assert ending.settle()
    gate.set()
    assert process.code is None


def test_what_ran_before_is_not_waited_for() -> None:
    """Only what has been started since counts."""
    process, gate = _Process(), threading.Event()
    older = threading.Thread(target=gate.wait)
    older.start()
    assert Ending(logger(), process.leave).settle()
    gate.set()
    older.join()
