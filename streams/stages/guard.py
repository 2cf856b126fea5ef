"""A stream that is mostly bad stops instead of draining into the dead letters."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.errors import TooManyDeadLetters

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW = 1_000
_FEWEST = 200


@dataclass(frozen=True, slots=True)
class Record:
    """So many messages, of which so many are bad."""

    messages: int = 0
    bad: int = 0


class DeadLetterGuard:
    """Watches the share of dead letters among the last 1,000 messages.

    It judges only from 200 messages on, so that a handful of bad messages in a quiet topic stops
    nothing, and only batches that are mostly bad themselves, so that whoever mends the cause need
    not wait until the past is forgotten. It is asked before a batch's dead letters are sent: when
    it stops the worker, the batch is not acknowledged and nothing has drained away.

    A supervisor that starts the worker again must not buy the next 200 messages with it: so the
    record goes on where the processes before this one left it.

    Args:
        limit: highest share that is accepted, over 0 and at most 1.
        history: tells of the messages before those that will come; asked once, at the first batch.
    """

    def __init__(self, limit: float, history: Callable[[], Record] = Record) -> None:
        self._limit = limit
        self._history: Callable[[], Record] | None = history
        self._batches: deque[Record] = deque()
        self._messages = 0
        self._bad = 0

    def check(self, messages: int, bad: int, example: str) -> None:
        """Take in a batch of ``messages`` with ``bad`` ones.

        Raises:
            TooManyDeadLetters: the share is over the limit; tells one example reason.
        """
        if self._history is not None:
            self._add(self._history())
            self._history = None
        self._add(Record(messages, bad))
        mostly_bad = bad > self._limit * messages and self._bad > self._limit * self._messages
        if self._messages >= _FEWEST and mostly_bad:
            raise TooManyDeadLetters(
                f"{self._bad} of the last {self._messages} messages are bad, over the limit of "
                f"{self._limit:.0%} (TIDEMARK_DEAD_LETTER_SHARE); stopped so that the topic does "
                f"not drain into the dead letters. The last reason: {example}"
            )

    def _add(self, record: Record) -> None:
        self._batches.append(record)
        self._messages += record.messages
        self._bad += record.bad
        while self._messages - self._batches[0].messages >= WINDOW:
            oldest = self._batches.popleft()
            self._messages -= oldest.messages
            self._bad -= oldest.bad
