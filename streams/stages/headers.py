"""Headers that Tidemark gives its messages, and those that travel on with a result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.stages.receipts import HEADER as RECEIPT
from streams.stages.replays import COUNT, OF, ORIGIN

if TYPE_CHECKING:
    from collections.abc import Mapping

CANARY = "tidemark-canary"
"""A canary document among the enriched ones: to be compared, never to be counted."""

_CARRIED = (RECEIPT, OF, ORIGIN, COUNT)


def carried(headers: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return those that the land role needs; the producer's own stay behind."""
    return {name: headers[name] for name in _CARRIED if name in headers} if headers else {}
