"""Receipts on their way: who gets one, under which key, and which headers travel on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from streams.ports import Outgoing
from streams.stages.receipts import HEADER, correlation_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.codec import Codec
    from schemas.messages import Receipt

ReceiptMode = Literal["asked", "all", "none"]


@dataclass(frozen=True, slots=True)
class Receipts:
    """Makes messages of receipts.

    Attributes:
        mode: ``asked`` for messages with the header, ``all``, or ``none``.
        topic: where to.
        codec: writes them.
    """

    mode: ReceiptMode
    topic: str
    codec: Codec

    def wanted(self, headers: Mapping[str, bytes]) -> bool:
        """Whether the producer of a message is told."""
        return self.mode == "all" or (bool(headers) and self.mode == "asked" and HEADER in headers)

    def outgoing(self, receipt: Receipt, headers: Mapping[str, bytes]) -> Outgoing:
        """Return a receipt as a message; its key is the correlation id, else the doc_id."""
        key = correlation_of(headers)
        if key is None and receipt.doc_id is not None:
            key = receipt.doc_id.encode()
        return Outgoing(self.topic, key, self.codec.encode(self.topic, receipt))
