"""How far a detector is, and what it says after a document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Reading(NamedTuple):
    """What the detector says after a document; ``score`` is None while there is none."""

    score: float | None
    threshold: float | None
    state: str
    reference_documents: int
    model: str
    reference_id: str = ""
    reference_reason: str = ""
    quiet: tuple[int, ...] = ()


@dataclass(slots=True)
class Progress:
    """The detector's small state.

    Attributes:
        reference_id: counts the references of the segment.
        cooldown: documents still to be passed over before the next reference is collected.
        reason: why the reference was taken.
        returns: how often the stream has come back to this reference.
        awaited: documents that are still to be handed in as the reference.
        age: documents watched since the reference was taken or come back to.
        dropped: how often the collection of a rolling reference was given up.
    """

    state: str = "collecting"
    reference_id: int = 0
    cooldown: int = 0
    score: float | None = None
    threshold: float | None = None
    reason: str = "first"
    returns: int = 0
    awaited: int = 0
    age: int = 0
    dropped: int = 0
