"""Dead letters on their way to their topic: whole where they fit, cut where they do not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streams.ports import Outgoing

if TYPE_CHECKING:
    from schemas.codec import Codec
    from schemas.messages import DeadLetter
    from streams.ports import Producer

KEPT_BYTES = 32 * 1024
"""How much of a value, and of a key, is kept where the whole does not fit."""


_CUT = "(the message is larger than the dead letters take: of its "


def was_cut(letter: DeadLetter) -> bool:
    """Whether only the beginning of the message was kept."""
    return _CUT in letter.reason


def outgoing_letter(letter: DeadLetter, topic: str, codec: Codec, producer: Producer) -> Outgoing:
    """Return the message of a dead letter.

    Other clients may have sent what the dead-letter topic does not take: where the documents topic
    has a higher limit than Tidemark's settings, or on the in-process cluster. Then only the
    beginning is kept and the reason says so; otherwise that one message would stop every worker
    that reads it, for good.
    """
    whole = Outgoing(topic, letter.key, codec.encode(topic, letter))
    if producer.refusal(whole) is None:
        return whole
    short = _cut(letter)
    return Outgoing(topic, short.key, codec.encode(topic, short))


def _cut(letter: DeadLetter) -> DeadLetter:
    size = len(letter.value or b"")
    return replace(
        letter,
        key=None if letter.key is None else letter.key[:KEPT_BYTES],
        value=None if letter.value is None else letter.value[:KEPT_BYTES],
        headers={},
        reason=f"{letter.reason} {_CUT}"
        f"{size:,} bytes the first {KEPT_BYTES:,} are kept here, all of them in {letter.topic}, "
        f"partition {letter.partition}, offset {letter.offset}, while that topic keeps them)",
    )
