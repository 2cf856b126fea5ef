"""Running summaries: what was this source about in this window?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.summarize.generative import GenerativeSummarizer
    from streams.ports import Text


@dataclass(frozen=True, slots=True)
class Running:
    """The summary of one source and window so far.

    Attributes:
        window_start: milliseconds since 1970-01-01T00:00:00Z.
        documents: how many documents it stands for.
    """

    source: str
    window_start: int
    summary: str = ""
    documents: int = 0


def folded(running: Running, texts: Sequence[Text], summarizer: GenerativeSummarizer) -> Running:
    """Return the summary with new documents folded in; nothing else is remembered.

    The same summary, the same documents in the same order: the same result.
    """
    if not texts:
        return running
    written = summarizer.fold(running.summary, texts)
    return Running(
        running.source, running.window_start, written.text, running.documents + len(texts)
    )
