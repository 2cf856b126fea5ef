"""What moved, in words for somebody who knows no statistics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.messages import ShareChange, TermChange
    from streams.drift.decompose import Move

_WORDS = 6
_NAMED_Z = 2.5  # of the thousands of words that could be named, few pass by chance
_SHARES = 2
_LEAST_SHARE = 0.03  # of labels: smaller changes are true and of no use to a reader
_UNKNOWN_MORE = 0.04
_UNKNOWN_TIMES = 1.5
_LEAST_STRANGE = 0.02
_LEAST_MOVE = 0.2  # deviations: below it the parts are guesses


@dataclass(frozen=True, slots=True)
class Unknown:
    """Words that no (other) document of the reference has.

    Attributes:
        before: their mean share of a document's words in the reference.
        after: the same after the change.
        strange: share of the documents after the change that mostly consist of them.
    """

    before: float
    after: float
    strange: float


@dataclass(frozen=True, slots=True)
class Moved:
    """What an alert has found out.

    Attributes:
        came: words that are more frequent.
        went: words that are rarer.
        labels: with the intervals of their changes.
        unknown: words that the reference has not.
        move: of the embedding.
    """

    came: Sequence[TermChange]
    went: Sequence[TermChange]
    labels: Sequence[ShareChange]
    unknown: Unknown
    move: Move | None


def what_moved(moved: Moved) -> str:
    """Return what labels, words and embedding say, in this order, in sentences."""
    parts = [*_unknown(moved.unknown), *_labels(moved.labels), *_words(moved)]
    if not parts:
        parts = ["The documents are about something else, but no single word or label stands out"]
    return ". ".join([*parts, *_mixture(moved)])


def _labels(labels: Sequence[ShareChange]) -> list[str]:
    clear = [
        label
        for label in labels
        if (label.low > 0 or label.high < 0) and abs(label.after - label.before) >= _LEAST_SHARE
    ]
    more = [label for label in clear if label.low > 0][:_SHARES]
    less = [label for label in clear if label.high < 0][:_SHARES]
    return [
        f'{"More" if label.low > 0 else "Less"} "{label.label}": {percent(label.after)}'
        f"{'' if place else ' of the documents'}, {percent(label.before)} before"
        for place, label in enumerate((*more, *less))
    ]


def _unknown(unknown: Unknown) -> list[str]:
    before, after = unknown.before, unknown.after
    if after - before < _UNKNOWN_MORE or after < _UNKNOWN_TIMES * before:
        return []
    found = f"{percent(after)} of the words are new to this source, {percent(before)} before"
    if unknown.strange < _LEAST_STRANGE:
        return [found]
    return [f"{found}; {percent(unknown.strange)} of the documents mostly consist of such words"]


def _words(moved: Moved) -> list[str]:
    came = [change.term for change in moved.came if change.z >= _NAMED_Z][:_WORDS]
    went = [change.term for change in moved.went if change.z <= -_NAMED_Z][:_WORDS]
    found = [f"Words that came: {', '.join(came)}"] if came else []
    return [*found, f"Words that went: {', '.join(went)}"] if went else found


def _mixture(moved: Moved) -> list[str]:
    move = moved.move
    if move is None or move.total < _LEAST_MOVE or len(moved.labels) <= 1:
        return []
    mix = 10 * round(10 * min(max(move.mix / move.total, 0.0), 1.0))
    if mix == 100:  # noqa: PLR2004
        return ["All of the move is another mix of labels"]
    if mix == 0:
        return ["All of the move is new content under the same labels"]
    parts = f"{mix} % of the move is another mix of labels, {100 - mix} % new content"
    return [f"About {parts} under the same labels"]


def percent(share: float) -> str:
    """Return a share as ``25 %``; small ones with a decimal."""
    text = f"{100 * share:.1f}" if 0 < share < 0.0095 else f"{100 * share:.0f}"  # noqa: PLR2004
    return f"{text} %"
