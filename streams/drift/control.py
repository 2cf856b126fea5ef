"""What people ask of the drift workers: messages among the documents of the enriched topic.

A control message lies in the partition of the source that it is about, at an offset like any
document's. So the worker that holds the source obeys it, exactly once, at the same place of the
stream in every replay, whichever worker that is. It is told from a document by its header; roles
that have no use for it pass over it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, TypeAlias

import orjson

from streams.errors import InvalidDocument

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.messages import Enriched

HEADER = "tidemark-control"
"""Header of a control message; its value is the command."""

REBASELINE = b"rebaseline"
LEARN = b"learn"
"""Command of a document of a named reference; its value is an enriched record."""

MOST_DOCUMENTS = 20_000
"""Documents of a reference, at most."""

_MOST_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True)
class Rebaseline:
    """Take a new reference for a source, and close its alerts.

    Attributes:
        source: whose reference.
        reason: stands with the alerts that this closes.
        documents: that follow as ``Learn`` and are the reference; 0: the next of the stream.
    """

    source: str
    reason: str = ""
    documents: int = 0

    def value(self) -> bytes:
        """Return the message's value."""
        return orjson.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Learn:
    """A document of the reference that a ``Rebaseline`` before it has announced."""

    document: Enriched

    @property
    def source(self) -> str:
        """Whose reference."""
        return self.document.source


Control: TypeAlias = Rebaseline | Learn


def read_control(
    command: bytes, value: bytes | None, read_document: Callable[[bytes], Enriched]
) -> Control | None:
    """Return what a control message asks for; None for a command that this version does not know.

    Args:
        command: the header.
        value: of the message.
        read_document: decodes an enriched record.

    Raises:
        InvalidDocument: the value is not that of the command.
    """
    if command == LEARN:
        return Learn(read_document(value or b""))
    if command != REBASELINE:
        return None
    try:
        fields = orjson.loads(value or b"")
        source, reason = fields["source"], fields.get("reason", "")
        documents = fields.get("documents", 0)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidDocument("corrupt", f"no control message: {error!r:.120}") from None
    if not isinstance(source, str) or not isinstance(reason, str):
        raise InvalidDocument("corrupt", "no control message: source and reason must be strings")
    if not isinstance(documents, int) or not 0 <= documents <= MOST_DOCUMENTS:
        raise InvalidDocument("corrupt", "no control message: documents must be a sensible number")
    return Rebaseline(source, reason[:_MOST_CHARACTERS], documents)
