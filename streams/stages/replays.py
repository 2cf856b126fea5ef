"""Dead letters that are put back: the headers that say so, and what is recorded of their fate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.messages import DeadLetter

OF = "tidemark-replay-of"
"""Dead letter that was put back: ``topic/partition/offset/received_at``."""

ORIGIN = "tidemark-replay-origin"
"""The first one, where a replay was dead-lettered and put back again."""

COUNT = "tidemark-replays"
"""How many times it has been put back, in digits."""

LetterKey: TypeAlias = "tuple[str, int, int, int]"
"""Topic, partition, offset and broker timestamp of a message that was dead-lettered."""

_PARTS = 4
_MOST_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of a dead letter that was put back.

    Attributes:
        letter: the dead letter.
        topic, partition, offset, received_at: the message that it became.
        outcome: ``landed`` or ``dead-lettered``.
        number: how many times it has been put back.
    """

    letter: LetterKey
    topic: str
    partition: int
    offset: int
    received_at: int
    outcome: str
    number: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A dead letter that may be put back.

    Attributes:
        letter: as it is in the database, or as it was repaired in a file.
        replays: how often the database says that it has been put back.
        resolved_by: the message by which it landed.
    """

    letter: DeadLetter
    replays: int = 0
    resolved_by: str | None = None

    @property
    def key(self) -> LetterKey:
        """Its identity."""
        letter = self.letter
        return letter.topic, letter.partition, letter.offset, letter.received_at


def written(key: LetterKey) -> str:
    """Return the identity of a dead letter as the headers have it.

    >>> written(("a.b", 1, 2, 3))
    'a.b/1/2/3'
    """
    return "/".join(map(str, key))


def read(text: bytes | None) -> LetterKey | None:
    """Return the identity in a header; None where there is none that can be read."""
    parts = (text or b"").decode(errors="replace").rsplit("/", _PARTS - 1)
    if len(parts) != _PARTS or not parts[0] or not all(x.isdecimal() for x in parts[1:]):
        return None
    return parts[0], int(parts[1]), int(parts[2]), int(parts[3])


def count_of(headers: Mapping[str, bytes]) -> int:
    """Return how many times a message has been put back; 0 for one that never was."""
    digits = headers.get(COUNT, b"0")
    return int(digits) if digits.isdigit() and len(digits) <= _MOST_DIGITS else 0


def replay_headers(key: LetterKey, headers: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the headers of a dead letter's next message: its own, and where it comes from."""
    of = written(key).encode()
    origin = headers.get(ORIGIN) or of
    return {**headers, OF: of, ORIGIN: origin, COUNT: str(count_of(headers) + 1).encode()}
