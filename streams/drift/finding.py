"""What a statistic says of a stream at one moment; ``lifecycle.py`` makes alerts of it.

A monitor hands in a finding each time it evaluates its statistic, quiet or not: without the quiet
ones nobody could tell that an event is over. Explaining is put off: ``explain`` is called only when
an alert is about to be written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.messages import (
        ChannelScore,
        Enriched,
        Evidence,
        ShareChange,
        ShareInterval,
        TermChange,
    )


class Moment(NamedTuple):
    """A point in a source's stream, after one of its documents.

    Attributes:
        position: documents of the source so far, this one included.
        published_at: event time of the document, ms.
        received_at: broker timestamp of the document, ms; orders the versions of an alert.
    """

    position: int
    published_at: int
    received_at: int

    @classmethod
    def after(cls, document: Enriched, position: int) -> Moment:
        """Return the moment after a document."""
        return cls(position, document.published_at, document.received_at)


class Span(NamedTuple):
    """Documents that a finding speaks of; event times in ms, both ends included."""

    start: int
    end: int
    documents: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a person is told. All but the sentence may stay empty.

    Attributes:
        sentence: what moved, in plain words and figures, from before to after, without source and
            time: "12 % of the documents are empty, 0.1 % before".
        kind: what moved most; the finding's kind where empty.
        span: documents that show it; the finding's where None.
        effect: size in standard deviations of quiet documents (0.8 is large); None if unknown.
        sql: query that shows the evidence; the window's documents where empty.
    """

    sentence: str
    kind: str = ""
    span: Span | None = None
    changed_at: int | None = None
    changed_from: int | None = None
    changed_to: int | None = None
    effect: float | None = None
    effect_by_mix: float | None = None
    effect_within_labels: float | None = None
    channels: tuple[ChannelScore, ...] = ()
    terms_up: tuple[TermChange, ...] = ()
    terms_down: tuple[TermChange, ...] = ()
    labels: tuple[ShareChange, ...] = ()
    label_intervals: tuple[ShareInterval, ...] = ()
    new_documents: tuple[Evidence, ...] = ()
    old_documents: tuple[Evidence, ...] = ()
    sql: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One evaluation of one statistic of one source.

    Attributes:
        source: whose stream.
        label: of the documents it speaks of, where it is one label's alone.
        kind: what is watched: ``vocabulary``, ``length``, ...; there is at most one alert open at a
            time for a source and kind.
        score: natural log of the expected number of documents between false alarms this strong.
        threshold: above it there is an alarm.
        moment: when it was evaluated.
        span: the documents evaluated.
        explain: called when an alert is about to be written.
        expected_per_week: false alarms this strong over all segments; None if unknown.
        quiet_documents: an event is over when the score stayed well below the threshold for so many
            documents.
        over: whether the event is over, where the statistic itself can tell; None: by the score.
        reference_documents: size of the reference.
        reference_id: which reference.
        model: of the embeddings, where they matter.
    """

    source: str
    kind: str
    score: float
    threshold: float
    moment: Moment
    span: Span
    explain: Callable[[], Explanation] = field(compare=False)
    expected_per_week: float | None = None
    quiet_documents: int = 100
    over: bool | None = None
    reference_documents: int = 0
    reference_id: str = ""
    model: str = ""
    label: str = ""
