"""A producer that keeps messages in memory; for tests and for measuring without a broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.errors import InvalidDocument, Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.ports import Outgoing


class MemoryProducer:
    """Implements ``streams.ports.Producer``.

    Args:
        max_message_bytes: larger values are refused as a topic would; None for no limit.

    Attributes:
        acknowledged: messages that were flushed, in order.
        waiting: messages that were handed over since.
        down: while True, nothing can be flushed.
        closed: whether it was closed.
    """

    def __init__(self, max_message_bytes: int | None = None) -> None:
        self.acknowledged: list[Outgoing] = []
        self.waiting: list[Outgoing] = []
        self.down = False
        self.closed = False
        self._max_message_bytes = max_message_bytes

    def refusal(self, message: Outgoing) -> InvalidDocument | None:
        """Return why a message can never be sent, or None where it can."""
        size, limit = len(message.value or b""), self._max_message_bytes
        if limit is None or size <= limit:
            return None
        return InvalidDocument(
            "message-too-large", f"message of {size} bytes; {message.topic} takes {limit}"
        )

    def send(self, messages: Sequence[Outgoing]) -> None:
        """Keep the messages.

        Raises:
            InvalidDocument: one is larger than allowed; then none of this call is kept.
        """
        for message in messages:
            refused = self.refusal(message)
            if refused is not None:
                raise refused
        self.waiting.extend(messages)

    def flush(self, timeout: float) -> None:
        """Acknowledge what is waiting.

        Raises:
            Unavailable: while ``down``.
        """
        if self.down:
            raise Unavailable(
                f"{len(self.waiting)} messages were not acknowledged within {timeout:.0f} s"
            )
        self.acknowledged += self.waiting
        self.waiting = []

    def close(self) -> None:
        """Flush and refuse nothing afterwards."""
        self.flush(0)
        self.closed = True
