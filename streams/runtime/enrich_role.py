"""The enrich role: documents in, enriched documents and dead letters out, over the ports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.ports import Outgoing
from streams.runtime.lane import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.codec import Codec
    from schemas.messages import DeadLetter, Enriched
    from streams.metrics import Metrics
    from streams.ports import Producer, RawMessage
    from streams.runtime.retry import Retry
    from streams.stages.enrich import Batch, Enrichment, EnrichStage
    from streams.stages.guard import DeadLetterGuard
    from streams.topics import Topics

_FLUSH_S = 60.0


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

    def steps(self) -> tuple[Step, ...]:
        """Return the steps in order; each runs in a thread of its own."""
        return (
            Step("pre", self._pre),
            Step("core", self._core),
            Step("post", self._post),
            Step("deliver", self._deliver),
        )

    def _pre(self, messages: Sequence[RawMessage]) -> Batch:
        with self.metrics.step("enrich", "pre"):
            return self.retry("read schemas", lambda: self.stage.pre(messages))

    def _core(self, batch: Batch) -> Batch:
        with self.metrics.step("enrich", "core"):
            return self.stage.core(batch)

    def _post(self, batch: Batch) -> list[Outgoing]:
        with self.metrics.step("enrich", "post"):
            result = self.stage.post(batch)
            self._check(result)
            return [self._enriched(record) for record in result.enriched] + [
                self._dead(letter) for letter in result.dead_letters
            ]

    def _check(self, result: Enrichment) -> None:
        bad = len(result.dead_letters)
        example = result.dead_letters[-1].reason if bad else ""
        self.guard.check(len(result.enriched) + bad, bad, example)
        for letter in result.dead_letters:
            self.metrics.dead_letter("enrich", letter.code)

    def _enriched(self, record: Enriched) -> Outgoing:
        # The source is the key: a segment stays on one partition, hence on one drift worker.
        topic = self.topics.enriched
        return Outgoing(topic, record.source.encode(), self.codec.encode(topic, record))

    def _dead(self, letter: DeadLetter) -> Outgoing:
        topic = self.topics.dead_letters
        return Outgoing(topic, letter.key, self.codec.encode(topic, letter))

    def _deliver(self, messages: list[Outgoing]) -> None:
        with self.metrics.step("enrich", "deliver"):
            self.retry("produce enriched documents", lambda: self._send(messages))

    def _send(self, messages: list[Outgoing]) -> None:
        self.producer.send(messages)
        self.producer.flush(_FLUSH_S)
