"""Puts dead letters back to their topic: judged one by one, sent in batches, each batch journalled.

Nothing is put back twice by accident: neither what the database says has been put back, nor what
the journal of this data folder says was sent. Were it, the document would still have one row, by
its natural key; but a letter that is older than the document's newest row would overwrite it, so
that is looked at, too.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from schemas.messages import Enriched, Origin
from streams.errors import InvalidDocument
from streams.ports import Outgoing, RawMessage
from streams.runtime.dead_letters import was_cut
from streams.stages.replays import count_of, replay_headers, written

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from schemas.codec import Codec
    from streams.clock import Clock
    from streams.ports import Producer
    from streams.runtime.replay_journal import ReplayJournal
    from streams.stages.ingest import Ingest
    from streams.stages.replays import Candidate, LetterKey
    from streams.topics import Topics

_FLUSH_S = 120.0
_SHOWN = 10

Why = Literal[
    "put-back-before", "other-topic", "cut", "too-often", "refused-again", "superseded", "too-large"
]


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be put back.

    Attributes:
        most: how often a message may be put back at all.
        again: also what has been put back before.
        anyway: also what would be refused again, and what is older than the document's row.
    """

    most: int = 3
    again: bool = False
    anyway: bool = False


@dataclass(slots=True)
class ReplayOutcome:
    """What was done; ``shown`` holds the first of what was not, as lines for a person."""

    sent: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    shown: list[str] = field(default_factory=list)

    def skip(self, key: LetterKey, why: Why, words: str) -> None:
        """Count a letter that stays where it is."""
        self.skipped[why] += 1
        if len(self.shown) < _SHOWN:
            self.shown.append(f"{written(key)}: {words}")


class Known(Protocol):
    """What the database knows of documents."""

    def newest(self, documents: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], int]:
        """Return the broker's timestamp of the newest message of each (source, doc_id)."""
        ...


class Replay:
    """Judges and sends.

    Args:
        topics: whose letters may be put back, and where to.
        ingest: what the enrich role would say of a document.
        codec: reads enriched records.
        known: what has landed.
        clock: the time of arrival.
        limits: what may be put back.
        partitions: how many partitions each topic has.
    """

    def __init__(
        self,
        *,
        topics: Topics,
        ingest: Ingest,
        codec: Codec,
        known: Known,
        clock: Clock,
        limits: Limits,
        partitions: Mapping[str, int],
    ) -> None:
        self._topics = topics
        self._ingest = ingest
        self._codec = codec
        self._known = known
        self._clock = clock
        self._limits = limits
        self._partitions = partitions
        self.outcome = ReplayOutcome()

    def judged(
        self, candidates: Sequence[Candidate], sent: frozenset[LetterKey]
    ) -> list[tuple[LetterKey, Outgoing]]:
        """Return the messages of those that may be put back; the others are counted as skipped."""
        identities: dict[LetterKey, tuple[str, str]] = {}
        fine = [one for one in candidates if self._may(one, sent, identities)]
        newest = {} if self._limits.anyway else self._known.newest(sorted(identities.values()))
        judged = []
        for one in fine:
            at = newest.get(identities.get(one.key, ("", "")), 0)
            if at > one.letter.received_at:
                words = "a newer version of the document has landed, which this would overwrite"
                self.outcome.skip(one.key, "superseded", words)
            else:
                judged.append((one.key, self._message(one)))
        return judged

    def send(
        self,
        messages: Sequence[tuple[LetterKey, Outgoing]],
        producer: Producer,
        journal: ReplayJournal,
    ) -> None:
        """Send one batch; when this returns it is durable and in the journal.

        Raises:
            Unavailable: the broker does not answer; a later run goes on where this one ended.
        """
        whole = []
        for key, message in messages:
            refusal = producer.refusal(message)
            if refusal is None:
                whole.append((key, message))
            else:
                self.outcome.skip(key, "too-large", str(refusal))
        if not whole:
            return
        with journal.batch([key for key, _ in whole]):
            producer.send([message for _, message in whole])
            producer.flush(_FLUSH_S)
        self.outcome.sent += len(whole)

    def _may(
        self,
        one: Candidate,
        sent: frozenset[LetterKey],
        identities: dict[LetterKey, tuple[str, str]],
    ) -> bool:
        skip, key, limits = self.outcome.skip, one.key, self._limits
        if one.letter.topic not in (self._topics.documents, self._topics.enriched):
            skip(key, "other-topic", f"{one.letter.topic} is no topic that letters are put back to")
        elif not limits.again and (one.replays or key in sent):
            skip(key, "put-back-before", _before(one))
        elif was_cut(one.letter):
            skip(key, "cut", "only its beginning was kept: publish the original again")
        elif count_of(one.letter.headers) >= limits.most:
            words = f"it has been put back {count_of(one.letter.headers)} times (--most)"
            skip(key, "too-often", words)
        else:
            return self._readable(one, identities)
        return False

    def _readable(self, one: Candidate, identities: dict[LetterKey, tuple[str, str]]) -> bool:
        try:
            identities[one.key] = self._identity(one)
        except InvalidDocument as error:
            if not self._limits.anyway:
                words = f"it would be refused again: {error.code}: {error}"
                self.outcome.skip(one.key, "refused-again", words)
            return self._limits.anyway
        return True

    def _identity(self, one: Candidate) -> tuple[str, str]:
        letter = one.letter
        if letter.topic == self._topics.enriched:
            enriched = self._codec.decode(Enriched, letter.value)
            return enriched.source, enriched.doc_id
        origin = Origin(letter.topic, letter.partition, letter.offset, self._clock.now_ms())
        accepted = self._ingest(RawMessage(origin, letter.key, letter.value, letter.headers))
        return accepted.source, accepted.doc_id

    def _message(self, one: Candidate) -> Outgoing:
        letter = one.letter
        # To its old partition: of one key the order stays, whoever chose the partition.
        there = letter.partition < self._partitions.get(letter.topic, 0)
        return Outgoing(
            letter.topic,
            letter.key,
            letter.value,
            replay_headers(one.key, letter.headers),
            letter.partition if there else None,
        )


def batches(
    candidates: Iterable[Candidate], most: int = 500, most_bytes: int = 8 << 20
) -> Iterable[list[Candidate]]:
    """Cut into batches of so many letters and about so many bytes."""
    batch: list[Candidate] = []
    size = 0
    for one in candidates:
        length = len(one.letter.value or b"")
        if batch and (len(batch) == most or size + length > most_bytes):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += length
    if batch:
        yield batch


def _before(one: Candidate) -> str:
    if one.resolved_by is not None:
        return f"it has been put back before and landed as {one.resolved_by} (--again)"
    if one.replays:
        return "it has been put back before and was dead-lettered again: put that letter back"
    return "it has been put back before and is on its way (--again)"
