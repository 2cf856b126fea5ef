"""What people ask of the drift workers: messages among the documents of the enriched topic.

A control message lies in the partition of the source that it is about, at an offset like any
document's. So the worker that holds the source obeys it, exactly once, at the same place of the
stream in every replay, whichever worker that is. It is told from a document by its header; roles
that have no use for it pass over it.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from streams.errors import InvalidDocument

HEADER = "tidemark-control"
"""Header of a control message; its value is the command."""

REBASELINE = b"rebaseline"

_MOST_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True)
class Rebaseline:
    """Take a new reference for a source, and close its alerts."""

    source: str
    reason: str = ""

    def value(self) -> bytes:
        """Return the message's value."""
        return orjson.dumps({"source": self.source, "reason": self.reason})


def read_control(command: bytes, value: bytes | None) -> Rebaseline | None:
    """Return what a control message asks for; None for a command that this version does not know.

    Raises:
        InvalidDocument: the value is not that of the command.
    """
    if command != REBASELINE:
        return None
    try:
        fields = orjson.loads(value or b"")
        source, reason = fields["source"], fields.get("reason", "")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidDocument("corrupt", f"no control message: {error!r:.120}") from None
    if not isinstance(source, str) or not isinstance(reason, str):
        raise InvalidDocument("corrupt", "no control message: source and reason must be strings")
    return Rebaseline(source, reason[:_MOST_CHARACTERS])
