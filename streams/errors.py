"""Errors named by their consequence.

Every message is one clear line for a person: what is wrong, and what to do about it.
"""

from __future__ import annotations


class TidemarkError(Exception):
    """Base of all errors that Tidemark raises on purpose; shown as one line, exit code 1."""


class InvalidDocument(TidemarkError):  # noqa: N818 - named by its consequence, not by its mechanism
    """This message can never be processed: it goes to the dead letters and is not retried.

    Attributes:
        code: machine-readable reason, e.g. ``empty-text``; lower case, words joined by hyphens.
        doc_id: identity of the document, where it could be read.
        source: segment of the document, where it could be read.
    """

    def __init__(
        self, code: str, reason: str, *, doc_id: str | None = None, source: str | None = None
    ) -> None:
        super().__init__(reason)
        self.code = code
        self.doc_id = doc_id
        self.source = source


class Overloaded(TidemarkError):  # noqa: N818
    """Downstream cannot take more now: slow down and try again."""


class Unavailable(TidemarkError):  # noqa: N818
    """Something that Tidemark needs does not answer now; trying again later can help."""


class StillWaiting(Unavailable):
    """It is under way and may still arrive: wait on, and do not hand it over again."""


class Superseded(TidemarkError):  # noqa: N818
    """Another worker has taken over what this one held: let go of it, acknowledge nothing."""


class Misconfigured(TidemarkError):  # noqa: N818
    """A setting is wrong or missing: refuse to start and name it; trying again cannot help."""


class TooManyDeadLetters(TidemarkError):  # noqa: N818
    """The share of dead letters passed its limit: stop before the topic drains away."""


class UnreadableState(TidemarkError):  # noqa: N818
    """Stored state is damaged or of another version: refuse to go on with it."""
