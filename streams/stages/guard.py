"""A stream that is mostly bad stops instead of draining into the dead letters."""

from __future__ import annotations

from collections import deque

from streams.errors import TooManyDeadLetters

_WINDOW = 1_000
_FEWEST = 200


class DeadLetterGuard:
    """Watches the share of dead letters among the last 1,000 messages.

    It judges only from 200 messages on, so that a handful of bad messages in a quiet topic stops
    nothing. It is asked before a batch's dead letters are sent: when it stops the worker, the
    batch is not acknowledged and nothing has drained away.

    Args:
        limit: highest share that is accepted, over 0 and at most 1.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._batches: deque[tuple[int, int]] = deque()
        self._messages = 0
        self._bad = 0

    def check(self, messages: int, bad: int, example: str) -> None:
        """Take in a batch of ``messages`` with ``bad`` ones.

        Raises:
            TooManyDeadLetters: the share is over the limit; tells one example reason.
        """
        self._batches.append((messages, bad))
        self._messages += messages
        self._bad += bad
        while self._messages - self._batches[0][0] >= _WINDOW:
            old, old_bad = self._batches.popleft()
            self._messages -= old
            self._bad -= old_bad
        if self._messages >= _FEWEST and self._bad > self._limit * self._messages:
            raise TooManyDeadLetters(
                f"{self._bad} of the last {self._messages} messages are bad, over the limit of "
                f"{self._limit:.0%} (TIDEMARK_DEAD_LETTER_SHARE); stopped so that the topic does "
                f"not drain into the dead letters. The last reason: {example}"
            )
