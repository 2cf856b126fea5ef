"""Answers that are kept: bounded, asked for once at a time, refusals not for ever."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from schemas.lookups import Lookups
from streams.errors import InvalidDocument, Unavailable


def test_many_who_ask_at_once_cost_one_question() -> None:
    """Threads that want the same answer wait for the one that asks."""
    asked: list[str] = []
    all_here = threading.Barrier(8)
    answering = threading.Event()

    def ask(key: str) -> str:
        asked.append(key)
        answering.wait(10)
        return key.upper()

    lookups = Lookups(ask)

    def want(_number: int) -> str:
        all_here.wait(10)
        return lookups("a")

    with ThreadPoolExecutor(8) as pool:
        wanted = pool.map(want, range(8))
        answering.set()
        assert set(wanted) == {"A"}
    assert asked == ["a"]


def test_memory_is_bounded_and_the_oldest_make_room() -> None:
    """A flood of keys costs questions, not memory."""
    asked: list[int] = []

    def ask(key: int) -> int:
        asked.append(key)
        return -key

    lookups = Lookups(ask, capacity=2)
    assert [lookups(key) for key in (1, 2, 2, 3, 3, 1)] == [-1, -2, -2, -3, -3, -1]
    assert asked == [1, 2, 3, 1]


def test_a_refusal_is_repeated_for_a_while_and_then_asked_for_again() -> None:
    """A schema may be registered a moment after the first message that names it."""
    now = [100.0]
    asked: list[int] = []

    def ask(key: int) -> int:
        asked.append(key)
        if len(asked) < 2:
            raise InvalidDocument("unknown-schema", "no such number")
        return key

    lookups = Lookups(ask, refused_seconds=30, monotonic=lambda: now[0])
    for moment in (100.0, 129.9):
        now[0] = moment
        with pytest.raises(InvalidDocument, match="no such number") as refused:
            lookups(7)
        assert refused.value.code == "unknown-schema"
    assert asked == [7]
    now[0] = 130.1
    assert lookups(7) == 7


def test_an_outage_is_not_remembered() -> None:
    """The next one asks again at once."""
    answers: list[int | Exception] = [Unavailable("down"), 5]

    def ask(_key: str) -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    lookups = Lookups(ask)
    with pytest.raises(Unavailable, match="down"):
        lookups("a")
    assert lookups("a") == 5


def test_those_who_wait_learn_of_an_outage_too() -> None:
    """Nobody waits for ever for an answer that does not come."""
    asking, fail = threading.Event(), threading.Event()

    def ask(_key: str) -> int:
        asking.set()
        fail.wait(10)
        raise Unavailable("down")

    lookups = Lookups(ask)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(lookups, "a")
        assert asking.wait(10)
        second = pool.submit(lookups, "a")
        fail.set()
        assert isinstance(first.exception(10), Unavailable)
        assert isinstance(second.exception(10), Unavailable)
