"""What a batch of records is cut into, and what becomes of its messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.ports import Delivery

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from schemas.messages import DeadLetter, Enriched

_CHUNK_ROWS = 5_000
_CHUNK_CHARACTERS = 16 << 20


def landed(document: Enriched) -> Delivery:
    """Return the fate of a document's message."""
    return Delivery(
        document.topic,
        document.partition,
        document.offset,
        document.received_at,
        "landed",
        document.source,
        document.doc_id,
    )


def dead(letter: DeadLetter) -> Delivery:
    """Return the fate of a message of the documents topic that became a dead letter."""
    return Delivery(
        letter.topic,
        letter.partition,
        letter.offset,
        letter.received_at,
        "dead-lettered",
        letter.source or "",
        letter.doc_id or "",
    )


def chunks(documents: Sequence[Enriched]) -> Iterator[Sequence[Enriched]]:
    """Cut into pieces whose rows fit into memory, however long their texts."""
    start = length = 0
    for end, document in enumerate(documents):
        if end > start and (
            end - start == _CHUNK_ROWS or length + len(document.text) > _CHUNK_CHARACTERS
        ):
            yield documents[start:end]
            start, length = end, 0
        length += len(document.text)
    if start < len(documents):
        yield documents[start:]
