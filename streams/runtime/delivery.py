"""Messages that must be durable: sent in order, and sent again only when they have failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.errors import Overloaded, StillWaiting, Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.ports import Outgoing, Producer
    from streams.runtime.retry import Retry

FLUSH_S = 15.0
"""How long a flush waits before somebody is told that it does."""


class Delivery:
    """Makes batches of messages durable, one batch at a time.

    A message that the producer still tries to deliver is waited for, not handed over again: in an
    outage its queue would grow by the batch with every try. When one has failed, the whole batch
    is sent again in its order, so that of one key the last message is the last one of the batch.

    Args:
        producer: takes the messages.
        retry: waits while it cannot.
    """

    def __init__(self, producer: Producer, retry: Retry) -> None:
        self._producer = producer
        self._retry = retry
        self._sent: list[Outgoing] = []

    def add(self, what: str, messages: Sequence[Outgoing]) -> None:
        """Hand over messages; ``confirm`` makes them durable."""
        self._sent += messages
        self._retry(what, lambda: self._producer.send(messages))

    def confirm(self, what: str) -> None:
        """Wait until everything that was handed over since the last time is durable."""
        failed = False

        def attempt() -> None:
            nonlocal failed
            try:
                if failed:
                    self._producer.send(self._sent)
                    failed = False
                self._producer.flush(FLUSH_S)
            except StillWaiting:
                raise
            except (Unavailable, Overloaded):
                # Which of them failed is not known: all are sent again.
                failed = True
                raise

        self._retry(what, attempt)
        self._sent.clear()

    def __call__(self, what: str, messages: Sequence[Outgoing]) -> None:
        """Send messages and wait until they are durable."""
        self.add(what, messages)
        self.confirm(what)
