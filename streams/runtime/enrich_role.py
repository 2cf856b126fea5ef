"""The enrich role: documents in, enriched documents and dead letters out, over the ports."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from schemas.messages import Origin
from streams.ports import Outgoing
from streams.runtime.dead_letters import outgoing_letter
from streams.runtime.delivery import Delivery
from streams.runtime.lane import Step
from streams.stages.enrich import dead_letter
from streams.stages.headers import carried
from streams.stages.receipts import accepted, rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from schemas.codec import Codec
    from schemas.messages import DeadLetter, Enriched
    from streams.metrics import Metrics
    from streams.ports import Producer, RawMessage
    from streams.runtime.receipts import Receipts
    from streams.runtime.retry import Retry
    from streams.stages.enrich import Batch, EnrichStage
    from streams.stages.guard import DeadLetterGuard
    from streams.topics import Topics


@dataclass(frozen=True, slots=True)
class EnrichRole:
    """Steps of the enrich lane: pre, core, post, deliver."""

    stage: EnrichStage
    codec: Codec
    producer: Producer
    topics: Topics
    guard: DeadLetterGuard
    retry: Retry
    metrics: Metrics
    receipts: Receipts

    def steps(self) -> tuple[Step, ...]:
        """Return the steps in order; each runs in a thread of its own."""
        delivery = Delivery(self.producer, self.retry)
        return (
            Step("pre", self._pre, waits=self._waits),
            Step("core", self._core),
            Step("post", self._post, waits=self._waits),
            Step("deliver", partial(self._deliver, delivery), waits=lambda: True),
        )

    def _waits(self) -> bool:
        return self.retry.waiting

    def _pre(self, messages: Sequence[RawMessage]) -> Batch:
        with self.metrics.step("enrich", "pre"):
            return self.retry("read the producers' schemas", lambda: self.stage.pre(messages))

    def _core(self, batch: Batch) -> Batch:
        with self.metrics.step("enrich", "core"):
            return self.stage.core(batch)

    def _post(self, batch: Batch) -> list[Outgoing]:
        with self.metrics.step("enrich", "post"):
            result = self.stage.post(batch)
            self._count(result.enriched)
            headers = {
                entry.message.origin: carried(entry.message.headers) for entry in batch.entries
            }
            sent = [
                (record, self._registered(partial(self._enriched, record, headers)))
                for record in result.enriched
            ]
            letters = [*result.dead_letters, *self._too_large(batch, sent)]
            self._check(len(batch.entries) + len(batch.refused), letters)
            whole = [one for one in sent if not self.producer.refusal(one[1])]
            results = [message for _, message in whole]
            results += [self._registered(partial(self._dead, letter)) for letter in letters]
            # After the results and flushed with them: no receipt runs ahead of what it says.
            return results + self._told(batch, whole, letters)

    def _count(self, records: Sequence[Enriched]) -> None:
        self.metrics.worked(records)
        for record in records:
            for rule in record.summary_flags:
                self.metrics.summary_stopped(rule)
            for kind, times in record.redactions.items():
                self.metrics.redacted(kind, times)

    def _registered(self, encode: Callable[[], Outgoing]) -> Outgoing:
        """Encode; a schema registry is asked the first time only, and may be away just then."""
        return self.retry("register schemas", encode)

    def _too_large(
        self, batch: Batch, sent: Sequence[tuple[Enriched, Outgoing]]
    ) -> Iterator[DeadLetter]:
        """A document that fitted its topic may not fit with all that was found out about it."""
        arrived = {entry.message.origin: entry.message for entry in batch.entries}
        for record, message in sent:
            refusal = self.producer.refusal(message)
            if refusal is not None:
                origin = _origin(record)
                refusal.doc_id, refusal.source = record.doc_id, record.source
                yield dead_letter(arrived[origin], refusal, "enrich", record.enriched_at)

    def _check(self, messages: int, letters: Sequence[DeadLetter]) -> None:
        self.guard.check(messages, len(letters), letters[-1].reason if letters else "")
        for letter in letters:
            self.metrics.dead_letter("enrich", letter.code)

    def _enriched(
        self, record: Enriched, headers: Mapping[Origin, Mapping[str, bytes]]
    ) -> Outgoing:
        # The source is the key: a segment stays on one partition, hence on one drift worker.
        topic, key = self.topics.enriched, record.source.encode()
        return Outgoing(topic, key, self.codec.encode(topic, record), headers[_origin(record)])

    def _told(
        self,
        batch: Batch,
        whole: Sequence[tuple[Enriched, Outgoing]],
        letters: Sequence[DeadLetter],
    ) -> list[Outgoing]:
        """Return the receipts of those that asked."""
        wanted, outgoing = self.receipts.wanted, self.receipts.outgoing
        told = [
            (accepted(record, message.headers, batch.started_at), message.headers)
            for record, message in whole
            if wanted(message.headers)
        ]
        told += [(rejected(x, x.headers), x.headers) for x in letters if wanted(x.headers)]
        return [self._registered(partial(outgoing, *one)) for one in told]

    def _dead(self, letter: DeadLetter) -> Outgoing:
        return outgoing_letter(letter, self.topics.dead_letters, self.codec, self.producer)

    def _deliver(self, delivery: Delivery, messages: list[Outgoing]) -> None:
        with self.metrics.step("enrich", "deliver"):
            delivery("produce enriched documents", messages)


def _origin(record: Enriched) -> Origin:
    return Origin(record.topic, record.partition, record.offset, record.received_at)
