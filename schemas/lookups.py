"""Answers of somebody slow, kept: bounded, asked for once at a time, refusals not for ever."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, TypeVar

from streams.errors import InvalidDocument

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

K = TypeVar("K", bound="Hashable")
V = TypeVar("V")

CAPACITY = 1000
REFUSED_SECONDS = 30.0


class Lookups(Generic[K, V]):
    """Answers by key; safe to share between threads.

    Answers and refusals (``InvalidDocument``) are kept, the oldest make room. Other errors are
    raised to everybody who waits for that answer, and the next one asks again.

    Args:
        ask: gives the answer to a key, slowly.
        capacity: answers, and refusals, that are kept at most.
        refused_seconds: how long a refusal is repeated without asking; an answer stays.
        monotonic: seconds that never go back.
    """

    def __init__(
        self,
        ask: Callable[[K], V],
        *,
        capacity: int = CAPACITY,
        refused_seconds: float = REFUSED_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._capacity = capacity
        self._refused_seconds = refused_seconds
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._known: dict[K, V] = {}
        self._refused: dict[K, tuple[float, InvalidDocument]] = {}
        self._asking: dict[K, Future[V]] = {}

    def __call__(self, key: K) -> V:
        """Return the answer, from memory where there is one.

        Raises:
            InvalidDocument: the answer is a refusal.
            TidemarkError: whatever else asking raises.
        """
        known = self._known.get(key)
        if known is not None:  # the lock is only for those who do not know yet
            return known
        with self._lock:
            if key in self._known:
                return self._known[key]
            self._raise_if_refused(key)
            others = self._asking.get(key)
            mine: Future[V] = self._asking.setdefault(key, Future())
        return self._answer(key, mine) if others is None else others.result()

    def _raise_if_refused(self, key: K) -> None:
        until, refusal = self._refused.get(key, (0.0, None))
        if refusal is not None and self._monotonic() < until:
            # A fresh one: raising the same object from many threads would grow its trace.
            raise InvalidDocument(refusal.code, str(refusal))

    def _answer(self, key: K, mine: Future[V]) -> V:
        try:
            answer = self._ask(key)
        except BaseException as error:
            with self._lock:
                del self._asking[key]
                if isinstance(error, InvalidDocument):
                    until = self._monotonic() + self._refused_seconds
                    _put(self._refused, key, (until, error.with_traceback(None)), self._capacity)
            mine.set_exception(error)
            raise
        with self._lock:
            del self._asking[key]
            self._refused.pop(key, None)
            _put(self._known, key, answer, self._capacity)
        mine.set_result(answer)
        return answer


_Kept = TypeVar("_Kept")


def _put(kept: dict[K, _Kept], key: K, value: _Kept, capacity: int) -> None:
    kept.pop(key, None)
    while len(kept) >= capacity:
        del kept[next(iter(kept))]
    kept[key] = value
