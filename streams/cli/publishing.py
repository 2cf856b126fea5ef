"""The publishing loop: documents of a reader to messages of a producer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import orjson

from schemas.messages import Document, Origin
from streams.errors import InvalidDocument
from streams.ports import Outgoing
from streams.readers import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from streams.clock import Clock
    from streams.ports import Producer
    from streams.readers import Found
    from streams.stages.ingest import Ingest

SHOWN_REFUSALS = 10
_MOST_IDENTITIES = 1_000_000
_FLUSH_SECONDS = 120.0


@dataclass(slots=True)
class Outcome:
    """What became of the documents.

    Attributes:
        done: published and acknowledged, or enriched and written.
        refused: those that are no documents.
        reasons: the first of these.
        repeated: published with an identity that an earlier one of this run had; such documents
            replace each other. Counted up to a million identities.
    """

    done: int = 0
    refused: int = 0
    reasons: list[Refused] = field(default_factory=list)
    repeated: int = 0

    def refuse(self, refused: Refused) -> None:
        """Count a refusal and keep it when it is one of the first."""
        self.refused += 1
        if len(self.reasons) < SHOWN_REFUSALS:
            self.reasons.append(refused)


class Publisher:
    """Checks documents as the enrich role will, and publishes those that it will accept.

    Args:
        producer: sends the messages.
        topic: where to.
        encode: writes a document as a message's value.
        ingest: the check.
        clock: the documents' arrival, for the check of their dates.
        pace: called before each document; waits where a rate is asked for.
        headers: gives the headers of each message.
    """

    def __init__(
        self,
        producer: Producer,
        topic: str,
        *,
        encode: Callable[[Document], bytes],
        ingest: Ingest,
        clock: Clock,
        pace: Callable[[], None],
        headers: Callable[[], Mapping[str, bytes]] = dict,
    ) -> None:
        self._producer = producer
        self._topic = topic
        self._encode = encode
        self._ingest = ingest
        self._clock = clock
        self._pace = pace
        self._headers = headers
        self._identities: set[int] = set()

    def run(self, found: Iterable[Found | Refused], outcome: Outcome) -> None:
        """Publish until the documents end; counts in ``outcome`` as it goes on.

        An interruption still flushes what was handed over.

        Raises:
            Unavailable: the broker did not acknowledge everything.
        """
        sent = 0
        try:
            for item in found:
                self._pace()
                sent += self._publish(item, outcome)
        finally:
            self._producer.flush(_FLUSH_SECONDS)
            outcome.done += sent

    def _publish(self, item: Found | Refused, outcome: Outcome) -> int:
        """Send at once, one by one: standard input may take its time for the next document."""
        if isinstance(item, Refused):
            outcome.refuse(item)
            return 0
        try:
            message = self._message(item.document)
            self._producer.send([message])
        except InvalidDocument as error:
            outcome.refuse(Refused(item.location, str(error)))
            return 0
        outcome.repeated += self._seen(item.document.source, message.key)
        return 1

    def _seen(self, source: str, key: bytes | None) -> bool:
        identity = hash((source, key))
        if identity in self._identities:
            return True
        if len(self._identities) < _MOST_IDENTITIES:
            self._identities.add(identity)
        return False

    def _message(self, document: Document) -> Outgoing:
        origin = Origin(self._topic, 0, 0, self._clock.now_ms())
        doc_id = self._ingest.accept(document, origin).doc_id
        value = self._encode(replace(document, doc_id=doc_id))
        return Outgoing(self._topic, doc_id.encode(), value, self._headers())


class Pacer:
    """Keeps to a rate over the whole run: after a delay it catches up.

    Args:
        rate: calls per second.
        monotonic: time in seconds.
        wait: waits for a number of seconds.
    """

    def __init__(
        self, rate: float, monotonic: Callable[[], float], wait: Callable[[float], object]
    ) -> None:
        self._interval = 1 / rate
        self._monotonic = monotonic
        self._wait = wait
        self._due = monotonic()

    def __call__(self) -> None:
        """Wait until the next call is due."""
        left = self._due - self._monotonic()
        if left > 0:
            self._wait(left)
        self._due += self._interval


def as_json(document: Document) -> bytes:
    """Return the document as JSON of the document schema; what is absent is left out."""
    values = {
        name: value
        for name in Document.__slots__
        if (value := getattr(document, name)) not in (None, {})
    }
    return orjson.dumps(values)
