"""Receipts: what a producer that asked is told of its message; pure.

A receipt has a natural key (topic, partition, offset, received_at, status): it is sent at least
once, and a consumer that keeps one of each key has each once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.messages import Receipt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.messages import DeadLetter, Enriched

HEADER = "tidemark-receipt"
"""A message with this header asks for receipts; its value comes back as ``correlation_id``."""

ACCEPTED, DONE, REJECTED = "accepted", "done", "rejected"
MOST_BYTES = 1024
"""Longer values of the header are cut."""


def correlation_of(headers: Mapping[str, bytes]) -> bytes | None:
    """Return the value of the header; None where it is absent or empty."""
    return headers.get(HEADER, b"")[:MOST_BYTES] or None


def accepted(record: Enriched, headers: Mapping[str, bytes], read_at: int) -> Receipt:
    """Say that a document was read and decoded, and that its result is in Tidemark's own topic."""
    return _of(ACCEPTED, record, headers, read_at)


def done(record: Enriched, headers: Mapping[str, bytes], landed_at: int) -> Receipt:
    """Say that a document is durable in ClickHouse."""
    return _of(DONE, record, headers, landed_at)


def rejected(letter: DeadLetter, headers: Mapping[str, bytes]) -> Receipt:
    """Say why a message went to the dead letters."""
    return _of(REJECTED, letter, headers, letter.failed_at, code=letter.code, reason=letter.reason)


def receipt_key(receipt: Receipt) -> tuple[str, int, int, int, str]:
    """Return what tells receipts apart."""
    at = receipt.topic, receipt.partition, receipt.offset, receipt.received_at
    return (*at, receipt.status)


def _of(
    status: str,
    record: Enriched | DeadLetter,
    headers: Mapping[str, bytes],
    at_ms: int,
    *,
    code: str | None = None,
    reason: str | None = None,
) -> Receipt:
    correlation = correlation_of(headers)
    return Receipt(
        status=status,
        correlation_id=None if correlation is None else correlation.decode(errors=_ESCAPE),
        doc_id=record.doc_id,
        source=record.source,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        received_at=record.received_at,
        code=code,
        reason=reason,
        elapsed_ms=max(0, at_ms - record.received_at),
    )


_ESCAPE = "backslashreplace"
